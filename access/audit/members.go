package audit

import (
	"strconv"
	"time"
)

// maxMembers is how many bytes the members of one object take at most: a
// request may have a megabyte, and its record must not.
const maxMembers = 32 << 10

// Members are named facts of an event, each picked by its name. The zero
// Members is null, as CloudTrail writes what a call has none of. What would
// make it longer than 32 KiB is left out as a whole, and "omitted" says so.
type Members struct {
	b       []byte
	omitted bool
}

// Text adds a text, if it is not empty.
func (m *Members) Text(name, text string) {
	if text != "" {
		m.add(name, func(b []byte) []byte { return appendText(b, text) })
	}
}

// Texts adds a list of texts, if there is one.
func (m *Members) Texts(name string, list []string) {
	if list != nil {
		m.List(name, len(list), func(b []byte, i int) []byte { return appendText(b, list[i]) })
	}
}

// Number adds a number.
func (m *Members) Number(name string, n int64) {
	m.add(name, func(b []byte) []byte { return strconv.AppendInt(b, n, 10) })
}

// Flag adds a truth.
func (m *Members) Flag(name string, v bool) {
	m.add(name, func(b []byte) []byte { return strconv.AppendBool(b, v) })
}

// Time adds a time in whole seconds, unless it is zero.
func (m *Members) Time(name string, t time.Time) {
	if !t.IsZero() {
		m.add(name, func(b []byte) []byte { return appendTime(b, t) })
	}
}

// Object adds an object.
func (m *Members) Object(name string, o Members) {
	m.add(name, o.append)
}

// Objects adds a list of n objects, which each fills in.
func (m *Members) Objects(name string, n int, each func(i int, o *Members)) {
	m.List(name, n, func(b []byte, i int) []byte {
		var o Members
		each(i, &o)
		return o.append(b)
	})
}

// List adds a list of n things, each appended as JSON.
func (m *Members) List(name string, n int, each func(b []byte, i int) []byte) {
	m.add(name, func(b []byte) []byte {
		b = append(b, '[')
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = each(b, i)
		}
		return append(b, ']')
	})
}

func (m *Members) add(name string, value func([]byte) []byte) {
	if m.b == nil {
		m.b = append(make([]byte, 0, 256), '{')
	}
	before := len(m.b)
	m.b = value(appendName(m.b, name))
	if len(m.b) > maxMembers {
		m.b, m.omitted = m.b[:before], true
	}
}

// append writes the object.
func (m Members) append(b []byte) []byte {
	if m.b == nil {
		return append(b, "null"...)
	}
	b = append(b, m.b...)
	if m.omitted {
		b = appendFlag(b, "omitted", true)
	}
	return append(b, '}')
}
