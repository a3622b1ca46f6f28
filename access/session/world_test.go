package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
)

const (
	account = "123456789012"
	iam     = "arn:aws:iam::" + account + ":"
	ann     = iam + "user/ann"

	all      = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	readOnly = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
)

// caller is a part of rota itself.
var caller = rota.Caller{Principal: iam + "user/admin", Account: account}

// anything is the May of who may do everything.
func anything(string, rota.Resource) error { return nil }

// policies checks identity policies as the server does.
type policies struct{}

func (policies) CheckPolicy(context.Context, store.PolicySetup) (store.PolicyCheck, error) {
	return store.PolicyCheck{}, errors.New("no resource policies here")
}

func (policies) CheckIdentity(name, document string) (store.IdentityCheck, error) {
	p, err := policy.ParseIdentity(name, document)
	if err != nil {
		return store.IdentityCheck{}, err
	}
	return store.IdentityCheck{FullAccess: p.FullAccess(), Denies: p.Denies()}, nil
}

// counted is a driver that counts.
type counted struct {
	store.Driver
	views, updates atomic.Int64
	fail           atomic.Bool // refuse to write
}

func (c *counted) View(ctx context.Context, f func(store.Tx) error) error {
	c.views.Add(1)
	return c.Driver.View(ctx, f)
}

func (c *counted) Update(ctx context.Context, f func(store.Tx) error) error {
	if c.fail.Load() {
		return errors.New("the disk is full")
	}
	c.updates.Add(1)
	return c.Driver.Update(ctx, f)
}

type world struct {
	*Directory
	t      testing.TB
	db     *counted
	store  *store.Store
	sealer *seal.Sealer
}

func newSealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := seal.Create(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newWorld has a store whose clock is time.Now: simulated within a bubble.
func newWorld(t testing.TB) *world {
	t.Helper()
	d := testdb.Open(t, filepath.Join(t.TempDir(), "db"), time.Now)
	t.Cleanup(func() { _ = d.Close() })
	w := &world{t: t, db: &counted{Driver: d}, sealer: newSealer(t)}
	var err error
	ids := 0
	w.store, err = store.Open(t.Context(), w.db, store.Config{
		Account: account, Region: "eu-west-1", Sealer: w.sealer, Rand: rand.Reader, Policies: policies{},
		NewID: func() string { ids++; return fmt.Sprint("id-", ids) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Directory = New(w.store, w.sealer, rand.Reader)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// user makes a principal with a policy and a key.
func (w *world) user(name, document string) store.NewAccessKey {
	w.t.Helper()
	_, err := w.store.CreatePrincipal(w.t.Context(), caller, name)
	w.must(err)
	w.must(w.store.PutPrincipalPolicy(w.t.Context(), caller, name, "p", document, false))
	k, err := w.store.CreateAccessKey(w.t.Context(), caller, name)
	w.must(err)
	return k
}

// issue makes temporary credentials.
func (w *world) session(r Request) Credentials {
	w.t.Helper()
	c, err := w.IssueSession(w.t.Context(), r)
	w.must(err)
	return c
}

// of asks for a key.
func (w *world) of(id, token string) (Key, error) { return w.Key(w.t.Context(), id, token) }

func (w *world) ofSession(c Credentials) (Key, error) {
	return w.of(c.AccessKeyID, string(c.Token.Reveal()))
}

// unknown fails the test unless the error is the one of a key that is not
// there, and tells nothing else.
func (w *world) unknown(what string, k Key, err error) {
	w.t.Helper()
	if err != errNoKey || k.Secret.Len() != 0 || k.Identity != nil || k.Caller.Principal != "" {
		w.t.Errorf("%s: got %v with %v", what, err, k)
	}
}
