package conformance

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The shapes of JUnit's XML, as CI systems read it
// (https://github.com/testmoapp/junitxml).
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Time    string       `xml:"time,attr"`
		Failure []junitText  `xml:"failure"`
		Error   *junitText   `xml:"error"`
		Skipped *junitReason `xml:"skipped"`
	}
	junitText struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the report as JUnit's XML: a test case for every case that was
// played, a failure for each rule that it broke, and a skipped one for every
// rule that was not checked.
func (r Report) JUnit(w io.Writer) error {
	s := junitSuite{Name: "rota function test " + r.Function}
	total := 0.0
	for _, c := range r.Cases {
		out := junitCase{Class: "cases", Name: c.Name, Time: fmt.Sprintf("%.3f", c.Seconds)}
		total += c.Seconds
		for _, f := range r.Findings {
			if f.Case != c.Name {
				continue
			}
			var b strings.Builder
			rule, _ := RuleByID(f.Rule)
			fmt.Fprintf(&b, "%s\nWhy: %s\nSee: %s\n\n", rule.Sentence, rule.Why, rule.Link)
			writeTrace(&b, "", f.Trace)
			out.Failure = append(out.Failure, junitText{f.Rule, f.Text, b.String()})
		}
		if len(out.Failure) > 0 {
			s.Failures++
		}
		s.Cases = append(s.Cases, out)
	}
	for _, rule := range r.Rules {
		if rule.Status == NotChecked {
			s.Skipped++
			s.Cases = append(s.Cases, junitCase{Class: "rules", Name: rule.ID, Time: "0", Skipped: &junitReason{rule.Reason}})
		}
	}
	if r.Stopped != "" {
		s.Errors++
		s.Cases = append(s.Cases, junitCase{Class: "run", Name: "all cases were played", Time: "0", Error: &junitText{"stopped", r.Stopped, ""}})
	}
	s.Tests, s.Time = len(s.Cases), fmt.Sprintf("%.3f", total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
