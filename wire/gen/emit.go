package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// wireName is a member's name in the path of a validation error.
func wireName(member string) string { return strings.ToLower(member[:1]) + member[1:] }

func (g *generator) decoders() string {
	var b bytes.Buffer
	for _, name := range g.names {
		if !g.read[name] {
			continue
		}
		s := g.Shapes[name]
		fmt.Fprintf(&b, "\nfunc (in *%s) decode(d *decoder, r raw, at string) {\n", g.goName[name])
		fmt.Fprintf(&b, "var m [%d]raw\nfor o := d.object(r); o.next(); {\nswitch string(o.name) {\n", len(s.Members.names))
		for i, member := range s.Members.names {
			fmt.Fprintf(&b, "case %q:\nm[%d] = o.value\n", member, i)
		}
		b.WriteString("}\n}\n")
		for i, member := range s.Members.names {
			if slices.Contains(s.Required, member) {
				fmt.Fprintf(&b, "d.require(m[%d], at, %q)\n", i, wireName(member))
			}
			fmt.Fprintf(&b, "in.%s = %s\n", member,
				g.decodeCall(name, s.Members.byName[member].Shape, "m["+strconv.Itoa(i)+"]", wireName(member)))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// decodeCall is the expression that reads one member.
func (g *generator) decodeCall(structure, target, from, name string) string {
	t := g.Shapes[target]
	args := fmt.Sprintf("(%s, at, %q", from, name)
	switch t.Type {
	case "string":
		method := "text"
		switch {
		case slices.Contains(valueShapes, target):
			method = "value"
		case g.goType(structure, target) == "*string":
			method = "optionalText"
		}
		return "d." + method + args + ", " + g.rule(target) + ")"
	case "blob":
		return "d.blob" + args + ", " + g.rule(target) + ")"
	case "integer":
		return "d.integer" + args + `, "an Integer", ` + g.rule(target) + ")"
	case "long":
		return "d.integer" + args + `, "a Long", ` + g.rule(target) + ")"
	case "boolean":
		return "d.boolean(" + from + ")"
	case "structure":
		return fmt.Sprintf("structure(d, %s, at, %q, (*%s).decode)", from, name, g.goName[target])
	case "list":
		element := t.Member.Shape
		if g.Shapes[element].Type == "structure" {
			return fmt.Sprintf("structures(d, %s, at, %q, %s, (*%s).decode)", from, name, g.rule(target), g.goName[element])
		}
		return "d.texts" + args + ", " + g.rule(target) + ", " + g.rule(element) + ")"
	}
	panic("cannot read " + target + " of type " + t.Type)
}

func (g *generator) ruleVars() string {
	patterns := false
	var b bytes.Buffer
	b.WriteString("var (\n")
	for _, name := range g.rules {
		s := g.Shapes[name]
		var parts []string
		if s.Min != 0 && !slices.Contains(valueShapes, name) {
			parts = append(parts, "min: "+strconv.Itoa(s.Min))
		}
		if s.Max != 0 {
			parts = append(parts, "max: "+strconv.Itoa(s.Max))
		}
		if s.Pattern != "" {
			patterns = true
			parts = append(parts, fmt.Sprintf("expr: %q, pattern: regexp.MustCompile(%q)", s.Pattern, `\A(?:`+s.Pattern+`)\z`))
		}
		if s.Enum != nil {
			parts = append(parts, fmt.Sprintf("enum: %#v", s.Enum))
		}
		if s.Sensitive {
			parts = append(parts, "sensitive: true")
		}
		fmt.Fprintf(&b, "rule%s = rule{%s}\n", name, strings.Join(parts, ", "))
	}
	b.WriteString(")\n")
	if patterns {
		return "import \"regexp\"\n\n" + b.String()
	}
	return b.String()
}

func (g *generator) encoders() string {
	var b bytes.Buffer
	b.WriteString("import (\n\"strconv\"\n\n\"github.com/rotahq/rota\"\n)\n")
	for _, name := range g.names {
		if !g.written[name] {
			continue
		}
		s := g.Shapes[name]
		fmt.Fprintf(&b, "\nfunc (out *%s) appendJSON(b []byte) []byte {\nb = append(b, '{')\n", g.goName[name])
		for _, member := range s.Members.names {
			target := s.Members.byName[member].Shape
			present, call := g.encodeCall(name, target, "out."+member)
			fmt.Fprintf(&b, "if %s {\nb = %s\n}\n", present, fmt.Sprintf(call, fmt.Sprintf("appendName(b, %s)", strconv.Quote(member))))
		}
		b.WriteString("return append(b, '}')\n}\n")
	}
	return b.String()
}

// encodeCall is the condition under which a member is written, and the
// expression that writes it, with a verb in place of the buffer.
func (g *generator) encodeCall(structure, target, from string) (present, call string) {
	t := g.Shapes[target]
	notNil := from + " != nil"
	switch typ := g.goType(structure, target); {
	case typ == "rota.Value" && t.Type == "blob":
		return from + ".Kind() == rota.KindBinary", "appendBlob(%s, " + from + ".Reveal())"
	case typ == "rota.Value":
		return from + ".Kind() == rota.KindString", "appendText(%s, " + from + ".Reveal())"
	case typ == "string":
		return from + ` != ""`, "appendText(%s, " + from + ")"
	case typ == "*string":
		return notNil, "appendText(%s, *" + from + ")"
	case typ == "*bool":
		return notNil, "strconv.AppendBool(%s, *" + from + ")"
	case typ == "*int":
		return notNil, "strconv.AppendInt(%s, int64(*" + from + "), 10)"
	case typ == "time.Time":
		return "!" + from + ".IsZero()", "appendTime(%s, " + from + ")"
	case typ == "[]string":
		return notNil, "appendTexts(%s, " + from + ")"
	case t.Type == "map":
		return notNil, "appendMap(%s, " + from + ")"
	case t.Type == "list":
		return notNil, "appendList(%s, " + from + ", (*" + g.element(t.Member.Shape) + ").appendJSON)"
	default:
		return notNil, from + ".appendJSON(%s)"
	}
}
