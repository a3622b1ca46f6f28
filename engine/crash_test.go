package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
)

// The crash matrix: every store commit, every invocation and every provider
// effect of one rotation and one ending is a named point. A clean run lists
// them; then each is stopped before and after, and fails in each way that a
// network or a disk can; the process is started again, and must reach a good
// end. Time is simulated, and nothing is random but by a fixed seed, so each
// case can be replayed by its name.

// points is the plan of one run: which fault at which point.
type points struct {
	mu      sync.Mutex
	names   []string // of this run, in order
	at      int      // ordinal of the point that fails; -1 for none
	fault   rotationtest.Fault
	stopped bool
	onStop  func()
	hit     bool

	// What somebody else does right before the point of this ordinal.
	between int
	act     func()
}

func (p *points) At(name string) rotationtest.Fault {
	p.mu.Lock()
	if act := p.act; act != nil && len(p.names) == p.between {
		p.act = nil
		p.mu.Unlock()
		act()
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if p.stopped {
		return rotationtest.StopBefore
	}
	p.names = append(p.names, name)
	if len(p.names)-1 == p.at {
		p.hit = true
		return p.fault
	}
	return rotationtest.None
}

func (p *points) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped = true
		p.onStop()
	}
}

func (p *points) Stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// crashDriver makes each commit a point.
type crashDriver struct {
	store.Driver
	world *world
	after func()
}

func (d *crashDriver) Update(ctx context.Context, f func(store.Tx) error) error {
	points := d.world.points
	if points.Stopped() {
		return rotationtest.ErrStopped
	}
	switch fault := points.At("store commit"); fault {
	case rotationtest.StopBefore:
		points.Stop()
		return rotationtest.ErrStopped
	case rotationtest.NotDoneUnclear:
		return rotationtest.ErrLost
	case rotationtest.StopAfter, rotationtest.DoneUnknown:
		if err := d.Driver.Update(ctx, f); err != nil {
			return err
		}
		d.after()
		if fault == rotationtest.StopAfter {
			points.Stop()
			return rotationtest.ErrStopped
		}
		return rotationtest.ErrLost
	}
	err := d.Driver.Update(ctx, f)
	if err == nil {
		d.after()
	}
	return err
}

// crashInvoker makes each invocation a point.
type crashInvoker struct {
	function.Invoker
	points *points
}

func (i crashInvoker) Invoke(ctx context.Context, c function.Call) (rotation.Result, error) {
	if i.points.Stopped() {
		return rotation.Result{}, rotationtest.ErrStopped
	}
	fault := i.points.At("invoke " + string(c.Event.Step))
	switch fault {
	case rotationtest.StopBefore:
		i.points.Stop()
		return rotation.Result{}, rotationtest.ErrStopped
	case rotationtest.NotDoneUnclear:
		return rotation.Result{}, rotationtest.ErrLost
	}
	res, err := i.Invoker.Invoke(ctx, c)
	switch fault {
	case rotationtest.StopAfter:
		i.points.Stop()
		return rotation.Result{}, rotationtest.ErrStopped
	case rotationtest.DoneUnknown:
		return rotation.Result{}, rotationtest.ErrLost
	}
	return res, err
}

var faultsOf = map[string][]rotationtest.Fault{
	"store":    {rotationtest.StopBefore, rotationtest.StopAfter, rotationtest.DoneUnknown, rotationtest.NotDoneUnclear},
	"invoke":   {rotationtest.StopBefore, rotationtest.StopAfter, rotationtest.DoneUnknown, rotationtest.NotDoneUnclear},
	"provider": {rotationtest.StopBefore, rotationtest.StopAfter, rotationtest.DoneUnknown, rotationtest.NotDoneUnclear, rotationtest.DoneLate},
}

// scenario is one kind of rotator with its first value.
type scenario struct {
	name     string
	function string
	tags     []rota.Tag
	provider func(*rotationtest.Provider) // what is alive before
	secrets  func(t *testing.T, w *world) // what else is needed; nil: nothing
	first    rota.Value
	capacity int
	limit    int // how many keys the provider lets live; 0: any number
}

