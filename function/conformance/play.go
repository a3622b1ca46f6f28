package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// play is one case being played: a secret of its own, the processes of the
// function, and the trace. Its methods do nothing once err is set, which is
// the kit's own trouble and never the function's.
type play struct {
	*kit
	ctx    context.Context
	name   string
	place  string
	secret rota.Secret
	start  rota.Value // that the case began with
	before []string   // what lived at the provider then
	err    error

	rotations int    // that finished
	rotating  string // RotationToken
	setRan    bool   // setSecret was sent since the last rotation ended

	current *run
	runs    int

	mu         sync.Mutex // of what the proxy's goroutines touch
	trace      []*Event
	names      map[string]string // of versions
	versions   []string
	seenValues []rota.Value
	plan       plan
	gate       *gate
}

// plan is the one call at which something happens: the at-th of a process.
type plan struct {
	process       int
	at            int
	fault         Fault
	hit           bool
	held, release chan struct{}
	hand          string // the version that a person made current meanwhile
}

// steps are the four in their order.
var steps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// result is how an event ended.
type result struct {
	step          rota.Step
	token         string
	ok, killed    bool
	before, after state
	answer        Answer
	calls         []Call
	event         *Event
	err           error // the kit's own
}

// newVersion makes the id of a version with a name for traces.
func (p *play) newVersion(name string) string {
	id := p.NewID()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[id] = name
	p.versions = append(p.versions, id)
	return id
}

// idPrefix is how much of a version's id names it, as in labels.
const idPrefix = 8

// nameOf and secretName are called with the mutex held.
func (p *play) nameOf(version string) string {
	for id, name := range p.names {
		if version == id || len(version) >= idPrefix && strings.HasPrefix(id, version) {
			return name
		}
	}
	return "a version of its own"
}

func (p *play) secretName(id string) string {
	if id == "" || id == p.secret.ARN() || id == p.secret.Name {
		return ""
	}
	for _, s := range p.Others {
		if id == s.Name || strings.Contains(id, ":secret:"+s.Name+"-") {
			return s.Name
		}
	}
	return "of another name"
}

// state reads the secret.
func (p *play) state() state {
	if p.err != nil {
		return state{}
	}
	st, err := p.look()
	p.failed(err)
	return st
}

func (p *play) look() (state, error) {
	p.mu.Lock()
	versions := slices.Clone(p.versions)
	p.mu.Unlock()
	return p.svc.state(p.ctx, p.secret.ARN(), versions)
}

func (p *play) words(st state) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return st.words(p.nameOf)
}

// failed notes the kit's own trouble.
func (p *play) failed(err error) {
	if err != nil && p.err == nil {
		p.err = err
	}
}

// note puts what the kit does into the trace.
func (p *play) note(do func() error, format string, args ...any) {
	if p.err != nil {
		return
	}
	before := p.words(p.state())
	if do != nil {
		p.failed(do())
	}
	e := &Event{Note: fmt.Sprintf(format, args...), Before: before, After: p.words(p.state())}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trace = append(p.trace, e)
}

// begin starts a rotation and returns its token.
func (p *play) begin(name string) string {
	token := p.newVersion(name)
	p.note(func() (err error) {
		p.rotating, err = p.svc.begin(p.ctx, p.secret.ARN(), token, false)
		return err
	}, "RotateSecret makes version %s", name)
	p.setRan = false
	return token
}

// process returns the process of the rotation, and starts one if there is
// none.
func (p *play) process() *run {
	if p.err != nil {
		return nil
	}
	if p.current == nil {
		r, err := p.kit.start(p.ctx, p)
		p.failed(err)
		p.current = r
	}
	return p.current
}

// restart ends the process: the next event goes to a new one.
func (p *play) restart() {
	if p.current != nil {
		p.end(p.current)
		p.current = nil
	}
}

func (p *play) end(r *run) {
	r.kill()
	p.svc.proxy.forget(r)
}

// send sends an event to the process of the rotation.
func (p *play) send(step rota.Step, token string) result {
	r := p.process()
	if p.err != nil {
		return result{}
	}
	if !p.plan.fault.holds() || p.plan.hit {
		return p.judge(p.invoke(r, step, token), false)
	}
	ended := make(chan result, 1)
	go func() { ended <- p.invoke(r, step, token) }()
	select {
	case res := <-ended:
		return p.judge(res, false)
	case <-p.plan.held:
	}
	if p.plan.fault == Forestalled {
		p.forestall(token)
		close(p.plan.release)
		return p.judge(<-ended, true)
	}
	if second, err := p.kit.start(p.ctx, p); err != nil {
		p.failed(err)
	} else {
		res := p.invoke(second, step, token)
		p.end(second)
		defer p.judge(res, true)
	}
	close(p.plan.release)
	return p.judge(<-ended, true)
}

