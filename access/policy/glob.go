package policy

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards and variables, compiled once when the
// policy is parsed. The zero pattern matches the empty text.
type pattern struct {
	source    string
	pieces    []piece
	variables bool
}

// piece is what one place of a pattern stands for.
type piece struct {
	kind     pieceKind
	literal  string
	variable variable
}

type pieceKind uint8

// The narrow wildcards stay inside one segment of an ARN: they match no colon.
const (
	literally pieceKind = iota
	anyOne
	anyOneNarrow
	anyRun
	anyRunNarrow
	fromRequest
)

// matched is the answer of a comparison: no, yes, or that it hangs on a
// variable that this request gives no value to.
type matched uint8

const (
	no matched = iota
	yes
	unresolved
)

func answer(b bool) matched {
	if b {
		return yes
	}
	return no
}

// match compares the whole text. Values of variables are compared as they
// are: an asterisk in a user agent is no wildcard.
func (p *pattern) match(c *call, s string) matched {
	if !p.variables {
		return answer(glob(p.pieces, s))
	}
	var few [8]piece
	pieces := few[:0]
	for _, piece := range p.pieces {
		if piece.kind == fromRequest {
			value, ok := piece.variable.resolve(c)
			if !ok {
				return unresolved
			}
			piece.kind, piece.literal = literally, value
		}
		pieces = append(pieces, piece)
	}
	return answer(glob(pieces, s))
}

// matchFold compares without regard to case; for patterns without wildcards.
func (p *pattern) matchFold(c *call, s string) matched {
	text := ""
	for i := range p.pieces {
		piece := &p.pieces[i]
		literal := piece.literal
		if piece.kind == fromRequest {
			value, ok := piece.variable.resolve(c)
			if !ok {
				return unresolved
			}
			literal = value
		}
		text += literal // one piece unless there are variables: no copy
	}
	return answer(strings.EqualFold(text, s))
}

// fixed reports whether the pattern stands for one text only, known now.
func (p *pattern) fixed() bool {
	for _, piece := range p.pieces {
		if piece.kind != literally {
			return false
		}
	}
	return true
}

// glob matches without recursion, in time of the order of pattern times text.
//
// It takes the earliest place for everything that follows a wildcard and
// comes back to the last one when that fails. To come back to one before the
// last helps only if the last is narrow and stuck at a colon: hence two
// places to come back to. A narrow one before a narrow one need not be tried
// again: the number of colons between them is fixed, so the later one would
// start in the same segment, only further on.
func glob(pieces []piece, s string) bool {
	i, at := 0, 0
	wide, wideAt, narrow, narrowAt := -1, 0, -1, 0
	for {
		if i == len(pieces) {
			if at == len(s) {
				return true
			}
		} else {
			switch piece := &pieces[i]; piece.kind {
			case anyRun:
				if i == len(pieces)-1 {
					return true
				}
				wide, wideAt, narrow = i, at, -1
				i++
				continue
			case anyRunNarrow:
				narrow, narrowAt = i, at
				i++
				continue
			case anyOne, anyOneNarrow:
				if at < len(s) && (piece.kind == anyOne || s[at] != ':') {
					at += runeLen(s[at:])
					i++
					continue
				}
			default:
				if strings.HasPrefix(s[at:], piece.literal) {
					at += len(piece.literal)
					i++
					continue
				}
			}
		}
		switch {
		case narrow >= 0 && narrowAt < len(s) && s[narrowAt] != ':':
			narrowAt += runeLen(s[narrowAt:])
			i, at = narrow+1, narrowAt
		case wide >= 0 && wideAt < len(s):
			wideAt += runeLen(s[wideAt:])
			i, at, narrow = wide+1, wideAt, -1
		default:
			return false
		}
	}
}

// runeLen is the length of the first character, so that ? is one character
// and not one byte of it.
func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// syntax is what is special in a text of a policy.
type syntax uint8

const (
	wildcards   syntax = 1 << iota // * and ?
	placeholder                    // ${…}
	segments                       // wildcards of the first five segments of an ARN match no colon
	runOn                          // but a * that ends its segment does
)

// compile reads a text. With segments, variables stand after the fifth colon
// only (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html).
func compile(s string, syn syntax) (pattern, *Problem) {
	p := pattern{source: s}
	literal, colons := 0, 0    // where the literal begins; how many colons came before
	add := func(text string) { // neighbours become one piece
		if last := len(p.pieces) - 1; last >= 0 && p.pieces[last].kind == literally {
			p.pieces[last].literal += text
		} else {
			p.pieces = append(p.pieces, piece{literal: text})
		}
	}
	flush := func(end int) {
		if literal < end {
			add(s[literal:end])
		}
	}
	for i := 0; i < len(s); {
		narrow := syn&segments != 0 && colons < 5
		switch c := s[i]; {
		case c == ':':
			colons++
			i++
			continue
		case c == '*' && syn&wildcards != 0:
			flush(i)
			kind := anyRun
			if ends := i+1 == len(s) || s[i+1] == ':'; narrow && !(syn&runOn != 0 && ends) {
				kind = anyRunNarrow
			}
			p.pieces = append(p.pieces, piece{kind: kind})
			i++
		case c == '?' && syn&wildcards != 0:
			flush(i)
			kind := anyOne
			if narrow {
				kind = anyOneNarrow
			}
			p.pieces = append(p.pieces, piece{kind: kind})
			i++
		case c == '$' && syn&placeholder != 0 && strings.HasPrefix(s[i:], "${"):
			flush(i)
			if narrow {
				return pattern{}, bad("put the variable after the fifth colon of the ARN", "a policy variable before the resource part of %s", quote(s))
			}
			v, n, problem := parseVariable(s[i:])
			if problem != nil {
				return pattern{}, problem
			}
			if v.key == 0 {
				add(v.fallback)
			} else {
				p.pieces = append(p.pieces, piece{kind: fromRequest, variable: v})
				p.variables = true
			}
			i += n
		default:
			i++
			continue
		}
		literal = i
	}
	flush(len(s))
	return p, nil
}
