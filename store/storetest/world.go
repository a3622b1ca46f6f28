package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
)

// Account, Region and Start are those of every test.
const (
	Account = "123456789012"
	Region  = "eu-west-1"
)

// There and Elsewhere are regions that the store answers for besides its own.
const (
	There     = "us-east-2"
	Elsewhere = "ap-south-1"
)

// In is Caller in another region.
func In(region string) rota.Caller {
	c := Caller
	c.Region = region
	return c
}

// Start is the first moment of the clock of every test.
var Start = time.Date(2026, 1, 5, 10, 30, 0, 0, time.UTC)

// Caller is an ordinary principal.
var Caller = rota.Caller{Principal: "arn:aws:iam::123456789012:user/ann", Account: Account, Region: Region, RequestID: "r", Source: "test"}

// Clock is a clock that only a test moves.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands at Start.
func NewClock() *Clock { return &Clock{at: Start} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set moves the clock to a time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// Hooks is a driver whose every commit a test can stop: Before runs before
// the transaction and After once it is durable; an error of either is what
// the program sees.
type Hooks struct {
	store.Driver
	Before, After func() error
}

// Update is the commit point.
func (h *Hooks) Update(ctx context.Context, f func(store.Tx) error) error {
	if h.Before != nil {
		if err := h.Before(); err != nil {
			return err
		}
	}
	if err := h.Driver.Update(ctx, f); err != nil {
		return err
	}
	if h.After != nil {
		return h.After()
	}
	return nil
}

// Functions is a store.Functions that a test sets up; nil members accept.
type Functions struct {
	Tag       func(key, value string) error
	Rotatable func(store.Setup) (store.Assignment, error)
}

// CheckTag asks Tag.
func (f *Functions) CheckTag(key, value string) error {
	if f.Tag == nil {
		return nil
	}
	return f.Tag(key, value)
}

// Check asks Rotatable; without it a secret with a function can be rotated.
func (f *Functions) Check(_ context.Context, s store.Setup) (store.Assignment, error) {
	if f.Rotatable != nil {
		return f.Rotatable(s)
	}
	if s.Secret.Rotation.Function == "" {
		return store.Assignment{}, rota.E(rota.InvalidRequest, "No Lambda rotation function ARN is associated with this secret.")
	}
	return store.Assignment{Lane: "lane", Capacity: 2}, nil
}

// Reach is the function, the type and, while there is one of them, the value
// up to its first comma.
func (f *Functions) Reach(s store.Setup) string {
	if s.Secret.Rotation.Function == "" && s.Secret.Type == "" {
		return ""
	}
	host, _, _ := strings.Cut(string(s.Current.Reveal()), ",")
	return s.Secret.Rotation.Function + " " + s.Secret.Type + " " + host
}

// World is a store on a fresh database.
type World struct {
	*store.Store
	T         testing.TB
	Clock     *Clock
	Hooks     *Hooks
	Functions *Functions
	Sealer    *seal.Sealer
	Folder    string
	Woken     int // calls of Changed
	Outgoing  int // and of Outgoing
	open      Open
	ids       int
	mu        sync.Mutex
}

// NewWorld opens a store on a fresh database.
func NewWorld(t testing.TB, open Open) *World {
	t.Helper()
	w := &World{T: t, Clock: NewClock(), Functions: &Functions{}, Folder: t.TempDir(), open: open}
	var err error
	if w.Sealer, err = seal.OpenOrCreate(filepath.Join(w.Folder, "key"), true); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *World) start() {
	w.T.Helper()
	w.Hooks = &Hooks{Driver: w.open(w.T, w.Folder, w.Clock.Now)}
	s, err := store.Open(w.T.Context(), w.Hooks, w.Config())
	if err != nil {
		w.T.Fatalf("open the store: %v", err)
	}
	w.Store = s
}

// Config is what the store is made of. Its randomness has a fixed seed.
func (w *World) Config() store.Config {
	return store.Config{
		Account: Account, Region: Region, Regions: []string{There, Elsewhere}, Sealer: w.Sealer, Functions: w.Functions, Policies: Policies{}, NewID: w.NewID,
		Rand: rand.NewChaCha8([32]byte{byte(w.ids), 1}), Changed: func() { w.mu.Lock(); w.Woken++; w.mu.Unlock() },
		Tell: tellAll, Outgoing: func() { w.mu.Lock(); w.Outgoing++; w.mu.Unlock() },
	}
}

// NewID is the next id of a fixed row.
func (w *World) NewID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", w.ids)
}

