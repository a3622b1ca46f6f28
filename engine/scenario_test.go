package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// life is a world that lives for days of simulated time: several secrets, a
// process that is stopped and started again, a wall clock that can be set,
// and two providers whose calls a test can hold up or fail.
type life struct {
	*world
	t       *testing.T
	wall    atomic.Int64 // how far the wall clock is ahead of the time that passes
	log     testlog.Buffer
	gate    hook[func(ctx context.Context, c providerCall) error] // before each call of a provider; nil: it goes on
	meanly  hook[func(point string) rotationtest.Fault]           // what happens to an effect; nil: it works
	foreign hook[func(context.Context, function.Call) error]      // what the function fn does
	onStep  hook[func(ctx context.Context, c function.Call) error]
	timeout time.Duration // of a step; 0: the engine's own

	lock        sync.Mutex
	guarded     []string // names whose AWSCURRENT must be accepted at the end
	overlapping []string // and those where it must be after each commit
	steps       []step
	deaths      map[string]time.Time // by user or id, when the provider was made to refuse it
}

// hook is a function that a test exchanges while the engine may call it.
type hook[F any] struct{ f atomic.Pointer[F] }

func (h *hook[F]) set(f F) { h.f.Store(&f) }

// get is what was set last, nil before that.
func (h *hook[F]) get() (f F) {
	if p := h.f.Load(); p != nil {
		f = *p
	}
	return f
}

// providerCall is a call that stands before a provider.
type providerCall struct {
	op      string // "try", "set", "end", "mint", "list", "revoke"
	address string
	secret  string // name
	value   rota.Value
}

// step is one invocation as it happened.
type step struct {
	rota.Step
	secret   string // name
	token    string
	from, to time.Time
	err      error
}

// randomness is a reader that many may use.
type randomness struct {
	mu sync.Mutex
	w  *world
}

func (r *randomness) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.seed.Read(b)
}

// The two providers stand at addresses, and so in lanes, of their own.
const (
	near = "model://near"
	far  = "model://far"
)

// live runs a test in simulated time. Nothing runs yet: l.start does that.
// At the end the process is stopped, and every AWSCURRENT must be accepted.
func live(t *testing.T, test func(t *testing.T, l *life)) {
	t.Helper()
	key := newSealer(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scenario{provider: func(*rotationtest.Provider) {}}, key, nil)
		l := &life{world: w, t: t, deaths: map[string]time.Time{}}
		var err error
		w.catalog, err = rotation.NewCatalog(
			chooser{w.provider.Users().(rotation.Chooser), l, "users", near},
			chooser{w.provider.Users().(rotation.Chooser), l, "far-users", far},
			minter{w.provider.Minting(0).(minting), l, "keys", near},
			minter{w.provider.Minting(0).(minting), l, "far-keys", far},
		)
		if err != nil {
			t.Fatal(err)
		}
		w.provider.UsePoints(l)
		defer func() { // also after a Fatal
			if w.raw != nil {
				l.stop()
			}
		}()
		test(t, l)
		for _, n := range l.guarded {
			if v := l.value(n, ""); !w.provider.Accepts(v) {
				t.Errorf("at the end the provider refuses AWSCURRENT of %s", n)
			}
		}
		for _, v := range w.violations[:min(5, len(w.violations))] {
			t.Error(v)
		}
	})
}

// At, Stop and Stopped are the points of the provider.
func (l *life) At(point string) rotationtest.Fault {
	meanly := l.meanly.get()
	if meanly == nil {
		return rotationtest.None
	}
	return meanly(strings.TrimPrefix(point, "provider "))
}

func (l *life) Stop()         {}
func (l *life) Stopped() bool { return false }

// now is the wall clock.
func (l *life) now() time.Time { return time.Now().Add(time.Duration(l.wall.Load())) }

// newID differs in its first eight characters, as random ids do: labels of
// endings are made of them.
func (l *life) newID() string {
	id := l.world.newID()
	return id[len(id)-8:] + id[8:]
}

