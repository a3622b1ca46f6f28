package conformance

import (
	"fmt"

	"github.com/rotahq/rota"
)

// faults are the cases of what can happen at each call of a clean rotation.
func (k *kit) faults() []scenario {
	var all []scenario
	ordinal := map[string]int{}
	for i, c := range k.clean {
		ordinal[string(c.step)]++
		for _, f := range faultsOf(c.Call) {
			if f == Overtaken && k.oneKey() {
				continue
			}
			place := fmt.Sprintf("%s, call %d, %s", c.step, ordinal[string(c.step)], c.Call)
			all = append(all, scenario{name: place + ": " + string(f), place: place, do: func(p *play) { p.fault(i, f) }})
		}
	}
	return all
}

// oneKey reports whether all processes have one key: then the calls of two at
// once cannot be told apart.
func (k *kit) oneKey() bool { return k.AccessKeyID != "" }

// fault rotates once with something happening at one call, and lets the
// service try again.
func (p *play) fault(at int, f Fault) {
	if p.keepsOld() {
		if !p.complete(p.begin("one before"), "with nothing in its way") {
			return // that was found; another rotation cannot begin
		}
		p.restart()
	}
	p.plan = plan{process: p.runs + 1, at: at, fault: f, held: make(chan struct{}), release: make(chan struct{})}
	token := p.begin("new")
	res := p.attempt(token)
	if p.overlap && !res.ok {
		p.works("while the rotation has failed")
	}
	if p.plan.hand != "" {
		p.forestalled(token, res)
		return
	}
	when := "after it was " + string(f)
	switch {
	case f == Overtaken:
		p.completeAnew(token, when)
	case p.finished(token):
		p.works(when)
	default:
		p.complete(token, when)
	}
	p.replaced(token, p.versions[0])
	p.orphans()
}

// forestall is a person who writes while finishSecret is about to move
// AWSCURRENT. The value is the one that the provider was given last: whoever
// reads AWSCURRENT goes on working.
func (p *play) forestall(token string) {
	p.plan.hand = p.newVersion("by hand")
	v := p.state().values[token]
	p.note(func() error { return p.svc.put(p.ctx, p.secret.ARN(), p.plan.hand, v, rota.Current) },
		"at this moment a person makes another version AWSCURRENT: the service abandons the rotation")
}

func (p *play) forestalled(token string, res result) {
	p.check(handWins, !res.ok, "%s succeeds though a person made another version AWSCURRENT meanwhile", res.step)
	p.restart()
	p.late(handWins, token, "after a person made another version AWSCURRENT")
	p.check(handWins, p.state().labels[rota.Current] == p.plan.hand, "AWSCURRENT is not where the person put it")
	p.works("after the late steps of an abandoned rotation")
	p.setRan = false // the provider has the value that is AWSCURRENT
}
