package main

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// generator holds the model and what was worked out about it.
type generator struct {
	model
	names   []string          // structures in the order they are written
	goName  map[string]string // structure to Go type
	docs    map[string]string // structure to its doc comment
	read    map[string]bool   // structures found in requests
	written map[string]bool   // structures found in responses
	rules   []string          // constrained shapes found in requests, in order
}

// valueShapes travel as rota.Value. The model gives them a minimum of 1,
// which AWS does not enforce: an empty SecretString is answered with "You must
// provide either SecretString or SecretBinary.", and that is the store's.
var valueShapes = []string{"SecretStringType", "SecretBinaryType", "RandomPasswordType"}

// revealing are the only response structures that may hold a value.
var revealing = []string{"GetSecretValueResponse", "SecretValueEntry", "GetRandomPasswordResponse"}

func newGenerator(m model) (*generator, error) {
	g := &generator{
		model:   m,
		goName:  map[string]string{},
		docs:    map[string]string{},
		read:    map[string]bool{},
		written: map[string]bool{},
	}
	for _, op := range m.Operations.names {
		o := m.Operations.byName[op]
		if o.Input == nil {
			return nil, fmt.Errorf("operation %s has no input: teach the generator", op)
		}
		api := "(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_" + op + ".html)."
		g.name(o.Input.Shape, op+"Input", op+"Input is the request of "+op+"\n// "+api)
		g.walk(o.Input.Shape, g.read)
		if o.Output == nil {
			o.Output = &ref{op + "Response"} // an empty one
			g.Shapes[o.Output.Shape] = &shape{Type: "structure"}
		}
		g.name(o.Output.Shape, op+"Output", op+"Output is the response of "+op+"\n// "+api)
		g.walk(o.Output.Shape, g.written)
	}
	return g, g.check()
}

func (g *generator) name(shape, goName, doc string) {
	g.names = append(g.names, shape)
	g.goName[shape] = goName
	g.docs[shape] = doc
}

// walk notes every structure under a shape.
func (g *generator) walk(name string, seen map[string]bool) {
	s := g.Shapes[name]
	if s == nil {
		return // check tells
	}
	switch s.Type {
	case "structure":
		if seen[name] {
			return
		}
		seen[name] = true
		if g.goName[name] == "" {
			g.name(name, name, name+" is a part of other structures.")
		}
		for _, m := range s.Members.names {
			g.walk(s.Members.byName[m].Shape, seen)
		}
	case "list":
		g.walk(s.Member.Shape, seen)
	}
}

// check refuses what the generated code could not say, so that a newer model
// fails here and not in production.
func (g *generator) check() error {
	for name, s := range g.Shapes {
		if s.Pattern != "" {
			if _, err := regexp.Compile(s.Pattern); err != nil {
				return fmt.Errorf("shape %s: %w", name, err)
			}
		}
		if s.Type != "structure" {
			continue
		}
		for _, m := range s.Members.names {
			target := s.Members.byName[m].Shape
			if err := g.checkMember(name, target); err != nil {
				return fmt.Errorf("%s.%s: %w", name, m, err)
			}
		}
	}
	return nil
}

func (g *generator) checkMember(structure, target string) error {
	t := g.Shapes[target]
	if t == nil {
		return fmt.Errorf("no shape %s", target)
	}
	switch {
	case slices.Contains(valueShapes, target):
		if g.written[structure] && !slices.Contains(revealing, structure) {
			return fmt.Errorf("a secret value in a response that must not hold one")
		}
	case t.Sensitive && g.written[structure]:
		return fmt.Errorf("sensitive text in a response")
	case t.Type == "blob":
		return fmt.Errorf("a blob that is not a secret value")
	case t.Type == "timestamp" || t.Type == "map":
		if g.read[structure] {
			return fmt.Errorf("a %s in a request", t.Type)
		}
	}
	return nil
}

