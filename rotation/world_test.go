package rotation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// points says which of the named points fails, and how.
type points struct {
	mu      sync.Mutex
	names   []string
	at      int // ordinal of the point that fails; -1 for none
	fault   rotationtest.Fault
	on      string // or: every point of this name fails, while it is set
	stopped bool
}

func noFault() *points { return &points{at: -1} }

func (p *points) At(name string) rotationtest.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = append(p.names, name)
	if len(p.names)-1 == p.at || (p.on != "" && p.on == name) {
		return p.fault
	}
	return rotationtest.None
}

func (p *points) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

func (p *points) Stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

const (
	name  = "app/key"
	first = "11111111-1111-4111-8111-111111111111"
)

// kind is one kind of rotator with its first value.
type kind struct {
	name     string
	rotator  string
	first    rota.Value
	capacity int
	admin    bool
}

var (
	minted      = kind{name: "minted keys", rotator: "model-keys", first: rotationtest.KeyValue("key-0", "first-secret")}
	singleUser  = kind{name: "a single user", rotator: "model-users", first: rotationtest.UserValue("app", "first-password"), capacity: 1}
	alternating = kind{name: "alternating users", rotator: "model-users", first: rotationtest.UserValue("app", "first-password"), capacity: 2, admin: true}
	assigned    = kind{name: "keys with an assigned id", rotator: "model-assigned", first: rotationtest.AssignedValue("by hand", "first-secret")}

	kinds = []kind{minted, singleUser, alternating, assigned}
)

// place is which home the handler runs in.
type place string

const (
	serve place = "with a ledger"
	onAWS place = "by labels alone"
)

var places = []place{serve, onAWS}

// world is a provider, a home, and a handler that is called as an engine or
// AWS would call it.
type world struct {
	t        *testing.T
	kind     kind
	place    place
	points   *points
	provider *rotationtest.Provider
	home     *rotationtest.Home
	handler  *rotation.Handler
	now      time.Time
	tokens   int
}

func newWorld(t *testing.T, k kind, p place, policy string, wrap ...func(rotation.Rotator) rotation.Rotator) *world {
	t.Helper()
	w := &world{t: t, kind: k, place: p, points: noFault(), now: time.Date(2026, 11, 23, 10, 0, 0, 500, time.UTC)}
	w.provider = rotationtest.NewProvider(w.points)
	rotators := []rotation.Rotator{w.provider.Users(), w.provider.Minting(0), w.provider.Assigning()}
	for i := range rotators {
		for _, f := range wrap {
			rotators[i] = f(rotators[i])
		}
	}
	catalog, err := rotation.NewCatalog(rotators...)
	if err != nil {
		t.Fatal(err)
	}
	if w.home = rotationtest.NewHome(w.points); p == onAWS {
		w.home = rotationtest.NewHomeOnAWS(w.points)
	}
	w.handler = &rotation.Handler{Catalog: catalog, Now: func() time.Time { return w.now }, Rand: rand.NewChaCha8([32]byte{7})}
	switch k.rotator {
	case "model-keys":
		w.provider.AddKey("key-0", "by hand", "first-secret")
	case "model-assigned":
		w.provider.AddKey("key-0", "by hand", "first-secret")
	default:
		w.provider.AddUser("app", "first-password")
	}
	tags := []rota.Tag{{Key: "rota:rotator", Value: k.rotator}, {Key: "rota:expire", Value: policy}}
	if k.admin {
		w.provider.AddUser("root", "admin-password")
		w.home.Create("admin", first, rotationtest.UserValue("root", "admin-password"), rota.Tag{Key: "rota:serves", Value: "app/"})
		tags = append(tags, rota.Tag{Key: "rota:admin", Value: "admin"})
	}
	w.home.Create(name, first, k.first, tags...)
	return w
}

// use starts the process again with other faults.
func (w *world) use(p *points) {
	w.points = p
	w.provider.UsePoints(p)
	w.home.UsePoints(p)
}

const rotationToken = "22222222-2222-4222-8222-222222222222"

