package storetest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

//go:generate go test -run TestThePageOfDifferencesIsCurrent -update .

var updatePage = flag.Bool("update", false, "write the vectors of "+differencesPage+" anew")

const (
	differencesPage = "../../docs/differences.md"
	chosen          = "<!-- From the vectors, by go generate ./store/storetest. Do not edit below. -->\n"
)

// TestThePageOfDifferencesIsCurrent: it lists each vector that no source but a
// decision of ours stands behind.
func TestThePageOfDifferencesIsCurrent(t *testing.T) {
	page, err := os.ReadFile(differencesPage)
	if err != nil {
		t.Fatal(err)
	}
	byHand, _, _ := bytes.Cut(page, []byte(chosen))
	table, guards := decided(t)
	for _, m := range namedVector.FindAllSubmatch(byHand, -1) {
		if !slices.Contains(guards, string(m[1])) {
			t.Errorf("docs/differences.md names the vector %q, and there is none", m[1])
		}
	}
	want := append(bytes.Clone(byHand), chosen+table...)
	if *updatePage {
		if err := os.WriteFile(differencesPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(page, want) {
		t.Error("docs/differences.md is not what the vectors say: run go generate ./store/storetest")
	}
}

// namedVector is how the part of the page that is written by hand names one.
var namedVector = regexp.MustCompile(`vector "([^"]+)"`)

// decided is the table, and what all vectors guard.
func decided(t *testing.T) (table string, guards []string) {
	t.Helper()
	files, err := vectorFiles.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n| Vectors | What rota does | Why, or what stands behind the rest |\n| --- | --- | --- |\n")
	for _, f := range files {
		text, err := vectorFiles.ReadFile("testdata/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		var list []struct{ Guards, Source string }
		if err := yaml.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		for _, v := range list {
			guards = append(guards, v.Guards)
			if !strings.Contains(v.Source, "decision") {
				continue
			}
			why, only := strings.CutPrefix(v.Source, "decision")
			if why = strings.TrimLeft(why, ";: "); only && why == "" {
				why = "not recorded"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name(), cell(v.Guards), cell(why))
		}
	}
	return b.String(), guards
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