func (w *World) stop() {
	w.T.Helper()
	if err := w.Hooks.Close(); err != nil {
		w.T.Errorf("close the database: %v", err)
	}
}

// Restart closes the database and opens it again.
func (w *World) Restart() {
	w.T.Helper()
	w.stop()
	w.start()
}

// Must fails the test on an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Create makes a secret with a value; the version is the token.
func (w *World) Create(name, token, value string) rota.Secret {
	w.T.Helper()
	_, err := w.CreateSecret(w.T.Context(), Caller, store.CreateSecretInput{Name: name, ClientRequestToken: token, Value: rota.StringValue(value)})
	w.Must(err)
	return w.Describe(name)
}

// Describe reads a secret.
func (w *World) Describe(id string) rota.Secret {
	w.T.Helper()
	s, err := w.DescribeSecret(w.T.Context(), Caller, store.DescribeSecretInput{SecretID: id})
	w.Must(err)
	return s
}

// Rotate sets rotation up and starts one.
func (w *World) Rotate(name, token string) {
	w.T.Helper()
	_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{
		SecretID: name, ClientRequestToken: token, RotationLambdaARN: ptr(Lambda), RotationRules: &rota.Rules{AfterDays: 30},
	})
	w.Must(err)
}

// Lambda is the function of every rotation.
const Lambda = "arn:aws:lambda:eu-west-1:123456789012:function:rot"

// Engine takes the claim of a secret and returns the caller who holds it.
func (w *World) Engine(k rota.Key, use string) rota.Caller {
	w.T.Helper()
	claim, _, err := w.Claim(w.T.Context(), Caller, store.ClaimRequest{Secret: k, Owner: "node", Use: use, For: time.Minute})
	w.Must(err)
	c := Caller
	c.Source, c.Claim = "engine", claim
	return c
}

// Put stores a value under labels.
func (w *World) Put(c rota.Caller, id, token, value string, labels ...string) error {
	_, err := w.PutSecretValue(w.T.Context(), c, store.PutSecretValueInput{SecretID: id, ClientRequestToken: token, Value: rota.StringValue(value), VersionStages: labels})
	return err
}

// Stage moves a label.
func (w *World) Stage(c rota.Caller, id, label, from, to string) error {
	_, err := w.UpdateSecretVersionStage(w.T.Context(), c, store.UpdateSecretVersionStageInput{SecretID: id, VersionStage: label, RemoveFromVersionID: from, MoveToVersionID: to})
	return err
}

// Value reads a value as text; an error is its code.
func (w *World) Value(id, version, label string) string {
	out, err := w.GetSecretValue(w.T.Context(), Caller, store.GetSecretValueInput{SecretID: id, VersionID: version, VersionStage: label})
	if err != nil {
		return "error: " + string(rota.CodeOf(err))
	}
	return string(out.Value.Reveal())
}

// Refused fails the test unless the error has the code.
func (w *World) Refused(err error, code rota.Code) {
	w.T.Helper()
	if !errors.Is(err, code) {
		w.T.Fatalf("want %q, got %v", code, err)
	}
}

func ptr[T any](v T) *T { return &v }

func same2(w *World, want, got any) {
	w.T.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.T.Errorf("(-want +got):\n%s", diff)
	}
}

func contains(b []byte, s string) bool { return strings.Contains(string(b), s) }
