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

// graph is the real one, as go list sees it without build tags.
func graph(t *testing.T) []Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, Package{p.ImportPath, p.Imports, append(p.TestImports, p.XTestImports...)})
	}
}

// TestEveryArrowPointsTheRightWay reads the real graph.
func TestEveryArrowPointsTheRightWay(t *testing.T) {
	packages := graph(t)
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, w := range Check(Rules, packages) {
		t.Error(w)
	}
}

func TestAWrongArrowIsFoundWithItsReason(t *testing.T) {
	imports := func(from string, to ...string) Package { return Package{Path: Module + from, Imports: to} }
	for _, c := range []struct {
		name string
		p    Package
		want string // part of the sentence; "" for none
	}{
		{"the store may not know HTTP", imports("/store", "net/http"), "no HTTP"},
		{"nor what belongs to it", imports("/store", "net/http/httptest"), "no HTTP"},
		{"the store may not know a driver", imports("/store", Module+"/store/sqlite"), "same on every database"},
		{"the store may not know any SQL driver", imports("/store", "github.com/jackc/pgx/v5"), "no SQL"},
		{"the engine may not know rotators", imports("/engine", Module+"/rotators/postgres"), "owns time"},
		{"the engine may not know the server", imports("/engine", Module+"/server"), "owns time"},
		{"the handler may not know the store", imports("/rotation", Module+"/store"), "both homes"},
		{"a rotator may not know the store", imports("/rotators/postgres", Module+"/store"), "knows its provider"},
		{"the wire may not know the store", imports("/wire", Module+"/store"), "pure code"},
		{"the server may not know SQL", imports("/server", "database/sql"), "knows no SQL"},
		{"nor a SQL driver", imports("/server", "modernc.org/sqlite"), "knows no SQL"},
		{"the vocabulary may not know a library", imports("", "github.com/google/uuid"), "standard library only"},
		{"nobody may import the program", imports("/server", Module+"/cmd/rota"), "nobody imports the program"},
		{"the program may not hold an instrument of tests", imports("/cmd/rota", Module+"/internal/testserver"), "only _test.go files"},
		{"nor may another instrument", imports("/rotation/rotationtest", Module+"/store/storetest"), "only _test.go files"},
		{"a test that starts servers has the tag", Package{Path: Module + "/server", Tests: []string{Module + "/internal/testserver"}}, "without the build tag servers"},
		{"a package without a rule is told to get one", imports("/console"), "add a rule for it"},
		{"another module with the same beginning is another", imports("/wire", Module+"x"), "pure code"},
		{"a driver may know the store", imports("/store/sqlite", Module+"/store", "modernc.org/sqlite/lib"), ""},
		{"a folder below has the rule of the one above", imports("/wire/gen", Module+"/wire", Module), ""},
		{"a test may hold an instrument", Package{Path: Module + "/store/sqlite", Tests: []string{Module + "/store/storetest"}}, ""},
		{"the standard library may be used", imports("/wire", "net/http", "crypto/hmac"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Check(Rules, []Package{c.p}), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// TestEachRuleHasAReason: without one its arrows would pass.
func TestEachRuleHasAReason(t *testing.T) {
	for _, r := range Rules {
		if r.Why == "" {
			t.Errorf("the rule for %q has no reason", r.Folder)
		}
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
