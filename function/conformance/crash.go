package conformance

import "fmt"

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
	p.plan = plan{at: at, fault: f, held: make(chan struct{}), release: make(chan struct{})}
	token := p.begin("new")
	res := p.attempt(token)
	if p.overlap && !res.ok {
		p.works("while the rotation has failed")
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