var scenarios = []scenario{
	{
		name: "mint", function: "model-keys",
		first:    rotationtest.KeyValue("key-0", "first-secret"),
		provider: func(p *rotationtest.Provider) { p.AddKey("key-0", "by hand", "first-secret") },
	},
	{
		name: "choose", function: "model-users", capacity: 1,
		first:    rotationtest.UserValue("app", "first-password"),
		provider: func(p *rotationtest.Provider) { p.AddUser("app", "first-password") },
	},
	{
		name: "alternating users", function: "model-users", capacity: 2,
		tags:  []rota.Tag{{Key: "rota:admin", Value: "admin"}},
		first: rotationtest.UserValue("app", "first-password"),
		provider: func(p *rotationtest.Provider) {
			p.AddUser("app", "first-password")
			p.AddUser("root", "admin-password")
		},
		secrets: func(t *testing.T, w *world) {
			w.create(t, "admin", rotationtest.UserValue("root", "admin-password"), rota.Tag{Key: "rota:serves", Value: "app/key"})
		},
	},
}

const (
	account = "123456789012"
	region  = "us-east-1"
	name    = "app/key"
)

var caller = rota.Caller{Principal: "arn:aws:iam::123456789012:user/test", Account: account, Region: region, RequestID: "test"}

// world is a database, a provider, and the process that is started on them
// again and again.
type world struct {
	scenario scenario
	path     string
	provider *rotationtest.Provider
	catalog  rotation.Catalog
	seed     *rand.ChaCha8
	sealer   *seal.Sealer
	ids      int

	// of the running process
	raw    store.Driver
	store  *store.Store
	watch  *store.Store // reads past the points
	points *points
	engine *engine.Engine
	cancel context.CancelFunc
	done   chan error
	ended  <-chan struct{}

	mu         sync.Mutex
	violations []string

	// of the interference matrix
	id     rota.Key // set once the person may act
	arn    string
	byHand string // the version that a person put
	bad    bool   // with a value that is refused
	answer string // what the person was told
}

// world is made anew for each case, from the database in which the secret
// exists and its rotation was asked for.
func newWorld(t *testing.T, sc scenario, key *seal.Sealer, database []byte) *world {
	t.Helper()
	dir, err := os.MkdirTemp(memory(), "rota-crash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{scenario: sc, path: filepath.Join(dir, "rota.db"), seed: rand.NewChaCha8([32]byte{1}), sealer: key}
	if database != nil {
		w.ids = 100 // past those of the beginning
		if err := os.WriteFile(w.path, database, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.provider = rotationtest.NewProvider(&points{at: -1})
	sc.provider(w.provider)
	if w.catalog, err = rotation.NewCatalog(w.provider.Users(), w.provider.Minting(sc.limit)); err != nil {
		t.Fatal(err)
	}
	return w
}

// memory is a folder in memory where there is one: what is tested is the
// order of commits, not the disk.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (w *world) newID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", w.ids)
}

// start opens the database and starts an engine, as a process would.
func (w *world) start(t *testing.T, p *points) {
	t.Helper()
	w.provider.UsePoints(p)
	var eng *engine.Engine
	raw := openDriver(t, w.path)
	w.raw = raw
	cfg := store.Config{
		Account: account, Region: region, Sealer: w.sealer, Functions: function.Registry{Catalog: w.catalog},
		NewID: w.newID, Rand: w.seed, Changed: func() {
			if eng != nil {
				eng.Wake()
			}
		},
	}
	var err error
	if w.watch, err = store.Open(t.Context(), raw, cfg); err != nil {
		t.Fatalf("open the store: %v", err)
	}
	w.points = &points{at: -1} // opening is no part of the matrix
	d := &crashDriver{raw, w, w.check}
	s, err := store.Open(t.Context(), d, cfg)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	w.points = p
	w.store = s
	handler := &rotation.Handler{Catalog: w.catalog, Now: s.Now, Rand: w.seed}
	eng = engine.New(engine.Config{
		Store: s, Invoker: crashInvoker{function.InProcess{Handler: handler, Store: s}, p}, Owner: "node", Caller: caller,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rand: w.seed, NewID: w.newID, LaneLimit: 1,
	})
	w.engine = eng
}

func (w *world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w.points.mu.Lock()
	w.points.onStop = cancel
	w.points.mu.Unlock()
	w.ended = ctx.Done()
	w.cancel, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.engine.Run(ctx) }()
}

// stop ends the process and closes the database.
func (w *world) stop(t *testing.T) {
	t.Helper()
	if w.cancel != nil {
		w.cancel()
		if err := <-w.done; err != nil && !errors.Is(err, rotationtest.ErrStopped) && !errors.Is(err, rotationtest.ErrLost) && !errors.Is(err, context.Canceled) {
			t.Errorf("the engine ended with %v", err)
		}
		w.cancel = nil
	}
	if err := w.raw.Close(); err != nil {
		t.Errorf("close the database: %v", err)
	}
}

func (w *world) create(t *testing.T, name string, v rota.Value, tags ...rota.Tag) {
	t.Helper()
	_, err := w.store.CreateSecret(t.Context(), caller, store.CreateSecretInput{Name: name, ClientRequestToken: w.newID(), Value: v, Tags: tags})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func (w *world) current(ctx context.Context) (rota.Value, error) {
	c := caller
	c.Claim = rota.Claim{} // an ordinary reader
	out, err := w.watch.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: name})
	return out.Value, err
}

