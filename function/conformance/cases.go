package conformance

import (
	"errors"
	"time"

	"github.com/rotahq/rota"
)

// cleanRotations is what everything else is compared with.
func (p *play) cleanRotations() {
	p.overlap = p.Provider.Accepts != nil
	switch v := p.verdict(p.start); {
	case p.err != nil:
		return
	case v == Refused:
		p.failed(errors.New("the provider refuses the value that the run begins with: give the one that works now"))
		return
	case v == Unknown && p.Provider.Accepts != nil:
		p.failed(errors.New("whoever tries values does not know about the one that the run begins with: let it try that value by hand, and see what it says"))
		return
	}
	calls := make([][]cleanCall, 2)
	for n, name := range []string{"new", "newer", "newest"} {
		if n == 2 && !p.keepsOld() {
			break
		}
		old := p.state().labels[rota.Current]
		token := p.begin(name)
		for _, s := range steps {
			res := p.send(s, token)
			p.check(finishes, res.ok, "%s fails", s)
			if !res.ok {
				return
			}
			if p.overlap && p.verdict(res.after.current()) == Refused {
				p.overlap = false
			}
			if s == rota.TestSecret {
				p.check(testTests, p.verdict(res.after.values[token]) != Refused, "testSecret succeeds with a value that the provider refuses")
			}
			for _, c := range res.calls {
				if n < len(calls) {
					calls[n] = append(calls[n], cleanCall{s, c})
				}
			}
		}
		done := p.finished(token)
		p.check(finishes, done, "the four steps succeed, and AWSCURRENT is not on the new version")
		if !done {
			return
		}
		p.replaced(token, old)
		p.works("after a clean rotation")
		if p.Provider.List != nil {
			more, _ := p.grown()
			p.leaves = append(p.leaves, more)
		}
		p.restart()
	}
	p.clean = calls[0]
	if p.keepsOld() {
		p.clean = calls[1]
	}
}

// keepsOld reports whether a rotation leaves the credential before it alive, for
// a later one to end. Only a rotation that has such a one to end shows whether
// a crash loses it.
func (k *kit) keepsOld() bool { return len(k.leaves) > 0 && k.leaves[0] > 0 }

// scenarios are all cases after the clean rotations.
func (k *kit) scenarios() []scenario {
	all := []scenario{
		{name: "every step twice, in one process and in another", do: (*play).twice},
		{name: "the four steps again after the rotation", do: (*play).afterwards},
		{name: "steps out of order: set, test and finish before create", do: (*play).outOfOrder},
		{name: "a stale token: a version that nobody made", do: (*play).unknownToken},
		{name: "a stale token: the version before", do: (*play).previousToken},
		{name: "AWSPENDING left over from another token, and its late steps", do: (*play).leftOver},
		{name: "AWSPENDING left on the current version", do: (*play).leftOnCurrent},
		{name: "AWSCURRENT put by hand while the rotation runs", do: (*play).byHand},
		{name: "RotateImmediately=false: testSecret alone", do: (*play).alone},
		{name: "rotation is off", do: (*play).off},
		{name: "a step that does not exist", do: (*play).strange},
	}
	if k.Provider.has(NeedAccepts) {
		all = append(all,
			scenario{name: "testSecret before setSecret", do: (*play).testBeforeSet},
			scenario{name: "AWSPENDING filled with a value that the provider refuses", do: (*play).spoiledPending},
			scenario{name: "the current password changed by hand at the provider", do: (*play).spoiledCurrent},
		)
	}
	if k.Provider.has(NeedSlow) {
		all = append(all, scenario{name: "slow propagation", do: (*play).slow})
	}
	all = append(all, k.faults()...)
	if k.oneKey() {
		return all
	}
	return append(all, scenario{name: "two invocations of each step at once", do: (*play).twins})
}

// complete brings a rotation to its end and looks at the outcome. It reports
// whether the rotation finished.
func (p *play) complete(token, when string) (done bool) {
	done = p.retry(token)
	p.check(retryFinishes, done, "the rotation does not finish %s, however often the service tries", when)
	if p.rotations > 0 {
		p.works(when)
	}
	return done
}

// completeAnew is complete where two invocations ran at once, which the service
// does not do by itself: at worst the rotation has to be given up and begun
// anew.
func (p *play) completeAnew(token, when string) {
	done := p.finished(token) || p.retry(token)
	if !done {
		p.note(func() error { return p.svc.giveUp(p.ctx, p.secret.ARN()) }, "the service has tried often enough: the rotation is given up")
		p.restart()
		done = p.retry(p.begin("another one"))
	}
	p.check(retryFinishes, done, "no rotation finishes any more %s, not even with a new token", when)
	p.works(when)
}

