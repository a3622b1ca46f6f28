package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a policy may nest. The grammar needs six: document,
// list, statement, Condition, operator, values
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
const maxDepth = 6

// shape is the JSON type of a node.
type shape uint8

const (
	object shape = iota
	array
	text
	number
	boolean
	null
)

func (s shape) String() string {
	return [...]string{"an object", "a list", "a string", "a number", "true or false", "null"}[s]
}

// node is one JSON value. Members keep their order, and no name is in twice.
type node struct {
	shape   shape
	text    string // of a string, number or boolean
	members []member
	items   []*node
}

type member struct {
	name  string
	value *node
}

// decode reads JSON strictly: one value, valid UTF-8, no name twice in an
// object, no deeper than maxDepth. encoding/json checks the syntax; what it
// forgives is checked here.
func decode(s string) (*node, *Problem) {
	if !utf8.ValidString(s) {
		return nil, bad("write the policy in UTF-8", "not valid UTF-8")
	}
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(s), &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line, column := position(s, syntax.Offset)
			return nil, bad("mend the JSON there", "not JSON: line %d, column %d: %s", line, column, syntax.Error())
		}
		return nil, bad("write one JSON object", "not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return read(d, 1)
}

// position is the line and column, from 1, of the character at an offset
// that encoding/json reports (it counts the character that is wrong).
func position(s string, offset int64) (line, column int) {
	before := s[:max(0, min(int(offset)-1, len(s)))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

func read(d *json.Decoder, depth int) (*node, *Problem) {
	t, err := d.Token()
	if err != nil {
		return nil, bad("mend the JSON", "not JSON")
	}
	switch t := t.(type) {
	case json.Delim:
		if depth > maxDepth {
			return nil, bad("a policy nests no deeper than the values of a condition", "nested deeper than %d levels", maxDepth)
		}
		if t == '{' {
			return readObject(d, depth)
		}
		n := &node{shape: array}
		for d.More() {
			item, p := read(d, depth+1)
			if p != nil {
				return nil, p
			}
			n.items = append(n.items, item)
		}
		_, err = d.Token()
		return n, closed(err)
	case string:
		return &node{shape: text, text: t}, readable(t)
	case json.Number:
		return &node{shape: number, text: t.String()}, nil
	case bool:
		if t {
			return &node{shape: boolean, text: "true"}, nil
		}
		return &node{shape: boolean, text: "false"}, nil
	}
	return &node{shape: null}, nil
}

func readObject(d *json.Decoder, depth int) (*node, *Problem) {
	n := &node{shape: object}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, bad("mend the JSON", "not JSON")
		}
		if p := readable(name); p != nil {
			return nil, p
		}
		if seen[name] {
			return nil, bad("put everything that belongs to it into one "+quote(name), "the member %s is in one object twice", quote(name))
		}
		seen[name] = true
		value, p := read(d, depth+1)
		if p != nil {
			return nil, p
		}
		n.members = append(n.members, member{name, value})
	}
	_, err := d.Token()
	return n, closed(err)
}

func closed(err error) *Problem {
	if err != nil {
		return bad("mend the JSON", "not JSON")
	}
	return nil
}

// readable refuses what encoding/json puts in place of half a surrogate pair:
// two texts that differ would become the same.
func readable(s string) *Problem {
	if strings.ContainsRune(s, utf8.RuneError) {
		return bad(`write \u escapes of characters past U+FFFF as pairs`, "a string with half a surrogate pair, or the character U+FFFD")
	}
	return nil
}
