package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// template is text with {{ scope.name }} or {{ scope.name | transform }} in
// it. That is the whole language: what goes where, never a computation.
type template struct {
	at    *node
	parts []part
}

// part is literal text, or a reference when scope is set.
type part struct {
	literal   string
	scope     string // "current", "admin", "settings", …; also "name", "id", "generated"
	name      string // "" for the scopes that are one word
	transform string
}

func (p part) String() string {
	s := p.scope
	if p.name != "" {
		s += "." + p.name
	}
	if p.transform != "" {
		s += " | " + p.transform
	}
	return "{{" + s + "}}"
}

var (
	reference = regexp.MustCompile(`^\s*([a-z]+)(?:\.([A-Za-z0-9_-]+))?\s*(?:\|\s*([a-z0-9-]+)\s*)?$`)

	errAbsent = errors.New("is not there")
)

// parseTemplate reads a template. It checks the form only: whether a scope
// exists where the template stands is checked by the loader.
func parseTemplate(s string) (template, error) {
	var t template
	for s != "" {
		open := strings.Index(s, "{{")
		if open < 0 {
			open = len(s)
		}
		if open > 0 {
			if strings.Contains(s[:open], "}}") {
				return t, errors.New("}} without {{")
			}
			t.parts = append(t.parts, part{literal: s[:open]})
			s = s[open:]
			continue
		}
		end := strings.Index(s, "}}")
		if end < 0 {
			return t, errors.New("{{ without }}")
		}
		m := reference.FindStringSubmatch(s[2:end])
		if m == nil {
			return t, fmt.Errorf("%q is not {{scope.name}} or {{scope.name | transform}}", s[:end+2])
		}
		t.parts = append(t.parts, part{scope: m[1], name: m[2], transform: m[3]})
		s = s[end+2:]
	}
	return t, nil
}

// single returns the reference when the template is nothing else. Such a
// template keeps the type of what it names, and is left out of a body when
// that is absent.
func (t template) single() (part, bool) {
	if len(t.parts) == 1 && t.parts[0].scope != "" {
		return t.parts[0], true
	}
	return part{}, false
}

// uses reports whether the template refers to a scope.
func (t template) uses(scope string) bool {
	for _, p := range t.parts {
		if p.scope == scope {
			return true
		}
	}
	return false
}

// text renders the template as text. Everything it names must be there.
func (t template) text(e *env) (string, error) {
	return t.escaped(e, func(s string) (string, error) { return s, nil })
}

// escaped renders the template, passing every reference (and not the literal
// text) through escape.
func (t template) escaped(e *env, escape func(string) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.scope == "" {
			b.WriteString(p.literal)
			continue
		}
		v, err := e.resolve(p)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		s, err := scalarText(v)
		if err == nil {
			s, err = escape(s)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// scalarText is a JSON scalar as text.
func scalarText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	}
	return "", errors.New("is not a text or a number")
}

// pathSegment encodes one segment of a path. Servers normalise dot segments,
// so a user named ".." would address something else.
func pathSegment(s string) (string, error) {
	if s == "" || s == "." || s == ".." {
		return "", errors.New(`cannot be addressed in a path: it is empty, "." or ".."`)
	}
	return escapePath(s), nil
}

// headerValue refuses what would end a header line.
func headerValue(s string) (string, error) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return "", errors.New("holds a control character, which no header may carry")
		}
	}
	return s, nil
}

// basicUser refuses what Basic authentication cannot carry (RFC 7617).
func basicUser(s string) (string, error) {
	if strings.Contains(s, ":") {
		return "", errors.New("holds a colon, which Basic authentication cannot carry in a user name")
	}
	return headerValue(s)
}
