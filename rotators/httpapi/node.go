package httpapi

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a provider file: far above any real one, low enough that a wrong
// file cannot hurt.
const (
	maxFileBytes = 256 << 10
	maxDepth     = 32
)

// Problem is one thing wrong with a provider file. Line and Column count
// from 1; both are 0 when the file as a whole is meant.
type Problem struct {
	File         string
	Line, Column int
	Text         string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is everything wrong with the files of one Load, in the order of
// file and line, each once.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts problems in order and drops repetitions, which come from an
// auth that several requests use.
func (p Problems) sorted() Problems {
	sort.SliceStable(p, func(i, j int) bool {
		a, b := p[i], p[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	var out Problems
	seen := map[Problem]bool{}
	for _, one := range p {
		if !seen[one] {
			seen[one] = true
			out = append(out, one)
		}
	}
	return out
}

// shape is the shape of a node.
type shape int

const (
	null shape = iota
	text
	number
	boolean
	list
	mapping
)

func (s shape) String() string {
	return [...]string{"nothing", "a text", "a number", "true or false", "a list", "a mapping"}[s]
}

// node is YAML as this package understands it: no anchors, tags or merges,
// and every node knows its place, so that all problems of a file can be told
// at once. (The YAML library's strict decoder stops at the first.)
type node struct {
	line, column int
	shape        shape
	text         string // of a scalar; of numbers and booleans as written
	items        []*node
	pairs        []pair
}

type pair struct{ key, value *node }

// parseNode reads one YAML document.
func parseNode(file string, src []byte) (root *node, problems Problems) {
	if len(src) > maxFileBytes {
		return nil, Problems{{File: file, Text: fmt.Sprintf("larger than %d bytes", maxFileBytes)}}
	}
	// The YAML library is the one part of loading that is not ours: a panic
	// in it is a problem of this file, not the end of the program.
	defer func() {
		if recover() != nil {
			root, problems = nil, Problems{{File: file, Text: "not YAML: the parser gave up"}}
		}
	}()
	parsed, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, Problems{syntaxProblem(file, err)}
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return nil, Problems{{File: file, Text: fmt.Sprintf("holds %d documents, not one", len(parsed.Docs))}}
	}
	c := &converter{file: file}
	root = c.convert(parsed.Docs[0].Body, 0)
	return root, c.problems
}

func syntaxProblem(file string, err error) Problem {
	p := Problem{File: file, Text: "not YAML"}
	var known yaml.Error
	if errors.As(err, &known) {
		p.Text = known.GetMessage()
		if t := known.GetToken(); t != nil {
			p.Line, p.Column = place(t)
		}
	}
	return p
}

func place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return t.Position.Line, t.Position.Column
}

type converter struct {
	file     string
	problems Problems
}

func (c *converter) convert(n ast.Node, depth int) *node {
	out := &node{}
	if n == nil {
		return out
	}
	out.line, out.column = place(n.GetToken())
	if depth > maxDepth {
		c.problems = append(c.problems, Problem{c.file, out.line, out.column, "nested too deeply"})
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.shape, out.text = text, n.Value
	case *ast.LiteralNode:
		out.shape, out.text = text, n.Value.Value
	case *ast.IntegerNode:
		out.shape, out.text = number, n.Token.Value
	case *ast.FloatNode:
		out.shape, out.text = number, n.Token.Value
	case *ast.BoolNode:
		out.shape, out.text = boolean, "false"
		if n.Value {
			out.text = "true"
		}
	case *ast.SequenceNode:
		out.shape = list
		for _, v := range n.Values {
			out.items = append(out.items, c.convert(v, depth+1))
		}
	case *ast.MappingNode:
		out.shape = mapping
		for _, v := range n.Values {
			out.pairs = append(out.pairs, c.pair(v, depth))
		}
		if len(out.pairs) > 0 && !n.IsFlowStyle {
			out.line, out.column = out.pairs[0].key.line, out.pairs[0].key.column
		}
	case *ast.MappingValueNode:
		out.shape = mapping
		out.pairs = append(out.pairs, c.pair(n, depth))
		out.line, out.column = out.pairs[0].key.line, out.pairs[0].key.column
	default:
		c.problems = append(c.problems, Problem{
			c.file, out.line, out.column,
			"anchors, aliases, tags and merges are not used in provider files",
		})
	}
	return out
}

func (c *converter) pair(n *ast.MappingValueNode, depth int) pair {
	key := c.convert(n.Key, depth+1)
	if key.shape == list || key.shape == mapping {
		c.problems = append(c.problems, Problem{c.file, key.line, key.column, "a key is a text"})
	}
	value := c.convert(n.Value, depth+1)
	if value.shape == null {
		value.line, value.column = key.line, key.column
	}
	return pair{key, value}
}