// check is what must hold after each commit.
func (w *world) check() {
	if w.watch == nil {
		return // the store is being opened
	}
	w.checkCurrent()
	if w.scenario.function == "model-keys" {
		w.checkKeys()
	} else {
		w.checkUsers()
	}
}

// checkCurrent is invariant 1: the AWSCURRENT value is accepted, except in
// the gap where only one credential can live.
func (w *world) checkCurrent() {
	v, err := w.current(context.Background())
	if w.bad || err != nil || w.provider.Accepts(v) || w.inGap() {
		return // an error: not created yet, or deleted
	}
	w.violated("the provider refused AWSCURRENT")
}

// inGap is true from the moment before the provider is given the pending
// value until AWSCURRENT is on it or the attempt is over, where only one
// credential can live. A person who ends the attempt leaves the gap to the
// next one.
func (w *world) inGap() bool {
	if w.scenario.capacity != 1 {
		return false
	}
	if w.id.ID != "" {
		return true // a person is at work
	}
	s, err := w.watch.DescribeSecret(context.Background(), caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		return false
	}
	task, err := w.watch.Task(context.Background(), s.Key)
	return err == nil && task.Kind != store.Idle && task.Touched && s.VersionOf(rota.Current) != task.Token
}

// checkUsers is invariants 3 and 4 where passwords are chosen: each one that
// somebody could log in with is that of a version in the ledger.
func (w *world) checkUsers() {
	known, err := w.passwords(context.Background(), func(c rota.Credential) bool { return c.State != rota.ProvenDead })
	if err != nil || w.bad {
		return // not created yet, or deleted, so that no value can be read; or a person made a dead one AWSCURRENT
	}
	known = append(known, w.scenario.first) // known once it was looked at
	for user, password := range w.provider.Passwords() {
		byHand := user == "root" || password == handMade
		if !byHand && !slices.ContainsFunc(known, rotationtest.UserValue(user, password).Equal) {
			w.violated("the ledger did not know of a password of " + user)
		}
	}
}

// passwords are the values of the versions of some rows of the ledger.
func (w *world) passwords(ctx context.Context, which func(rota.Credential) bool) (values []rota.Value, err error) {
	s, err := w.watch.DescribeSecret(ctx, caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		return nil, err
	}
	if s.Deleted() {
		return nil, errors.New("the secret is marked for deletion")
	}
	rows, err := w.watch.Credentials(ctx, caller, s.ARN())
	for _, c := range rows {
		if !which(c) {
			continue
		}
		out, err := w.watch.GetSecretValue(ctx, caller, store.GetSecretValueInput{SecretID: name, VersionID: c.Version})
		if err != nil {
			continue // the row came before the value
		}
		values = append(values, out.Value)
	}
	return values, err
}

