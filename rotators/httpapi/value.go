package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/rotahq/rota"
)

// object is a secret's JSON value. Members that no file speaks of stay as
// they are, byte for byte.
type object map[string]json.RawMessage

// parseObject reads a secret's value. Its errors say nothing of the content.
func parseObject(v rota.Value) (object, error) {
	if v.Kind() != rota.KindString {
		return nil, errors.New("is not a JSON object in SecretString")
	}
	b := v.Reveal()
	if !utf8.Valid(b) {
		return nil, errors.New("is not UTF-8")
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil || o == nil {
		return nil, errors.New("is not a JSON object")
	}
	return o, nil
}

// scalar returns a member that is a text, number or boolean. An empty text
// counts as absent.
func (o object) scalar(name string) (any, error) {
	raw, ok := o[name]
	if !ok {
		return nil, errAbsent
	}
	v, err := decodeJSON(raw)
	if err != nil {
		return nil, errors.New("is not JSON")
	}
	if v == nil || v == "" {
		return nil, errAbsent
	}
	if _, err := scalarText(v); err != nil {
		return nil, err
	}
	return v, nil
}

// text is scalar as text; absent is "".
func (o object) text(name string) string {
	v, err := o.scalar(name)
	if err != nil {
		return ""
	}
	s, _ := scalarText(v)
	return s
}

// set returns a copy with the members of m replaced.
func (o object) set(m map[string]any) (object, error) {
	c := object{}
	for k, v := range o {
		c[k] = v
	}
	for k, v := range m {
		raw, err := encodeJSON(v)
		if err != nil {
			return nil, err
		}
		c[k] = raw
	}
	return c, nil
}

// value writes the object as a secret's value.
func (o object) value() (rota.Value, error) {
	b, err := encodeJSON(o)
	if err != nil {
		return rota.Value{}, err
	}
	if len(b) > rota.MaxValueBytes {
		return rota.Value{}, errors.New("the new value is larger than a secret may be")
	}
	return rota.StringValue(string(b)), nil
}

// decodeJSON reads one JSON value and nothing after it, keeping numbers as
// written.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// encodeJSON writes JSON without escaping < > &, which some servers compare.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, errors.New("cannot be written as JSON")
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// at follows a dotted path: member names, and numbers into lists.
func at(v any, path []string) (any, bool) {
	for _, name := range path {
		switch have := v.(type) {
		case map[string]any:
			next, ok := have[name]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, ok := index(name)
			if !ok || i >= len(have) {
				return nil, false
			}
			v = have[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func index(s string) (int, bool) {
	n := 0
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