// start starts a process.
func (l *life) start() {
	l.t.Helper()
	raw := testdb.Open(l.t, l.path, l.now)
	var err error
	l.raw, l.points = raw, &points{at: -1}
	random := &randomness{w: l.world}
	var eng *engine.Engine
	cfg := store.Config{
		Account: account, Region: region, Sealer: l.sealer, Functions: function.Registry{Catalog: l.catalog},
		NewID: l.newID, Rand: random, Changed: func() {
			if eng != nil {
				eng.Wake()
			}
		},
	}
	if l.watch, err = store.Open(l.t.Context(), raw, cfg); err != nil {
		l.t.Fatalf("open the store: %v", err)
	}
	if l.store, err = store.Open(l.t.Context(), &crashDriver{raw, l.world, l.guard}, cfg); err != nil {
		l.t.Fatalf("open the store: %v", err)
	}
	handler := &rotation.Handler{Catalog: l.catalog, Now: l.store.Now, Rand: random}
	eng = engine.New(engine.Config{
		Store: l.store, Invoker: recorder{function.InProcess{Handler: handler, Store: l.store}, l}, Owner: "node", Caller: caller,
		Log: slog.New(slog.NewTextHandler(&l.log, nil)), Rand: random, NewID: l.newID, StepTimeout: l.timeout,
	})
	l.engine = eng
	l.run(l.t)
	synctest.Wait()
}

func (l *life) stop() {
	l.t.Helper()
	l.world.stop(l.t)
	l.raw = nil
}

func (l *life) restart() {
	l.t.Helper()
	l.stop()
	l.start()
}

// guard is invariant 1 after each commit, where old and new overlap.
func (l *life) guard() {
	l.lock.Lock()
	names := slices.Clone(l.overlapping)
	l.lock.Unlock()
	for _, n := range names {
		out, err := l.watch.GetSecretValue(context.Background(), caller, store.GetSecretValueInput{SecretID: n})
		if err == nil && !l.provider.Accepts(out.Value) {
			l.mu.Lock()
			l.violations = append(l.violations, fmt.Sprintf("at %s the provider refused AWSCURRENT of %s", l.now(), n))
			l.mu.Unlock()
		}
	}
}

// recorder keeps which steps were invoked.
type recorder struct {
	function.Invoker
	l *life
}

func (r recorder) Invoke(ctx context.Context, c function.Call) (res rotation.Result, err error) {
	s := step{Step: c.Event.Step, secret: nameIn(c.Event.SecretID), token: c.Event.ClientRequestToken, from: time.Now()}
	if onStep := r.l.onStep.get(); onStep != nil {
		err = onStep(ctx, c)
	}
	switch {
	case err != nil:
	case r.Foreign(c.Function):
		err = r.l.foreign.get()(ctx, c)
	default:
		res, err = r.Invoker.Invoke(ctx, c)
	}
	s.to, s.err = time.Now(), err
	r.l.lock.Lock()
	defer r.l.lock.Unlock()
	r.l.steps = append(r.l.steps, s)
	return res, err
}

// Foreign says that the function fn is not rota's own.
func (r recorder) Foreign(function string) bool { return rotation.FunctionName(function) == "fn" }

// nameIn is the name of the secret in its ARN.
func nameIn(arn string) string {
	_, name, _ := strings.Cut(arn, ":secret:")
	return name[:len(name)-len("-XXXXXX")]
}

// invoked lists the invocations for a secret, in the order they ended.
func (l *life) invoked(name string) []step {
	l.lock.Lock()
	defer l.lock.Unlock()
	var out []step
	for _, s := range l.steps {
		if s.secret == name {
			out = append(out, s)
		}
	}
	return out
}

// invokedFor lists those of one step.
func (l *life) invokedFor(name string, which rota.Step) []step {
	return slices.DeleteFunc(l.invoked(name), func(s step) bool { return s.Step != which })
}

// pass lets a call through to the provider, or does not.
func (l *life) pass(ctx context.Context, op, address string, req rotation.Request, v rota.Value) error {
	gate := l.gate.get()
	if gate == nil {
		return nil
	}
	return gate(ctx, providerCall{op, address, nameIn(req.SecretARN), v})
}

func (l *life) died(who string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if _, dead := l.deaths[who]; !dead {
		l.deaths[who] = time.Now()
	}
}

func (l *life) death(who string) time.Time {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.deaths[who]
}
