package conformance_test

import (
	"encoding/xml"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
)

func TestACommandThatTriesAValueSaysItByItsExitCode(t *testing.T) {
	for command, want := range map[string]conformance.Verdict{
		"true": conformance.Accepted, "false": conformance.Refused, "exit 2": conformance.Unknown, "exit 9": conformance.Unknown,
		`test "$(cat)" = the-value`: conformance.Accepted, `test "$(cat)" != the-value`: conformance.Refused,
	} {
		if got, err := conformance.AcceptsCommand(command)(t.Context(), rota.StringValue("the-value")); got != want || err != nil {
			t.Errorf("%s: %v %v, want %v", command, got, err, want)
		}
	}
	_, err := conformance.AcceptsCommand("./not-there")(t.Context(), rota.StringValue("the-value"))
	if err == nil || strings.Contains(err.Error(), "the-value") {
		t.Errorf("a command that is not there: %v", err)
	}
	_, err = conformance.ListCommand("cat; echo no >&2; exit 1")(t.Context())
	if err == nil {
		t.Error("a list that failed is taken")
	}
}

func TestCommandsListMakeSlowAndReset(t *testing.T) {
	ids, err := conformance.ListCommand(`printf 'key-1\n\n  key-2  \n'`)(t.Context())
	if err != nil || !slices.Equal(ids, []string{"key-1", "key-2"}) {
		t.Errorf("got %q %v", ids, err)
	}
	file := filepath.Join(t.TempDir(), "slow")
	if err := conformance.SlowCommand("cat > "+file)(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	v, err := conformance.ResetCommand("cat " + file)(t.Context())
	if err != nil || string(v.Reveal()) != "on" {
		t.Errorf("got %q %v", v.Reveal(), err)
	}
}

// TestTheJUnitReportHasACaseForEachThatWasPlayed and a failure for each rule
// that one broke.
func TestTheJUnitReportHasACaseForEachThatWasPlayed(t *testing.T) {
	c := sampleConfig(t, "tests nothing")
	c.Play = func(name string) bool { return strings.Contains(name, "refuses") || strings.Contains(name, "twice") }
	report := run(t, c, "test-tests")
	var b strings.Builder
	if err := report.JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure []struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != len(suite.Cases) || suite.Tests-suite.Skipped != len(report.Cases) || suite.Failures != 1 {
		t.Errorf("%d tests, %d skipped, %d failures; %d were played", suite.Tests, suite.Skipped, suite.Failures, len(report.Cases))
	}
	for _, c := range suite.Cases {
		for _, f := range c.Failure {
			if f.Type != "test-tests" || !strings.Contains(f.Text, "> testSecret of new: ok") {
				t.Errorf("%s: %+v", c.Name, f)
			}
		}
	}
}