// twice repeats every step in the same process and in a new one.
func (p *play) twice() {
	token := p.begin("new")
	for _, s := range steps {
		if res := p.send(s, token); !res.ok {
			p.check(repeatable, false, "%s fails", s)
			break
		}
		p.mustRepeat(repeatable, p.send(s, token), "when it is repeated")
		p.restart()
		p.mustRepeat(repeatable, p.send(s, token), "when another process repeats it")
	}
	if !p.finished(token) {
		p.complete(token, "after repeated steps")
	}
	p.works("after repeated steps")
	p.orphans()
}

// afterwards sends everything again when the label has moved.
func (p *play) afterwards() {
	token := p.begin("new")
	if !p.attempt(token).ok || !p.finished(token) {
		p.complete(token, "in a second rotation")
		return
	}
	p.restart()
	for _, s := range steps {
		p.mustRepeat(repeatable, p.send(s, token), "after AWSCURRENT moved to its version")
	}
	p.works("after late repetitions")
	p.orphans()
}

func (p *play) outOfOrder() {
	token := p.begin("new")
	for _, s := range steps[1:] {
		p.mustFail(inOrder, p.send(s, token), "on a version without a value")
	}
	p.complete(token, "after steps out of order")
	p.orphans()
}

func (p *play) unknownToken() {
	token := p.begin("new")
	stranger := p.newVersion("a version that nobody made")
	for _, s := range steps {
		p.mustFail(onlyPending, p.send(s, stranger), "with a token that is no version")
	}
	p.complete(token, "after events with a stale token")
	p.orphans()
}

func (p *play) previousToken() {
	old := p.state().labels[rota.Current]
	token := p.begin("new")
	p.complete(token, "in a clean rotation")
	p.restart()
	for _, s := range steps {
		p.mustFail(onlyPending, p.send(s, old), "with the token of the version before")
	}
	p.works("after events with the token of the version before")
	p.orphans()
}

// leftOver gives a rotation up after createSecret and begins another, while
// the steps of the first are still on their way.
func (p *play) leftOver() {
	stale := p.begin("stale")
	if res := p.send(rota.CreateSecret, stale); !res.ok {
		p.check(retryFinishes, false, "createSecret fails")
		return
	}
	p.note(func() error { return p.svc.giveUp(p.ctx, p.secret.ARN()) }, "somebody takes AWSPENDING off: the rotation is given up")
	p.restart()
	token := p.begin("new")
	for _, s := range steps {
		p.mustFail(onlyPending, p.send(s, stale), "with a token that AWSPENDING was taken from")
	}
	p.complete(token, "after one that was given up")
	p.replaced(token, stale)
}

func (p *play) leftOnCurrent() {
	old := p.state().labels[rota.Current]
	p.note(func() error { return p.svc.label(p.ctx, p.secret.ARN(), rota.Pending, old) }, "the rotation before left AWSPENDING on the current version")
	token := p.begin("new")
	p.complete(token, "after one that left AWSPENDING on the current version")
	p.replaced(token, old)
	p.orphans()
}

// byHand lets a person write the secret between createSecret and setSecret.
func (p *play) byHand() {
	token := p.begin("new")
	if res := p.send(rota.CreateSecret, token); !res.ok {
		p.check(retryFinishes, false, "createSecret fails")
		return
	}
	hand := p.newVersion("by hand")
	p.note(func() error { return p.svc.put(p.ctx, p.secret.ARN(), hand, p.start, rota.Current) }, "a person makes another version AWSCURRENT: the service abandons the rotation")
	p.late(handWins, token, "after a person made another version AWSCURRENT")
	p.check(handWins, p.state().labels[rota.Current] == hand, "AWSCURRENT is not where the person put it")
	p.works("after the late steps of an abandoned rotation")
}

func (p *play) alone() {
	token := p.newVersion("copy")
	p.note(func() (err error) {
		p.rotating, err = p.svc.begin(p.ctx, p.secret.ARN(), token, true)
		return err
	}, "RotateSecret with RotateImmediately=false makes a copy of the current version")
	res := p.send(rota.TestSecret, token)
	p.mustRepeat(testAlone, res, "on a copy of the current value")
	for _, c := range res.calls {
		p.check(testAlone, !c.puts(), "testSecret calls %s", c)
	}
	p.note(func() error { return p.svc.completeTest(p.ctx, p.secret.ARN()) }, "the test is over")
	p.works("after a test")
}

// off cancels the rotation when the value is there: an empty version is a
// reason of its own to fail.
func (p *play) off() {
	token := p.begin("new")
	if !p.send(rota.CreateSecret, token).ok {
		return
	}
	p.note(func() error {
		_, err := p.svc.CancelRotateSecret(p.ctx, system, p.secret.ARN())
		return err
	}, "CancelRotateSecret")
	p.late(offMeansOff, token, "while rotation is off")
}

