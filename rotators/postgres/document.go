package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rotahq/rota"
)

// document is a secret's JSON object together with the places of its members.
// A new value is made by replacing the bytes of single members, so that order,
// spacing, numbers and fields that rota does not know stay as they were
// written. It holds secrets: it lives in one call and never in an error.
type document struct {
	text    []byte
	members map[string]span
}

type span struct{ from, to int }

// readDocument finds the members of v. Its errors tell a position, never
// content. A name that occurs twice is refused, because readers disagree on
// which one counts.
func readDocument(v rota.Value) (document, error) {
	switch v.Kind() {
	case rota.KindString:
	case rota.KindNone:
		return document{}, errors.New("it has no value")
	default:
		return document{}, errors.New("its value is binary; it must be a string that holds a JSON object")
	}
	d := document{text: v.Reveal(), members: map[string]span{}}
	dec := json.NewDecoder(bytes.NewReader(d.text))
	bad := func() error { return fmt.Errorf("its value is not a JSON object (at byte %d)", dec.InputOffset()) }
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return document{}, bad()
	}
	for dec.More() {
		t, err := dec.Token()
		name, isName := t.(string)
		if err != nil || !isName {
			return document{}, bad()
		}
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return document{}, bad()
		}
		if _, twice := d.members[name]; twice {
			return document{}, fmt.Errorf("its value has a name twice (the second ends at byte %d)", dec.InputOffset())
		}
		end := int(dec.InputOffset())
		d.members[name] = span{end - len(raw), end}
	}
	if _, err := dec.Token(); err != nil {
		return document{}, bad()
	}
	if len(bytes.TrimSpace(d.text[dec.InputOffset():])) > 0 {
		return document{}, bad()
	}
	return d, nil
}

// member returns the bytes of a member. JSON null counts as absent.
func (d document) member(name string) (json.RawMessage, bool) {
	s, ok := d.members[name]
	if !ok {
		return nil, false
	}
	raw := json.RawMessage(d.text[s.from:s.to])
	return raw, string(raw) != "null"
}

// str returns a member that must be a string.
func (d document) str(name string) (s string, present bool, err error) {
	raw, ok := d.member(name)
	if !ok {
		return "", false, nil
	}
	if json.Unmarshal(raw, &s) != nil {
		return "", true, fmt.Errorf("%q is not a string", name)
	}
	return s, true, nil
}

// with returns the object with the string members in set replaced. Each must
// exist.
func (d document) with(set map[string]string) (rota.Value, error) {
	type edit struct {
		span
		text []byte
	}
	var edits []edit
	for name, s := range set {
		at, ok := d.members[name]
		if !ok {
			return rota.Value{}, fmt.Errorf("%q is missing", name)
		}
		edits = append(edits, edit{at, quoteJSON(s)})
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(out, d.text[done:e.from]...)
		out = append(out, e.text...)
		done = e.to
	}
	out = append(out, d.text[done:]...)
	return rota.NewValue(rota.KindString, out), nil
}

// quoteJSON writes s without the HTML escapes that json.Marshal adds.
func quoteJSON(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimRight(b.Bytes(), "\n")
}
