package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// model is the part of a botocore service model that the generator reads.
type model struct {
	Operations ordered[operation] `json:"operations"`
	Shapes     map[string]*shape  `json:"shapes"`
}

type operation struct {
	Input  *ref `json:"input"`
	Output *ref `json:"output"`
}

type ref struct {
	Shape string `json:"shape"`
}

type shape struct {
	Type      string       `json:"type"`
	Required  []string     `json:"required"`
	Members   ordered[ref] `json:"members"`
	Member    ref          `json:"member"` // of a list
	Key       ref          `json:"key"`    // of a map
	Value     ref          `json:"value"`  // of a map
	Min       int          `json:"min"`
	Max       int          `json:"max"`
	Pattern   string       `json:"pattern"`
	Enum      []string     `json:"enum"`
	Sensitive bool         `json:"sensitive"`
}

// ordered is a JSON object that remembers the order of its members, because
// the order of the model is the order of the generated code.
type ordered[T any] struct {
	names  []string
	byName map[string]T
}

func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.byName); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil { // the opening brace
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, name.(string))
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

// strip returns a model without its documentation, indented in one fixed way,
// members in their old order. Only documentation that is text goes: a member
// that happens to be called so is an object, and stays.
func strip(src []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var compact bytes.Buffer
	if err := copyValue(d, &compact); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value in the model")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func copyValue(d *json.Decoder, out *bytes.Buffer) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return copyObject(d, out)
	case json.Delim('['):
		out.WriteByte('[')
		for first := true; d.More(); first = false {
			if !first {
				out.WriteByte(',')
			}
			if err := copyValue(d, out); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		_, err := d.Token()
		return err
	default:
		return encode(out, t)
	}
}

func copyObject(d *json.Decoder, out *bytes.Buffer) error {
	out.WriteByte('{')
	for first := true; d.More(); {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value bytes.Buffer
		if err := copyValue(d, &value); err != nil {
			return err
		}
		if name == "documentation" && value.Bytes()[0] == '"' {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		if err := encode(out, name); err != nil {
			return err
		}
		out.WriteByte(':')
		out.Write(value.Bytes())
	}
	out.WriteByte('}')
	_, err := d.Token()
	return err
}

// encode writes one scalar as JSON, without the escapes meant for HTML.
func encode(out *bytes.Buffer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder's line feed
	return nil
}
