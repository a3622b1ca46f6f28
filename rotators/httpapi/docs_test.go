package httpapi

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota/rotation"
)

//go:generate go test -run TestTheProvidersPageIsCurrent -update .

var update = flag.Bool("update", false, "write docs/providers.md anew")

const providersPage = "../../docs/providers.md"

func TestTheProvidersPageIsCurrent(t *testing.T) {
	all, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	page := renderPage(all)
	if *update {
		if err := os.WriteFile(providersPage, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(providersPage)
	if err != nil || !bytes.Equal(have, page) {
		t.Errorf("docs/providers.md is not what the provider files say: run go generate ./rotators/httpapi (%v)", err)
	}
}

func TestEveryProviderSaysWhatAPersonMustKnow(t *testing.T) {
	for name, p := range embeddedProviders(t) {
		d := p.Descriptor()
		if d.Name != name || d.Type == "" || d.Title == "" || d.Docs == "" || d.Dead == "" || d.Semantics == "" || len(d.Fields) == 0 {
			t.Errorf("%s: %+v", name, d)
		}
		if !slices.ContainsFunc(d.Admin, func(f rotation.Field) bool { return f.Secret }) {
			t.Errorf("%s: the admin secret holds no secret", name)
		}
	}
}

func renderPage(all []*Provider) []byte {
	var b bytes.Buffer
	b.WriteString("# Outside APIs\n\n<!-- Generated from rotators/httpapi/providers by go generate ./rotators/httpapi. -->\n\n" +
		"Each of these is a rotator and a function `rota-<name>`. A secret selects it by its `Type`, by the tag\n" +
		"`rota:rotator` or by the function it names. The admin secret is a secret of its own. Who changes a\n" +
		"member marked `address` needs the right to rotate as well (see [Who may do what](access.md)).\n")
	for _, p := range all {
		d := p.Descriptor()
		fmt.Fprintf(&b, "\n## %s\n\n`%s` · Type `%s` · [the provider's documentation](%s)\n\n%s\n", d.Title, d.Name, d.Type, d.Docs, d.Semantics)
		capacity := "many"
		if p.capacity > 0 {
			capacity = fmt.Sprint(p.capacity)
		}
		how := map[kind]string{
			mints: "the provider generates the value", chooses: "rota generates the value",
			assigns: "rota generates the value, the provider gives it an id",
		}[p.kind]
		fmt.Fprintf(&b, "\n- How: %s.\n- Live at once: %s.\n- Dead means: %s.\n", how, capacity, d.Dead)
		lag := "at once"
		if p.lag > 0 {
			lag = "after at most " + p.lag.String()
		}
		fmt.Fprintf(&b, "- A new value is accepted within %s; an ended one is refused %s.\n", p.propagation.Within, lag)
		if p.cannotDetect != "" {
			fmt.Fprintf(&b, "- Orphans may go unnoticed: %s.\n", p.cannotDetect)
		}
		table(&b, "The secret's JSON value", d.Fields)
		table(&b, "The admin secret's JSON value", d.Admin)
		if len(d.Settings) > 0 {
			b.WriteString("\n| Setting | Default | |\n| --- | --- | --- |\n")
			for _, s := range d.Settings {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, orNone(s.Default), cell(s.Help))
			}
		}
	}
	return b.Bytes()
}

func table(b *bytes.Buffer, title string, fields []rotation.Field) {
	fmt.Fprintf(b, "\n| %s | | |\n| --- | --- | --- |\n", title)
	for _, f := range fields {
		marks := "optional"
		if f.Required {
			marks = "required"
		}
		if f.Secret {
			marks += ", secret"
		}
		if f.Address {
			marks += ", address"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, marks, cell(f.Help))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return "`" + s + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
