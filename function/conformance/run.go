package conformance

import (
	"context"
	"sync"
)

// run is one process at work in a case.
type run struct {
	play   *play
	number int
	at     Endpoint
	proc   Process

	// The rest is guarded by the play's mutex.
	dead   bool
	event  *Event // that it works on; nil between two
	calls  int    // in all
	sticky Fault  // each call of this event
}

// gate keeps processes in step: each of their calls waits until all the others
// call too, or are at their end.
type gate struct {
	mu            sync.Mutex
	live, waiting int
	opens         chan struct{}
}

func newGate(n int) *gate { return &gate{live: n, opens: make(chan struct{})} }

// wait waits for the others.
func (g *gate) wait() {
	g.mu.Lock()
	opens := g.opens
	g.waiting++
	g.open()
	g.mu.Unlock()
	<-opens
}

// leave is the end of one.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.live--
	g.open()
}

// open lets all go on when nobody is missing. The mutex is held.
func (g *gate) open() {
	if g.waiting > 0 && g.waiting >= g.live {
		close(g.opens)
		g.opens, g.waiting = make(chan struct{}), 0
	}
}

// call is what the proxy asks at each call. It tells the fault, and where the
// result of the call is to be told.
func (r *run) call(c Call) (seen func(result string), fault Fault) {
	p := r.play
	p.mu.Lock()
	if r.dead {
		p.mu.Unlock()
		lost()
	}
	n := r.calls
	r.calls++
	c.About = c.about(p.nameOf, p.secretName)
	c.Result = "in progress"
	e := r.event
	at := 0
	if e != nil {
		e.Calls = append(e.Calls, c)
		at = len(e.Calls) - 1
	}
	p.seenValues = append(p.seenValues, c.in.values...)
	fault = r.sticky
	if p.plan.fault != None && r.number == p.plan.process && n == p.plan.at && !p.plan.hit {
		p.plan.hit = true
		if fault = p.plan.fault; fault == Throttled || fault == Failing {
			r.sticky = fault
		}
	}
	gate := p.gate
	p.mu.Unlock()

	if gate != nil {
		gate.wait()
	}
	if fault.holds() {
		close(p.plan.held)
		<-p.plan.release
		fault = None
	}
	return func(result string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if e != nil {
			e.Calls[at].Result = result
		}
	}, fault
}

// kill ends the process. It may be called again.
func (r *run) kill() {
	r.play.mu.Lock()
	r.dead = true
	r.play.mu.Unlock()
	r.proc.Kill()
}

// begin readies the run for an event.
func (r *run) begin(e *Event) {
	r.play.mu.Lock()
	defer r.play.mu.Unlock()
	r.event, r.sticky = e, None
}

// end says whether the process was killed meanwhile.
func (r *run) end() (killed bool) {
	r.play.mu.Lock()
	defer r.play.mu.Unlock()
	r.event = nil
	return r.dead
}

// start starts a process for a case.
func (k *kit) start(ctx context.Context, p *play) (*run, error) {
	r := &run{play: p, number: p.runs + 1}
	p.runs++
	r.at = Endpoint{URL: k.svc.url, Region: Region, AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey}
	if r.at.AccessKeyID == "" {
		id, err := random(k.Rand, 16)
		if err != nil {
			return nil, err
		}
		secret, err := random(k.Rand, 40)
		if err != nil {
			return nil, err
		}
		r.at.AccessKeyID, r.at.SecretAccessKey = "AKIA"+id, secret
	}
	k.svc.proxy.watch(r)
	var err error
	if r.proc, err = k.Function.Start(ctx, r.at); err != nil {
		k.svc.proxy.forget(r)
		return nil, err
	}
	return r, nil
}
