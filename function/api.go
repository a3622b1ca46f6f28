package function

import (
	"context"
	"sync"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/store"
)

// Trial is an invocation that a caller asked for, who may. Its two secrets are
// two questions: a function that gets no credentials can be told a value all the
// same, by whoever invokes it or from elsewhere.
type Trial struct {
	invoke.Request
	Lent  string // the secret that a local function gets credentials for; "" for none
	Named string // the secret that the payload names, whose values are kept out of what is told; "" for none
}

// ByCaller invokes a function for a caller who may: once, in a process of its
// own. Throttled means that no process is free.
func (r *Router) ByCaller(ctx context.Context, f store.Function, t Trial) (invoke.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	switch {
	case f.Kind == store.RemoteFunction:
		return r.Remote.invoke(ctx, f, t.Named, t.Request)
	case r.Local == nil:
		return invoke.Outcome{}, &rota.Error{Code: rota.AccessDenied, Message: "This server runs no commands.", Hint: noLocal}
	}
	return r.Local.once(ctx, f, t)
}

// Later invokes a function for a caller who does not wait. done is called
// with what came of it. At most laterMax wait or run at once; then it is
// Throttled. What was accepted is lost if the server ends first: who must not
// lose it waits for the answer.
func (r *Router) Later(f store.Function, t Trial, done func(invoke.Outcome, error)) error {
	ctx, ok := r.later.begin()
	if !ok {
		return rota.E(rota.Throttled, "Rate Exceeded.")
	}
	go func() {
		defer r.later.end()
		done(r.ByCaller(ctx, f, t))
	}()
	return nil
}

const laterMax = 64

// later is the invocations that nobody waits for.
type later struct {
	mu     sync.Mutex
	n      int
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
	closed bool
}

func (l *later) begin() (context.Context, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.n >= laterMax {
		return nil, false
	}
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancel(context.Background())
	}
	l.n++
	l.done.Add(1)
	return l.ctx, true
}

func (l *later) end() {
	l.mu.Lock()
	l.n--
	l.mu.Unlock()
	l.done.Done()
}

// Close ends the invocations that nobody waits for. What the engine invoked it
// ends itself.
func (r *Router) Close() {
	r.later.mu.Lock()
	r.later.closed = true
	if r.later.cancel != nil {
		r.later.cancel()
	}
	r.later.mu.Unlock()
	r.later.done.Wait()
}
