package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// raw is one JSON value out of a body that json.Valid accepted, without
// space around it; nil when it is absent or null. The functions of this file
// rely on that validity and check no syntax.
type raw []byte

// object walks over the members of a JSON object.
type object struct {
	rest  []byte
	name  []byte
	value raw
}

// next moves to the next member and reports whether there is one.
func (o *object) next() bool {
	o.rest = skipSpace(o.rest)
	if len(o.rest) == 0 || o.rest[0] == '}' {
		return false
	}
	if o.rest[0] == ',' {
		o.rest = skipSpace(o.rest[1:])
	}
	n := stringLen(o.rest)
	o.name = o.rest[1 : n-1]
	if bytes.IndexByte(o.name, '\\') >= 0 {
		o.name, _ = unquote(raw(o.rest[:n]))
	}
	o.rest = skipSpace(skipSpace(o.rest[n:])[1:]) // past the colon
	o.value, o.rest = cutValue(o.rest)
	return true
}

// array walks over the elements of a JSON array.
type array struct {
	rest  []byte
	value raw
}

func (a *array) next() bool {
	a.rest = skipSpace(a.rest)
	if len(a.rest) == 0 || a.rest[0] == ']' {
		return false
	}
	if a.rest[0] == ',' {
		a.rest = skipSpace(a.rest[1:])
	}
	a.value, a.rest = cutValue(a.rest)
	return true
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// cutValue splits the value that b begins with from what follows it.
func cutValue(b []byte) (value raw, rest []byte) {
	n := valueLen(b)
	if b[0] == 'n' { // null is absent
		return nil, b[n:]
	}
	return raw(b[:n]), b[n:]
}

func valueLen(b []byte) int {
	switch b[0] {
	case '"':
		return stringLen(b)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch b[i] {
			case '"':
				i += stringLen(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	default: // a number, true, false or null
		n := bytes.IndexAny(b, ",]} \n\r\t")
		if n < 0 {
			n = len(b)
		}
		return n
	}
}

// stringLen is the length of the string token that b begins with, quotes
// included.
func stringLen(b []byte) int {
	i := 1
	for b[i] != '"' {
		if b[i] == '\\' {
			i++
		}
		i++
	}
	return i + 1
}

// unquote returns the text of a string token; it may share r's memory. It
// fails on half a surrogate pair: what encoding/json does, putting U+FFFD in
// its place, would store another secret than was sent.
func unquote(r raw) (text []byte, ok bool) {
	s := r[1 : len(r)-1]
	next := bytes.IndexByte(s, '\\')
	if next < 0 {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for next >= 0 {
		out = append(out, s[:next]...)
		s = s[next+1:]
		switch c := s[0]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			u := hex4(s[1:])
			s = s[4:]
			if utf16.IsSurrogate(u) {
				if len(s) < 7 || s[1] != '\\' || s[2] != 'u' {
					return nil, false
				}
				if u = utf16.DecodeRune(u, hex4(s[3:])); u == utf8.RuneError {
					return nil, false
				}
				s = s[6:]
			}
			out = utf8.AppendRune(out, u)
		default: // a quote, a slash, a backslash
			out = append(out, c)
		}
		s = s[1:]
		next = bytes.IndexByte(s, '\\')
	}
	return append(out, s...), true
}

func hex4(b []byte) (u rune) {
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		u = u<<4 | rune(c)
	}
	return u
}
