package rotation

import (
	"encoding/json"
	"strings"

	"github.com/rotahq/rota"
)

// hider removes secret parts from error texts. Rotators do not put them
// there; this is the layer that nobody can forget.
type hider struct {
	secretFields map[string]bool
	parts        []string
}

// shortest is the shortest text worth removing; removing less would make
// errors unreadable and hide nothing.
const shortest = 4

func (h *hider) fields(d Descriptor) {
	h.secretFields = map[string]bool{}
	for _, f := range d.Fields {
		if f.Secret {
			h.secretFields[f.Name] = true
		}
	}
}

func (h *hider) add(values ...rota.Value) {
	for _, v := range values {
		if v.IsZero() {
			continue
		}
		b := v.Reveal()
		h.part(string(b))
		var fields map[string]any
		if json.Unmarshal(b, &fields) != nil {
			continue
		}
		for name, f := range fields {
			if s, ok := f.(string); ok && (h.secretFields[name] || looksSecret(name)) {
				h.part(s)
			}
		}
	}
}

func looksSecret(field string) bool {
	f := strings.ToLower(field)
	for _, word := range []string{"pass", "secret", "token", "key"} {
		if strings.Contains(f, word) {
			return true
		}
	}
	return false
}

func (h *hider) part(s string) {
	if len(s) >= shortest {
		h.parts = append(h.parts, s)
	}
}

func (h *hider) text(s string) string {
	for _, p := range h.parts {
		s = strings.ReplaceAll(s, p, "[secret]")
	}
	return s
}

// clean keeps the error for errors.Is and hides its text.
func (j *job) clean(err error) error {
	if err == nil {
		return nil
	}
	if text := j.hide.text(err.Error()); text != err.Error() {
		return &cleaned{text, err}
	}
	return err
}

type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }
