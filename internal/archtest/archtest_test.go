package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryArrowPointsTheRightWay reads the real graph.
func TestEveryArrowPointsTheRightWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, Package{p.ImportPath, p.Imports})
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, w := range Check(Rules, packages) {
		t.Error(w)
	}
}

func TestAWrongArrowIsFoundWithItsReason(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Package
		want string // part of the sentence; "" for none
	}{
		{"the store may not know HTTP", Package{Module + "/store", []string{"net/http"}}, "no HTTP"},
		{"the store may not know a driver", Package{Module + "/store", []string{Module + "/store/sqlite"}}, "same on every database"},
		{"the engine may not know rotators", Package{Module + "/engine", []string{Module + "/rotators/postgres"}}, "owns time"},
		{"the vocabulary may not know a library", Package{Module, []string{"github.com/google/uuid"}}, "standard library only"},
		{"nobody may import the program", Package{Module + "/server", []string{Module + "/cmd/rota"}}, "knows no SQL"},
		{"a package without a rule is told to get one", Package{Module + "/console", nil}, "add one"},
		{"a driver may know the store", Package{Module + "/store/sqlite", []string{Module + "/store"}}, ""},
		{"a folder below has the rule of the one above", Package{Module + "/wire/gen", []string{Module + "/wire"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Check(Rules, []Package{c.p}), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// TestEachDependencyHasItsReason compares go.mod with docs/dependencies.md.
func TestEachDependencyHasItsReason(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var direct []string
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) v\S+$`).FindAllSubmatch(mod, -1) {
		direct = append(direct, string(m[1]))
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllSubmatch(page, -1) {
		listed = append(listed, string(m[1]))
	}
	if len(direct) == 0 {
		t.Fatal("go.mod has no direct dependency: the pattern is wrong")
	}
	for _, d := range direct {
		if !slices.Contains(listed, d) {
			t.Errorf("%s is in go.mod and has no reason in docs/dependencies.md", d)
		}
	}
	for _, l := range listed {
		if !slices.Contains(direct, l) {
			t.Errorf("%s has a reason in docs/dependencies.md and is not a direct dependency", l)
		}
	}
}

// TestLibcIsTheOneThatSQLiteWasMadeWith: another version of modernc.org/libc
// compiles and misbehaves.
func TestLibcIsTheOneThatSQLiteWasMadeWith(t *testing.T) {
	version := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	used := version("list", "-m", "-f", "{{.Version}}", "modernc.org/libc")
	file := version("list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(text)
	if m == nil || string(m[1]) != used {
		t.Errorf("modernc.org/libc is %s, modernc.org/sqlite asks for %s", used, m)
	}
}
