//go:build linux

package conformance_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/conformance/keyprovider"
	"github.com/rotahq/rota/function/local"
)

//go:generate go test . -run TestThePageShowsWhatTheKitSays -update

var update = flag.Bool("update", false, "write docs/conformance.md again")

// TestMain makes this binary the keeper of functions too.
func TestMain(m *testing.M) {
	local.Keep()
	os.Exit(m.Run())
}

const page = "../../docs/conformance.md"

// naive is the report of the naive function, built and run as a process.
func naive(t *testing.T) conformance.Report {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "bootstrap"), "../../examples/naive-function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	token := rand.Text()
	p := keyprovider.New(token, rand.Text)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	id, key := p.Issue("by hand")
	admin := keyprovider.Value{URL: srv.URL, Token: token}
	c := config(t, "./bootstrap", conformance.Local(local.Host{Now: time.Now, NewID: newID}, local.Spec{
		Name: "naive", ARN: "arn:aws:lambda:us-east-1:123456789012:function:naive", Argv: []string{"./bootstrap"}, Folder: dir,
		Env: []string{"ADMIN_SECRET_ID=keys/admin", "AWS_MAX_ATTEMPTS=1"}, Timeout: 30 * time.Second, Memory: 256 << 20,
	}))
	c.Value = keyprovider.Value{URL: srv.URL, ID: id, Key: key}.Secret()
	c.Others = []conformance.Secret{{Name: "keys/admin", Value: admin.Secret()}}
	c.Provider = conformance.Provider{Accepts: keyprovider.Accepts, List: admin.List}
	report, err := conformance.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestThePageShowsWhatTheKitSays: docs/conformance.md lists the rules and shows
// the report of the naive function, both as they are.
func TestThePageShowsWhatTheKitSays(t *testing.T) {
	report := naive(t)
	if got := report.Broken(); !same(got, []string{"no-orphan"}) {
		t.Errorf("the naive function breaks %q, want no-orphan alone", got)
	}
	places := map[string]bool{}
	for _, f := range report.Findings {
		places[f.Place] = true
	}
	for _, place := range []string{"createSecret, call 4, PutSecretValue new, AWSPENDING", "finishSecret, call 5, UpdateSecretVersionStage AWSCURRENT from old to new"} {
		if !places[place] {
			t.Errorf("nothing was found at %q, but at %v", place, places)
		}
	}
	var text strings.Builder
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	rules.WriteString("| Rule | What must hold | Why | Needs |\n| --- | --- | --- | --- |\n")
	for _, r := range conformance.Rules() {
		needs := map[conformance.Need]string{
			conformance.NeedAccepts: "`--accepts`", conformance.NeedList: "`--list`", conformance.NeedSlow: "`--slow`, `--accepts`",
		}[r.Needs]
		fmt.Fprintf(&rules, "| [`%s`](%s) | %s | %s | %s |\n", r.ID, r.Link, r.Sentence, r.Why, needs)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, string(b), "rules", rules.String())
	want = between(t, want, "report", "```\n"+text.String()+"```\n")
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(b) {
		t.Errorf("%s is not what the kit says now: go generate ./function/conformance\n%s", page, text.String())
	}
}

// between replaces what is between two marks of the page.
func between(t *testing.T, page, mark, text string) string {
	t.Helper()
	start, end := "<!-- "+mark+" -->\n", "<!-- end of "+mark+" -->\n"
	before, rest, ok := strings.Cut(page, start)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the page has no place for the %s", mark)
	}
	return before + start + text + end + after
}