// late sends the four steps of a rotation that is over, which must fail.
func (p *play) late(rule, token, why string) {
	set := false
	for _, s := range steps {
		res := p.send(s, token)
		set = set || s == rota.SetSecret && res.ok
		p.mustFail(rule, res, why)
	}
	p.setRan = set // a step that failed as it must set nothing
}

func (p *play) strange() {
	token := p.begin("new")
	// With a value: an empty version is a reason of its own to fail.
	if p.send(rota.CreateSecret, token).ok {
		p.mustFail(unknownStep, p.send("renewSecret", token), "though there is no such step")
	}
	p.complete(token, "after a step that does not exist")
}

func (p *play) twins() {
	token := p.begin("new")
	for _, s := range steps {
		if !p.together(s, token) {
			break
		}
	}
	p.completeAnew(token, "after two invocations at once")
	p.orphans()
}

// testBeforeSet is a test of a value that was chosen and not set yet; a
// provider that mints accepts it already.
func (p *play) testBeforeSet() {
	token := p.begin("new")
	if res := p.send(rota.CreateSecret, token); res.ok && p.verdict(res.after.values[token]) == Refused {
		p.mustFail(testTests, p.send(rota.TestSecret, token), "though the provider refuses AWSPENDING")
	}
	p.complete(token, "after testSecret before setSecret")
	p.orphans()
}

// spoiledPending fills AWSPENDING with what the provider refuses.
func (p *play) spoiledPending() {
	v, ok := p.spoil(p.start)
	if !ok {
		return
	}
	token := p.begin("new")
	p.note(func() error { return p.svc.put(p.ctx, p.secret.ARN(), token, v, rota.Pending) }, "AWSPENDING is filled with a value that the provider refuses")
	res := p.send(rota.CreateSecret, token)
	p.check(onePendingValue, res.before.sameValues(res.after), "createSecret replaces the value that AWSPENDING has")
	p.mustFail(testTests, p.send(rota.TestSecret, token), "though the provider refuses AWSPENDING")
	p.note(func() error { return p.svc.giveUp(p.ctx, p.secret.ARN()) }, "the rotation is given up")
	p.works("after a rotation that was given up")
}

// spoiledCurrent is a secret whose password somebody changed at the provider.
// A function with an admin's rights may mend it; others must fail.
func (p *play) spoiledCurrent() {
	v, ok := p.spoil(p.start)
	if !ok {
		return
	}
	old := p.state().labels[rota.Current]
	hand := p.newVersion("outdated")
	p.note(func() error { return p.svc.put(p.ctx, p.secret.ARN(), hand, v, rota.Current) }, "somebody changed the password at the provider: it refuses AWSCURRENT, and accepts AWSPREVIOUS")
	token := p.begin("new")
	if p.retry(token) {
		p.works("after a rotation that began with an outdated value")
		p.replaced(token, hand, old)
		return
	}
	st := p.state()
	p.check(currentWorks, st.labels[rota.Current] == hand, "a rotation that failed moved AWSCURRENT")
	p.check(currentWorks, p.anyWorks(st), "after a rotation that failed the provider accepts no value that a version holds")
}

// anyWorks reports whether some version holds a value that is accepted.
func (p *play) anyWorks(st state) bool {
	for _, v := range st.values {
		if p.verdict(v) != Refused {
			return true
		}
	}
	return p.err != nil
}

// slowFor is how long the provider is slow where a step waits for it.
const slowFor = 3 * time.Second

// slow lets the provider refuse the new value for a while.
func (p *play) slow() {
	turn := func(on bool) func() error { return func() error { return p.Provider.Slow(p.ctx, on) } }
	p.note(turn(true), "the provider is slow to accept new credentials")
	if p.err != nil {
		return
	}
	ended := make(chan error, 1)
	timer := time.AfterFunc(slowFor, func() { ended <- p.Provider.Slow(p.ctx, false) })
	token := p.begin("new")
	for _, s := range steps {
		res := p.send(s, token)
		if s == rota.TestSecret && res.ok {
			p.check(testTests, p.verdict(res.after.values[token]) != Refused, "testSecret succeeds though the provider refuses AWSPENDING yet")
		}
		if !res.ok {
			break
		}
	}
	early := p.finished(token)
	if early {
		p.check(waitsForIt, p.verdict(p.state().current()) != Refused, "AWSCURRENT moves to a value that the provider refuses yet")
	}
	if timer.Stop() {
		p.note(turn(false), "the provider accepts new credentials")
	} else {
		p.failed(<-ended)
	}
	if !early {
		p.check(waitsForIt, p.retry(token), "the rotation does not finish when the provider accepts the new value")
	}
	p.works("after slow propagation")
	p.orphans()
}