// goType is the Go type of a member. Absent and zero differ for numbers,
// booleans and, in requests, for text that may be empty.
func (g *generator) goType(structure, target string) string {
	t := g.Shapes[target]
	if slices.Contains(valueShapes, target) {
		return "rota.Value"
	}
	switch t.Type {
	case "string":
		if g.read[structure] && t.Min == 0 && t.Enum == nil {
			return "*string"
		}
		return "string"
	case "boolean":
		return "*bool"
	case "integer", "long":
		return "*int"
	case "timestamp":
		return "time.Time"
	case "structure":
		return "*" + g.goName[target]
	case "list":
		return "[]" + strings.TrimPrefix(g.element(t.Member.Shape), "*")
	case "map":
		return "map[string]" + g.goType(structure, t.Value.Shape)
	}
	panic("no Go type for " + target + " of type " + t.Type)
}

// element is the Go type of a list element.
func (g *generator) element(target string) string {
	if t := g.Shapes[target]; t.Type == "structure" {
		return g.goName[target]
	}
	return "string"
}

// rule is the Go variable with the constraints of a shape.
func (g *generator) rule(shape string) string {
	if !slices.Contains(g.rules, shape) {
		g.rules = append(g.rules, shape)
	}
	return "&rule" + shape
}

// note tells what Decode demands of a member in a comment. Responses are not
// checked: the model's limits for them are narrower than AWS's own answers.
func (g *generator) note(structure, member string) string {
	if !g.read[structure] {
		return ""
	}
	s := g.Shapes[structure]
	target := s.Members.byName[member].Shape
	t := g.Shapes[target]
	var parts []string
	if slices.Contains(s.Required, member) {
		parts = append(parts, "required")
	}
	switch {
	case slices.Contains(valueShapes, target):
		parts = append(parts, "at most "+strconv.Itoa(t.Max)+" bytes")
	case t.Max != 0:
		parts = append(parts, strconv.Itoa(t.Min)+".."+strconv.Itoa(t.Max))
	case t.Min != 0:
		parts = append(parts, "at least "+strconv.Itoa(t.Min))
	}
	if t.Enum != nil {
		parts = append(parts, strings.Join(t.Enum, ", "))
	}
	if t.Pattern != "" {
		parts = append(parts, t.Pattern)
	}
	if t.Sensitive {
		parts = append(parts, "sensitive")
	}
	if parts == nil {
		return ""
	}
	return " // " + strings.Join(parts, "; ")
}

const header = "// Code generated by wire/gen from wire/model/service-2.json. DO NOT EDIT.\n\npackage wire\n\n"

func (g *generator) files() (map[string][]byte, error) {
	decode := g.decoders() // first: it collects the rules
	sources := map[string]string{
		"shapes_gen.go": g.shapes(),
		"decode_gen.go": decode,
		"encode_gen.go": g.encoders(),
		"rules_gen.go":  g.ruleVars(),
	}
	out := map[string][]byte{}
	for name, src := range sources {
		formatted, err := format.Source([]byte(header + src))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = formatted
	}
	return out, nil
}

func (g *generator) shapes() string {
	var b bytes.Buffer
	b.WriteString("import (\n\"time\"\n\n\"github.com/rotahq/rota\"\n)\n\n")
	b.WriteString("// operations are the operations of the model, sorted.\nvar operations = []string{\n")
	for _, op := range slices.Sorted(slices.Values(g.Operations.names)) {
		fmt.Fprintf(&b, "%q,\n", op)
	}
	b.WriteString("}\n")
	for _, name := range g.names {
		s := g.Shapes[name]
		fmt.Fprintf(&b, "\n// %s\ntype %s struct {", g.docs[name], g.goName[name])
		for _, m := range s.Members.names {
			fmt.Fprintf(&b, "\n%s %s%s", m, g.goType(name, s.Members.byName[m].Shape), g.note(name, m))
		}
		if s.Members.names != nil {
			b.WriteString("\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}