// together sends the same event to two new processes at once, and keeps them in
// step. It reports whether one of them succeeded.
func (p *play) together(step rota.Step, token string) (ok bool) {
	p.restart()
	if p.err != nil {
		return false
	}
	var both []*run
	for range 2 {
		r, err := p.kit.start(p.ctx, p)
		if err != nil {
			p.failed(err)
			break
		}
		defer p.end(r)
		both = append(both, r)
	}
	if p.err != nil {
		return false
	}
	g := newGate(len(both))
	p.setGate(g)
	results := make([]result, len(both))
	var wg sync.WaitGroup
	for i, r := range both {
		wg.Go(func() { results[i] = p.invoke(r, step, token) })
	}
	wg.Wait()
	p.setGate(nil)
	for _, res := range results {
		ok = p.judge(res, true).ok || ok
	}
	return ok
}

func (p *play) setGate(g *gate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = g
}

// invoke sends an event to a process. Several goroutines may; each result is
// for judge.
func (p *play) invoke(r *run, step rota.Step, token string) (res result) {
	res.step, res.token = step, token
	if res.before, res.err = p.look(); res.err != nil {
		return res
	}
	payload, err := json.Marshal(rota.Event{Step: step, SecretID: p.secret.ARN(), ClientRequestToken: token, RotationToken: p.rotating})
	if err != nil {
		res.err = err
		return res
	}
	p.mu.Lock()
	e := &Event{Step: string(step), Version: p.nameOf(token), Process: r.number, Before: res.before.words(p.nameOf), Result: "in progress"}
	p.trace = append(p.trace, e)
	p.setRan = p.setRan || step == rota.SetSecret
	g := p.gate
	p.mu.Unlock()
	r.begin(e)
	ctx, cancel := context.WithTimeout(p.ctx, p.Timeout)
	res.answer, res.err = r.proc.Invoke(ctx, payload)
	cancel()
	killed := r.end()
	if g != nil {
		g.leave()
	}
	if res.err != nil {
		res.err = fmt.Errorf("send %s to the function: %w", step, res.err)
		return res
	}
	res.after, res.err = p.look()
	res.event, res.killed, res.ok = e, killed, res.answer.Failure == "" && !killed
	p.mu.Lock()
	defer p.mu.Unlock()
	e.After = res.after.words(p.nameOf)
	switch {
	case killed:
		e.Result = killedText
	case res.ok:
		e.Result = resultOK
	default:
		e.Result = "failed: " + p.redact(res.answer.Failure)
	}
	res.calls = slices.Clone(e.Calls)
	return res
}

// uuid is an id of a request or a version, which says nothing to a reader.
var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// redact takes every value that is known out of what the function said, and
// names versions. The mutex is held.
func (p *play) redact(s string) string {
	var r rotation.Redactor
	r.Hide(p.secrets()...)
	s = uuid.ReplaceAllStringFunc(strings.Join(strings.Fields(r.Text(s)), " "), func(id string) string {
		if name, ok := p.names[id]; ok {
			return "(" + name + ")"
		}
		return "(id)"
	})
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// secrets are all values that must not be shown. The mutex is held.
func (p *play) secrets() []rota.Value {
	all := append([]rota.Value{p.start}, p.seenValues...)
	for _, s := range p.Others {
		all = append(all, s.Value)
	}
	return all
}

// attempt sends the four steps until one fails.
func (p *play) attempt(token string) (last result) {
	for _, s := range steps {
		if last = p.send(s, token); p.err != nil || !last.ok {
			return last
		}
	}
	return last
}

// The service tries a failed rotation again, every time with a new process.
const retries = 3

// retry sends the four steps again until the rotation is finished.
func (p *play) retry(token string) bool {
	for n := range retries {
		if p.err != nil {
			return false
		}
		if n > 0 {
			select {
			case <-time.After(time.Duration(n) * p.Pause):
			case <-p.ctx.Done():
				p.failed(p.ctx.Err())
				return false
			}
		}
		p.restart()
		if p.attempt(token).ok && p.finished(token) {
			return true
		}
	}
	return false
}

// finished reports whether AWSCURRENT is on the token, and ends the rotation
// then.
func (p *play) finished(token string) bool {
	if p.err != nil || p.state().labels[rota.Current] != token {
		return false
	}
	p.note(func() error { return p.svc.complete(p.ctx, p.secret.ARN()) }, "the service sees AWSCURRENT on %s: the rotation is over", p.names[token])
	p.rotations++
	p.setRan = false
	return true
}

// accepts asks the provider about a value; Unknown where it cannot be asked.
func (k *kit) accepts(ctx context.Context, v rota.Value) (Verdict, error) {
	if k.Provider.Accepts == nil || v.IsZero() {
		return Unknown, nil
	}
	for n := range 3 {
		if n > 0 {
			select {
			case <-time.After(k.Pause / 2):
			case <-ctx.Done():
				return Unknown, ctx.Err()
			}
		}
		verdict, err := k.Provider.Accepts(ctx, v)
		if err != nil || verdict != Unknown {
			return verdict, err
		}
	}
	return Unknown, nil
}

func (p *play) verdict(v rota.Value) Verdict {
	if p.err != nil {
		return Unknown
	}
	verdict, err := p.accepts(p.ctx, v)
	p.failed(err)
	return verdict
}

// living lists what lives at the provider, sorted.
func (p *play) living() []string {
	if p.err != nil || p.Provider.List == nil {
		return nil
	}
	ids, err := p.Provider.List(p.ctx)
	p.failed(err)
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}
