package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// Report is what a run found.
type Report struct {
	Function string `json:"function"`
	Stopped  string `json:"stopped,omitempty"` // why not all was played
	// Interrupts is that the provider refuses AWSCURRENT for a while in a
	// rotation with nothing in its way: what that shows is looked at only after
	// rotations then.
	Interrupts bool `json:"interrupts,omitempty"`
	// Value is what the provider accepts at the end, zero where that is not known:
	// the next run can begin with it.
	Value       rota.Value   `json:"-"`
	Cases       []Case       `json:"cases"`
	Invocations int          `json:"invocations"`
	Calls       int          `json:"calls"` // to the API
	Rules       []RuleResult `json:"rules"`
	Findings    []Finding    `json:"findings"`
}

// Status is how a rule did.
type Status string

// The statuses.
const (
	Held       Status = "held"
	Broken     Status = "broken"
	NotChecked Status = "not checked"
)

// RuleResult is how one rule did.
type RuleResult struct {
	ID       string `json:"id"`
	Sentence string `json:"sentence"`
	Why      string `json:"why"`
	Link     string `json:"link"`
	Status   Status `json:"status"`
	Checked  int    `json:"checked"`            // how often
	Reason   string `json:"reason,omitempty"`   // why it was not checked
	Findings int    `json:"findings,omitempty"` // in how many cases it was broken
}

// OK reports whether nothing was found and all was played.
func (r Report) OK() bool { return len(r.Findings) == 0 && r.Stopped == "" }

func (k *kit) report(stopped string) Report {
	r := Report{
		Function: k.Name, Stopped: stopped, Cases: k.cases, Invocations: k.invocations, Calls: k.calls, Findings: k.findings,
		Interrupts: k.Provider.Accepts != nil && len(k.clean) > 0 && !k.overlap, Value: k.value,
	}
	if r.Findings == nil {
		r.Findings = []Finding{} // [] in JSON
	}
	for _, rule := range Rules() {
		res := RuleResult{ID: rule.ID, Sentence: rule.Sentence, Why: rule.Why, Link: rule.Link, Checked: k.checked[rule.ID]}
		for _, f := range k.findings {
			if f.Rule == rule.ID {
				res.Findings++
			}
		}
		switch {
		case res.Findings > 0:
			res.Status = Broken
		case res.Checked > 0:
			res.Status = Held
		default:
			res.Status, res.Reason = NotChecked, k.whyNot(rule)
		}
		r.Rules = append(r.Rules, res)
	}
	return r
}

// whyNot says why a rule was not checked, and what would let it be.
func (k *kit) whyNot(rule Rule) string {
	switch {
	case !k.Provider.has(rule.Needs):
	case k.Play != nil:
		return "no case that was picked looks at it"
	default:
		return "no case came that far"
	}
	switch rule.Needs {
	case NeedAccepts:
		return "only the provider knows which values it accepts: give --accepts"
	case NeedList:
		return "only the provider knows which credentials live: give --list"
	default:
		return "the provider cannot be made slow: give --slow and --accepts"
	}
}

// JSON writes the report for a program.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Text writes the report for a person: the rules, then for each that was
// broken one case with its trace and the names of the others.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, %s to the API\n\n", r.Function, count(len(r.Cases), "case"), count(r.Invocations, "invocation"), count(r.Calls, "call"))
	for _, status := range []Status{Held, Broken, NotChecked} {
		for _, rule := range r.Rules {
			if rule.Status != status {
				continue
			}
			switch status {
			case Held:
				fmt.Fprintf(&b, "  held         %-19s %s\n", rule.ID, count(rule.Checked, "time"))
			case Broken:
				fmt.Fprintf(&b, "  BROKEN       %-19s in %s\n", rule.ID, count(rule.Findings, "case"))
			default:
				fmt.Fprintf(&b, "  not checked  %-19s %s\n", rule.ID, rule.Reason)
			}
		}
	}
	if r.Interrupts {
		b.WriteString("\nA rotation with nothing in its way interrupts AWSCURRENT: between two steps, or within one,\nthe provider refuses it. It was looked at only after each rotation.\n")
	}
	if r.Stopped != "" {
		fmt.Fprintf(&b, "\nStopped: %s.\n", r.Stopped)
	}
	for _, rule := range r.Rules {
		if rule.Status == Broken {
			r.broken(&b, rule)
		}
	}
	if r.OK() {
		b.WriteString("\nNothing found.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// traces is how many places a rule's traces are shown of.
const traces = 2

// broken writes a rule with a trace of each place at which it was broken.
func (r Report) broken(b *strings.Builder, rule RuleResult) {
	fmt.Fprintf(b, "\n%s\n  %s\n  Why: %s\n  See: %s\n", rule.ID, rule.Sentence, rule.Why, rule.Link)
	var places, also []string
	for _, f := range r.Findings {
		switch {
		case f.Rule != rule.ID:
		case slices.Contains(places, f.Place) || len(places) == traces:
			also = append(also, f.Case)
		default:
			places = append(places, f.Place)
			fmt.Fprintf(b, "\n  %s\n  Found: %s\n\n", f.Case, f.Text)
			writeTrace(b, "    ", f.Trace)
		}
	}
	if len(also) > 0 {
		fmt.Fprintf(b, "\n  Also in:\n    %s\n", strings.Join(also, "\n    "))
	}
}

// Broken lists the ids of the rules that were broken.
func (r Report) Broken() (ids []string) {
	for _, f := range r.Findings {
		if !slices.Contains(ids, f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	slices.Sort(ids)
	return ids
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
