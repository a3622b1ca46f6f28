package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Finding is a rule that was broken, with the trace that shows it.
type Finding struct {
	Rule  string  `json:"rule"`
	Case  string  `json:"case"`
	Place string  `json:"place"` // the case without the fault: what to look at
	Text  string  `json:"text"`  // what happened
	Trace []Event `json:"trace"`
}

// check counts that a rule was looked at, and notes a finding if it does not
// hold. A rule that is broken twice in one case is told once.
func (p *play) check(rule string, holds bool, format string, args ...any) {
	if p.err != nil {
		return
	}
	p.checked[rule]++
	if holds || slices.ContainsFunc(p.findings, func(f Finding) bool { return f.Rule == rule && f.Case == p.name }) {
		return
	}
	p.findings = append(p.findings, Finding{Rule: rule, Case: p.name, Place: p.place, Text: fmt.Sprintf(format, args...)})
}

// judge looks at what must hold for every event, and passes the result on.
// besides is that another invocation ran at the same time: what changed may
// be its doing.
func (p *play) judge(res result, besides bool) result {
	p.failed(res.err)
	if p.err != nil {
		return result{}
	}
	p.invocations++
	p.calls += len(res.calls)
	from, to := res.before.labels[rota.Current], res.after.labels[rota.Current]
	if res.step != rota.FinishSecret {
		p.check(currentMovesLast, from == to, "%s moved AWSCURRENT from %s to %s", res.step, p.names[from], p.named(to))
	}
	for _, c := range res.calls {
		p.judgeCall(res, c, besides)
	}
	left := res.after.labels[rota.Pending]
	p.check(ownVersion, left == "" || left == res.before.labels[rota.Pending] || left == res.token,
		"%s put AWSPENDING on %s", res.step, p.named(left))
	p.check(noValueShown, !p.shows(res.answer.Said), "what the function says after %s holds a secret value", res.step)
	return res
}

func (p *play) judgeCall(res result, c Call, besides bool) {
	if !c.puts() || p.otherSecret(c.in.SecretID) != "" {
		if c.puts() {
			p.check(ownVersion, false, "%s writes the secret %s, which is not in rotation", res.step, p.otherSecret(c.in.SecretID))
		}
		return
	}
	right := c.Operation == "PutSecretValue" && c.in.ClientRequestToken == res.token && slices.Contains(c.in.VersionStages, rota.Pending) &&
		!slices.Contains(c.in.VersionStages, rota.Current)
	p.check(ownVersion, right, "%s calls %s", res.step, c)
	refused := strings.HasPrefix(c.Result, "ResourceExistsException")
	p.check(onePendingValue, !refused || besides || c.in.ClientRequestToken != res.token,
		"%s offers a second value for a version that has one", res.step)
}

func (p *play) otherSecret(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secretName(id)
}

func (p *play) named(version string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nameOf(version)
}

// shows reports whether a text holds a value, or a part of one.
func (p *play) shows(said string) bool {
	if said == "" {
		return false
	}
	var r rotation.Redactor
	p.mu.Lock()
	r.Hide(p.secrets()...)
	p.mu.Unlock()
	return r.Text(said) != said
}

// mustFail checks an event that had to fail and to leave everything as it
// was.
func (p *play) mustFail(rule string, res result, why string) {
	p.check(rule, !res.ok, "%s succeeds %s", res.step, why)
	p.still(rule, res, why)
}

// still checks that an event moved no label and changed no value.
func (p *play) still(rule string, res result, why string) {
	p.check(rule, res.before.sameLabels(res.after), "%s %s moves labels: %s; before: %s", res.step, why, p.words(res.after), p.words(res.before))
	p.check(rule, res.before.sameValues(res.after), "%s %s changes a value", res.step, why)
}

// mustRepeat checks that an event succeeded and changed nothing.
func (p *play) mustRepeat(rule string, res result, why string) {
	p.check(rule, res.ok, "%s fails %s", res.step, why)
	p.still(rule, res, why)
}

// works checks that the provider accepts AWSCURRENT now.
func (p *play) works(when string) {
	if p.err != nil || p.Provider.Accepts == nil {
		return
	}
	switch p.verdict(p.state().current()) {
	case Accepted:
		p.check(currentWorks, true, "")
	case Refused:
		p.mu.Lock()
		if n := len(p.trace); n > 0 {
			p.trace[n-1].Refused = true
		}
		p.mu.Unlock()
		p.check(currentWorks, false, "the provider refuses AWSCURRENT %s", when)
	}
}

// replaced checks that the new version has a value of its own.
func (p *play) replaced(token string, others ...string) {
	st := p.state()
	for _, o := range others {
		p.check(newValue, !st.values[token].Equal(st.values[o]), "version %s has the value of version %s", p.named(token), p.named(o))
	}
}

// grown is how many more credentials live than when the case began, and what
// is new of them.
func (p *play) grown() (more int, made []string) {
	now := p.living()
	for _, id := range now {
		if !slices.Contains(p.before, id) {
			made = append(made, id)
		}
	}
	return len(now) - len(p.before), made
}

// orphans compares what lives with what a clean rotation leaves. A second
// clean rotation may still remove what is too much.
func (p *play) orphans() {
	if p.err != nil || p.Provider.List == nil || p.rotations == 0 || p.rotations > len(p.leaves) {
		return
	}
	more, made := p.grown()
	if n := p.rotations; more > p.leaves[n-1] && n < len(p.leaves) {
		kept := len(p.trace)
		if token := p.begin("the next one"); p.retry(token) {
			more, made = p.grown()
			p.trace = p.trace[:kept] // of no interest
		}
		p.note(nil, "another rotation, with nothing in its way")
	}
	n := p.rotations
	p.check(noOrphan, more <= p.leaves[n-1], "%s than when the case began (made since: %s); after %s without a fault it is %d",
		count(more, "more live credential"), cmp.Or(strings.Join(made, ", "), "none"), count(n, "rotation"), p.leaves[n-1])
}
