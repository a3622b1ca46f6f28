package conformance

import (
	"fmt"
	"strings"

	"github.com/rotahq/rota"
)

// Event is one event that was sent, with all that the function did because of
// it; or a Note of what the kit did itself. Versions have the names of the
// case, such as "old" and "new".
type Event struct {
	Note    string `json:"note,omitempty"`
	Step    string `json:"step,omitempty"`
	Version string `json:"version,omitempty"`
	Process int    `json:"process,omitempty"` // 1 is the first of the case
	Calls   []Call `json:"calls,omitempty"`
	Result  string `json:"result,omitempty"` // "ok", or how it failed
	Before  string `json:"before"`           // the labels: "AWSCURRENT on old, AWSPENDING on new (empty)"
	After   string `json:"after"`
	// Refused is that the provider refuses AWSCURRENT afterwards, where it was
	// asked.
	Refused bool `json:"refused,omitempty"`
}

// writeTrace writes a trace for a person.
func writeTrace(b *strings.Builder, indent string, trace []Event) {
	for _, e := range trace {
		if e.Note != "" {
			fmt.Fprintf(b, "%s* %s\n", indent, e.Note)
		} else {
			who := ""
			if e.Process > 1 {
				who = fmt.Sprintf(" (process %d)", e.Process)
			}
			fmt.Fprintf(b, "%s> %s of %s%s: %s\n", indent, e.Step, e.Version, who, e.Result)
			for _, c := range e.Calls {
				fmt.Fprintf(b, "%s    %s: %s\n", indent, c, c.Result)
			}
		}
		if e.After != e.Before {
			fmt.Fprintf(b, "%s    labels: %s\n", indent, e.After)
		}
		if e.Refused {
			fmt.Fprintf(b, "%s    the provider refuses AWSCURRENT\n", indent)
		}
	}
}

func (c Call) String() string { return strings.TrimSpace(c.Operation + " " + c.About) }

// words is where the labels are, with the versions' names.
func (a state) words(name func(string) string) string {
	var parts []string
	for _, l := range awsLabels {
		v := a.labels[l]
		if v == "" {
			continue
		}
		s := l + " on " + name(v)
		if l == rota.Pending && a.values[v].IsZero() {
			s += " (empty)"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}