// checkKeys is invariants 3 and 4: the ledger knows every key that is alive,
// by its id or by the name that the row of its version stands for. There are
// no more than the one in use and one that comes or goes, unless a request
// is still on its way; and after the finish none comes any more.
func (w *world) checkKeys() {
	s, err := w.watch.DescribeSecret(context.Background(), caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		return
	}
	rows, err := w.watch.Credentials(context.Background(), caller, s.ARN())
	if err != nil {
		w.violated(err.Error())
		return
	}
	known := map[string]bool{"key-0": true} // made by hand; known once it was looked at
	for _, c := range rows {
		known[c.ProviderID] = true
		if c.State != rota.ProvenDead {
			known[rotation.CredentialName(s.ARN(), c.Version)] = true
		}
	}
	keys := w.provider.Names()
	if _, byHand := keys["key-by-hand"]; byHand {
		return // a person minted besides
	}
	for id, name := range keys {
		if !known[id] && !known[name] {
			w.violated("the ledger did not know of a key that is alive")
		}
	}
	finished := len(s.Stages[s.VersionOf(rota.Previous)]) > 0
	alone := w.id.ID == "" // without a person, who may ask while an overlap is open
	if len(keys) > 2 && alone && (finished || w.points.fault != rotationtest.DoneLate) {
		w.violated(fmt.Sprintf("%d keys were alive", len(keys)))
	}
}

func (w *world) violated(what string) {
	w.points.mu.Lock()
	n := len(w.points.names)
	w.points.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf("after point %d %s", n, what))
}

// begin makes the database in which the secret exists and its rotation was
// asked for: the matrix begins with the engine.
func begin(t *testing.T, sc scenario, key *seal.Sealer) []byte {
	t.Helper()
	return beginWith(t, sc, key, true)
}

func beginWith(t *testing.T, sc scenario, key *seal.Sealer, immediately bool) []byte {
	t.Helper()
	w := newWorld(t, sc, key, nil)
	w.start(t, &points{at: -1})
	if sc.secrets != nil {
		sc.secrets(t, w)
	}
	w.create(t, name, sc.first, append(slices.Clone(sc.tags), rota.Tag{Key: "rota:expire", Value: "after 5m"})...)
	_, err := w.store.RotateSecret(t.Context(), caller, store.RotateSecretInput{
		SecretID: name, ClientRequestToken: w.newID(), RotateImmediately: &immediately,
		RotationLambdaARN: ptr("arn:aws:lambda:" + region + ":" + account + ":function:rota-" + sc.function),
		RotationRules:     &rota.Rules{Expression: "rate(10 days)"},
	})
	if err != nil {
		t.Fatalf("rotate: %v", err)
	}
	w.stop(t)
	database, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	return database
}

func ptr[T any](v T) *T { return &v }

// enough is the simulated time in which one rotation and its ending must be
// over, whatever single thing went wrong.
const enough = 30 * time.Minute

// trip runs the rotation with the fault, starts again if it stopped, and
// lets time pass.
func (w *world) trip(t *testing.T, p *points) {
	t.Helper()
	w.start(t, p)
	w.run(t)
	w.pass(enough)
	if p.Stopped() {
		w.stop(t)
		w.start(t, &points{at: -1})
		w.run(t)
		w.pass(atOnce)
		if task, err := w.watch.Task(t.Context(), w.key(t)); err != nil || task.Kind != store.Idle {
			t.Errorf("%s after the restart the task is %q (%v)", atOnce, task.Kind, err)
		}
		w.pass(enough)
	}
}

// pass lets simulated time pass, or the process end.
func (w *world) pass(d time.Duration) {
	select {
	case <-w.ended:
	case <-time.After(d):
	}
	synctest.Wait()
}

// atOnce is the simulated time in which what a crash interrupted is done
// after the restart: less than a claim lasts.
const atOnce = 30 * time.Second

func (w *world) key(t *testing.T) rota.Key {
	t.Helper()
	s, err := w.watch.DescribeSecret(t.Context(), caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		t.Fatal(err)
	}
	return s.Key
}