// begin starts a rotation and returns its token.
func (w *world) begin() string {
	w.t.Helper()
	w.tokens++
	token := fmt.Sprintf("00000000-0000-4000-8000-%012d", w.tokens)
	token = fmt.Sprintf("%08d", w.tokens) + token[8:] // the label holds the first eight
	if err := w.home.Begin(name, token, rotationToken); err != nil {
		w.t.Fatalf("begin: %v", err)
	}
	return token
}

func (w *world) do(step rota.Step, token string) (rotation.Result, error) {
	return w.handler.Handle(w.t.Context(), w.home.Home(), rota.Event{
		Step: step, SecretID: w.home.Secret(name).ARN(), ClientRequestToken: token, RotationToken: rotationToken,
	})
}

// must does a step that has to succeed.
func (w *world) must(step rota.Step, token string) rotation.Result {
	w.t.Helper()
	res, err := w.do(step, token)
	if err != nil {
		w.t.Fatalf("%s of %s: %v", step, token, err)
	}
	return res
}

var steps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// rotate does a whole rotation.
func (w *world) rotate() string {
	w.t.Helper()
	token := w.begin()
	w.steps(token)
	return token
}

func (w *world) steps(token string) {
	w.t.Helper()
	for _, s := range steps {
		w.must(s, token)
	}
	if err := w.home.Complete(name, token); err != nil {
		w.t.Fatal(err)
	}
}

// expireDue sends what is due, and again what failed, as an engine or the
// retries of AWS do.
func (w *world) expireDue() (last error) {
	w.t.Helper()
	for _, version := range w.home.Due(w.now) {
		_, err := w.do(rota.ExpireSecret, version)
		for range 2 {
			if err != nil && !w.points.Stopped() {
				_, err = w.do(rota.ExpireSecret, version)
			}
		}
		if err != nil {
			last = err
		}
	}
	return last
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) current() rota.Value {
	return w.home.Value(name, w.home.Secret(name).VersionOf(rota.Current))
}

// wantAccepted and wantRefused ask the provider itself.
func (w *world) wantAccepted(what string, v rota.Value) {
	w.t.Helper()
	if !w.provider.Accepts(v) {
		w.t.Errorf("the provider refuses %s", what)
	}
}

func (w *world) wantRefused(what string, v rota.Value) {
	w.t.Helper()
	if w.provider.Accepts(v) {
		w.t.Errorf("the provider accepts %s", what)
	}
}

// ends lists the versions that carry an ending label.
func (w *world) ends() (out []string) {
	for version, labels := range w.home.Secret(name).Stages {
		if slices.ContainsFunc(labels, rota.IsEndsLabel) {
			out = append(out, version)
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) wantEnds(versions ...string) {
	w.t.Helper()
	slices.Sort(versions)
	if got := w.ends(); !slices.Equal(got, versions) {
		w.t.Errorf("versions with an ending label: %v, want %v", got, versions)
	}
}

// endsAt is the time in the one ending label of a version.
func (w *world) endsAt(version string) time.Time {
	w.t.Helper()
	var found []time.Time
	for _, l := range w.home.Secret(name).Stages[version] {
		if at, ok := rota.ParseEndsLabel(l); ok {
			found = append(found, at)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("version %s has %d ending labels, want 1", version, len(found))
	}
	return found[0]
}

// state is the state of the one ledger row of a version that names a
// credential; "" without a ledger.
func (w *world) state(version string) rota.CredentialState {
	w.t.Helper()
	var state rota.CredentialState
	for _, c := range w.home.Rows() {
		if c.Version == version && c.Principal != "" {
			if state != "" {
				w.t.Errorf("version %s has several rows: %v", version, w.home.Rows())
			}
			state = c.State
		}
	}
	return state
}

func (w *world) wantState(version string, want rota.CredentialState) {
	w.t.Helper()
	if w.place == onAWS {
		return
	}
	if got := w.state(version); got != want {
		w.t.Errorf("the ledger says %q of version %s, want %q", got, version, want)
	}
}

func wantNotYet(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, rotation.ErrNotYet) {
		t.Errorf("got %v, want not yet", err)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want an error with %q", err, text)
	}
}

// everywhere runs a test for each kind in each home.
func everywhere(t *testing.T, kinds []kind, policy string, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, k := range kinds {
		for _, p := range places {
			t.Run(k.name+" "+string(p), func(t *testing.T) { f(t, newWorld(t, k, p, policy)) })
		}
	}
}
