package rotation

import (
	"strings"

	"github.com/rotahq/rota"
)

// Redactor removes secret values from texts of others, such as the log of a
// function that is not rota's, as the handler removes them from its own
// errors: whole values, what stands under a secret name in a JSON value, each
// long line of those, and the forms that they take in messages. What was never
// stored or told to Hide it cannot know.
type Redactor struct{ hide hider }

// longLine is the shortest line of a secret that is removed by itself: a line
// of a key in PEM is longer.
const longLine = 16

// Hide adds values that must not be in a text.
func (r *Redactor) Hide(values ...rota.Value) {
	for _, v := range values {
		before := len(r.hide.parts)
		r.hide.add(v)
		for i, part := range r.hide.parts[before:] {
			if i == 0 && strings.HasPrefix(strings.TrimSpace(part), "{") {
				continue // the whole of a JSON value, whose lines hold other things too
			}
			for line := range strings.Lines(part) {
				if line = strings.TrimSpace(line); len(line) >= longLine && line != part {
					r.hide.part(line)
				}
			}
		}
	}
}

// HideEnvironment is Hide for variables of an environment: of those, names of
// secrets stay readable.
func (r *Redactor) HideEnvironment(variables ...rota.Value) {
	r.hide.environment = true
	r.Hide(variables...)
	r.hide.environment = false
}

// Text is the text without them.
func (r *Redactor) Text(s string) string { return r.hide.text(s) }

// Tail is the text without them, for one whose beginning is missing: what is
// left of a value that was cut goes too.
func (r *Redactor) Tail(s string) string {
	longest := 0
	for _, p := range r.hide.parts {
		longest = max(longest, len(p))
	}
	s = r.hide.text(s)
	if longest > 1 {
		s = s[min(len(s), longest-1):]
	}
	if _, rest, more := strings.Cut(s, "\n"); more {
		return rest // whole lines
	}
	return s
}