// verify is the good end.
func (w *world) verify(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	w.provider.ArriveLate()
	s, err := w.store.DescribeSecret(ctx, caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		t.Fatal(err)
	}
	now, err := w.current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if now.Equal(w.scenario.first) {
		t.Error("the secret was not rotated")
	}
	if !w.provider.Accepts(now) {
		t.Error("the provider refuses AWSCURRENT")
	}
	if w.provider.Accepts(w.scenario.first) {
		t.Error("the provider still accepts the old credential")
	}
	if v := s.VersionOf(rota.Pending); v != "" {
		t.Errorf("AWSPENDING is left on %s", v)
	}
	for version, labels := range s.Stages {
		for _, l := range labels {
			if rota.IsEndsLabel(l) {
				t.Errorf("version %s is left with %s", version, l)
			}
		}
	}
	task, err := w.store.Task(ctx, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	if task.Kind != store.Idle {
		t.Errorf("the task is left in %q, attempt %d: %s", task.Kind, task.Attempt, task.LastError)
	}
	if task.Claim.Owner != "" && w.points.at < 0 { // of a commit that was lost it lapses
		t.Errorf("the claim for %q is left", task.Claim.Use)
	}
	w.verifyLedger(t, s)
	for _, v := range w.violations {
		t.Error(v)
	}
}

// verifyLedger: what is alive at the provider is exactly what the ledger
// says, and the old credential is proven dead.
func (w *world) verifyLedger(t *testing.T, s rota.Secret) {
	t.Helper()
	rows, err := w.store.Credentials(t.Context(), caller, s.ARN())
	if err != nil {
		t.Fatal(err)
	}
	var live []string
	dead := 0
	for _, c := range rows {
		switch c.State {
		case rota.Live:
			live = append(live, c.ProviderID)
			if c.Version != s.VersionOf(rota.Current) {
				t.Errorf("the ledger says that version %s is live, which is not AWSCURRENT", c.Version)
			}
		case rota.ProvenDead:
			dead++
		default:
			t.Errorf("the ledger is left with version %s %q: %s", c.Version, c.State, c.Evidence)
		}
	}
	if len(live) != 1 {
		t.Errorf("the ledger has %d live credentials, want 1", len(live))
	}
	if dead == 0 {
		t.Error("no credential is proven dead")
	}
	if w.scenario.function == "model-keys" {
		if !slices.Equal(w.provider.Keys(), live) {
			t.Errorf("alive at the provider: %v; live in the ledger: %v", w.provider.Keys(), live)
		}
		return
	}
	want, err := w.passwords(t.Context(), func(c rota.Credential) bool { return c.State == rota.Live })
	if err != nil {
		t.Fatal(err)
	}
	alive := w.provider.Passwords()
	delete(alive, "root") // of another secret
	for user, password := range alive {
		if !slices.ContainsFunc(want, rotationtest.UserValue(user, password).Equal) {
			t.Errorf("the password of %s at the provider is not live in the ledger", user)
		}
	}
	if len(alive) != len(live) {
		t.Errorf("passwords of %d users at the provider, %d live in the ledger", len(alive), len(live))
	}
}

// TestCrashMatrix: a rotation and its ending reach a good end from a crash
// or a fault at every point.
func TestCrashMatrix(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			clean, key := &points{at: -1}, newSealer(t)
			var database []byte
			synctest.Test(t, func(t *testing.T) { database = begin(t, sc, key) })
			run := func(t *testing.T, p *points) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, sc, key, database)
					w.trip(t, p)
					if p.at >= 0 && !p.hit {
						t.Errorf("the point was never reached")
					}
					w.verify(t)
					w.stop(t)
				})
			}
			run(t, clean)
			if t.Failed() {
				t.Fatalf("the clean run failed; its points were %v", clean.names)
			}
			cases := 0
			for i, point := range clean.names {
				kind, _, _ := strings.Cut(point, " ")
				for _, fault := range faultsOf[kind] {
					cases++
					t.Run(fmt.Sprintf("%03d %s %s", i, point, fault), func(t *testing.T) {
						t.Parallel()
						run(t, &points{at: i, fault: fault})
					})
				}
			}
			t.Logf("summary: %d cases at %d points; replay one with: go test ./engine -run '%s/<case>'", cases, len(clean.names), t.Name())
		})
	}
}
