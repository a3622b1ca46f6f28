package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/store"
)

func TestAKeyIsFoundWithItsPrincipalAndPolicies(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", readOnly)
	k, err := w.of(made.ID, "")
	w.must(err)
	if !k.Secret.Equal(made.Secret) || !k.Token.IsZero() || !k.Expires.IsZero() {
		t.Error("the key is another one")
	}
	if k.Caller.Principal != ann || k.Caller.Account != account || k.Caller.AccessKey != made.ID || k.Caller.Claim.Held() {
		t.Errorf("the caller is %+v", k.Caller)
	}
	i := k.Identity
	if i.Principal.ARN() != ann || len(i.Policies) != 1 || i.Policies[0].Text() != readOnly || i.Session != nil {
		t.Errorf("the identity is %+v", i)
	}
	if c := i.Context(); len(c) != 1 || c[0].Key != policy.UserID || c[0].Value != made.Principal && len(c[0].Value) != 20 {
		t.Errorf("the context is %v", c)
	}
	if by, err := w.Identity(t.Context(), ann); err != nil || by != i {
		t.Errorf("by its ARN it is %v, %v", by, err)
	}
	if _, err := w.Identity(t.Context(), iam+"user/nobody"); rota.CodeOf(err) != rota.NotFound {
		t.Errorf("nobody is %v", err)
	}
}

// TestAChangeCountsBeforeItIsAcknowledged: every way in which a key ceases to
// count, and comes back.
func TestAChangeCountsBeforeItIsAcknowledged(t *testing.T) {
	w := newWorld(t)
	ctx, s := t.Context(), w.store
	w.user("admin", all)
	for _, c := range []struct {
		name string
		out  func(id string) error
		back func(id string) error
	}{
		{
			"the key is inactive", func(id string) error { return s.SetAccessKey(ctx, caller, "ann", id, false, false) },
			func(id string) error { return s.SetAccessKey(ctx, caller, "ann", id, true, false) },
		},
		{
			"the principal is disabled", func(string) error { return s.SetPrincipal(ctx, caller, "ann", false, false) },
			func(string) error { return s.SetPrincipal(ctx, caller, "ann", true, false) },
		},
		{"the key is deleted", func(id string) error { return s.DeleteAccessKey(ctx, caller, "ann", id, false) }, nil},
		{"the principal is deleted", func(string) error { return s.DeletePrincipal(ctx, caller, "ann", false) }, nil},
		{"the principal is deleted as a part of a commit", func(string) error {
			return s.Update(ctx, "test", func(in *store.Store) error { return in.DeletePrincipal(ctx, caller, "ann", false) })
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = s.DeletePrincipal(ctx, caller, "ann", false)
			made := w.user("ann", all)
			self := caller
			self.Principal, self.AccessKey, self.May = ann, made.ID, anything
			asked, err := w.GetSessionToken(ctx, self, TokenRequest{})
			w.must(err)
			issued := w.session(Request{Principal: ann})
			look := func() (by [3]error) {
				_, by[0] = w.of(made.ID, "")
				_, by[1] = w.ofSession(asked)
				_, by[2] = w.ofSession(issued)
				return by
			}
			if by := look(); by != [3]error{} {
				t.Fatalf("before: %v", by)
			}
			w.must(c.out(made.ID))
			want := [3]error{errNoKey, errNoKey, errNoKey}
			if c.name == "the key is inactive" || c.name == "the key is deleted" {
				want[2] = nil // no key asked for it
			}
			if by := look(); by != want {
				t.Errorf("after: %v, want %v", by, want)
			}
			if c.back == nil {
				return
			}
			w.must(c.back(made.ID))
			if by := look(); by != [3]error{} {
				t.Errorf("back: %v", by)
			}
		})
	}
	t.Run("a policy", func(t *testing.T) {
		_ = s.DeletePrincipal(ctx, caller, "ann", false)
		made := w.user("ann", all)
		texts := func() (out []string) {
			k, err := w.of(made.ID, "")
			w.must(err)
			for _, p := range k.Identity.Policies {
				out = append(out, p.Text())
			}
			return out
		}
		w.must(s.PutPrincipalPolicy(ctx, caller, "ann", "p", readOnly, false))
		if got := texts(); len(got) != 1 || got[0] != readOnly {
			t.Errorf("replaced: %v", got)
		}
		w.must(s.DeletePrincipalPolicy(ctx, caller, "ann", "p", false))
		if got := texts(); len(got) != 0 {
			t.Errorf("deleted: %v", got)
		}
	})
}

func TestNoKeyIsAcceptedAfterItsPrincipalWasDisabledWhoeverLooksMeanwhile(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", readOnly)
	var turn atomic.Int64 // odd from when it is disabled to when it is going to be enabled
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := turn.Load()
				_, err := w.Key(context.WithoutCancel(t.Context()), made.ID, "")
				if before%2 == 1 && err == nil && turn.Load() == before {
					t.Error("a disabled principal's key was accepted")
					return
				}
			}
		})
	}
	for range 100 {
		w.must(w.store.SetPrincipal(t.Context(), caller, "ann", true, false))
		w.must(w.store.SetPrincipal(t.Context(), caller, "ann", false, false))
		turn.Add(1)
		if _, err := w.of(made.ID, ""); err != errNoKey {
			t.Errorf("right after: %v", err)
		}
		turn.Add(1)
	}
	close(stop)
	wg.Wait()
}

func TestUnknownInactiveAndDisabledAnswerTheSame(t *testing.T) {
	w := newWorld(t)
	off, inactive, good := w.user("off", all), w.user("inactive", all), w.user("good", all)
	w.must(w.store.SetAccessKey(t.Context(), caller, "inactive", inactive.ID, false, false))
	w.must(w.store.SetPrincipal(t.Context(), caller, "off", false, false))
	creds := w.session(Request{Principal: good.Principal})
	for name, q := range map[string][2]string{
		"unknown": {"AKIANOBODY", ""}, "empty": {"", ""}, "inactive": {inactive.ID, ""}, "disabled": {off.ID, ""},
		"a key with a token": {good.ID, string(creds.Token.Reveal())}, "a session without its token": {creds.AccessKeyID, ""},
		"a session with nonsense": {creds.AccessKeyID, "nonsense"}, "an unknown session": {"ASIANOBODY", ""},
		"another session's token": {"ASIANOBODY", string(creds.Token.Reveal())}, "an id in other letters": {"asia" + creds.AccessKeyID[4:], string(creds.Token.Reveal())},
	} {
		k, err := w.of(q[0], q[1])
		w.unknown(name, k, err)
	}
}

// TestLookingAKeyUpReadsNothing: neither one that is known, nor one that is
// not, nor a session, once all was read.
func TestLookingAKeyUpReadsNothing(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", readOnly)
	creds := w.session(Request{Principal: ann})
	before := w.db.views.Load() + w.db.updates.Load()
	for range 100 {
		if _, err := w.of(made.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ofSession(creds); err != nil {
			t.Fatal(err)
		}
		_, _ = w.of("AKIANOBODY", "")
		w.Used(made.ID)
		w.Used(creds.AccessKeyID)
	}
	if after := w.db.views.Load() + w.db.updates.Load(); after != before {
		t.Errorf("%d transactions", after-before)
	}
	// One principal that is changed costs one read, and not of the others.
	w.must(w.store.SetPrincipal(t.Context(), caller, "ann", false, false))
	before = w.db.views.Load()
	for range 100 {
		_, _ = w.of(made.ID, "")
	}
	if after := w.db.views.Load(); after != before+1 {
		t.Errorf("%d reads after a change", after-before)
	}
}

func TestADatabaseThatDoesNotAnswerIsNoUnknownKey(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", all)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Key(ctx, made.ID, ""); err == nil || rota.CodeOf(err) == rota.NotFound {
		t.Errorf("got %v", err)
	}
	if _, err := w.of(made.ID, ""); err != nil {
		t.Errorf("and afterwards %v", err)
	}
}

// TestAPolicyThatCannotBeReadAllowsNothing: a Deny in it must not be missed.
// Who has none of it is not concerned.
func TestAPolicyThatCannotBeReadAllowsNothing(t *testing.T) {
	w := newWorld(t)
	made, other := w.user("ann", all), w.user("bob", all)
	creds := w.session(Request{Principal: ann})
	w.must(w.db.Driver.Update(t.Context(), func(tx store.Tx) error {
		return tx.PutPrincipalPolicy(store.PrincipalPolicy{Principal: ann, Name: "newer", Document: `{"Statement":{"Effect":"Deny","Something":"new"}}`})
	}))
	w.Directory = New(w.store, w.sealer, w.rand)
	if _, err := w.of(made.ID, ""); rota.CodeOf(err) != rota.Internal {
		t.Errorf("got %v", err)
	}
	if _, err := w.ofSession(creds); rota.CodeOf(err) != rota.Internal {
		t.Errorf("its session: %v", err)
	}
	if _, err := w.Identity(t.Context(), ann); rota.CodeOf(err) != rota.Internal {
		t.Errorf("its identity: %v", err)
	}
	if _, err := w.of(other.ID, ""); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestAKeyWhoseRowWasChangedDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	made, other := w.user("ann", all), w.user("bob", all)
	w.must(w.db.Driver.Update(t.Context(), func(tx store.Tx) error {
		mine, _, err := tx.AccessKey(made.ID)
		if err != nil {
			return err
		}
		theirs, _, err := tx.AccessKey(other.ID)
		if err != nil {
			return err
		}
		theirs.Blob = mine.Blob
		return tx.PutAccessKey(theirs)
	}))
	if _, err := w.of(other.ID, ""); rota.CodeOf(err) != rota.Internal || !strings.Contains(err.Error(), "can't be opened") {
		t.Errorf("got %v", err)
	}
	if _, err := w.of(made.ID, ""); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func BenchmarkKey(b *testing.B) {
	w := newWorld(b)
	made := w.user("ann", all)
	creds := w.session(Request{Principal: ann, Policy: readOnly, Duration: time.Hour})
	token := string(creds.Token.Reveal())
	for name, q := range map[string][2]string{"known": {made.ID, ""}, "unknown": {"AKIANOBODY", ""}, "session": {creds.AccessKeyID, token}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Key(b.Context(), q[0], q[1])
			}
		})
	}
	b.Run("session seen first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.sessions.m = nil
			_, _ = w.Key(b.Context(), creds.AccessKeyID, token)
		}
	})
}

// openings opens keys as long as no failure is left.
type openings struct{ asked, failures int }

func (o *openings) OpenAccessKey(store.AccessKeyRow) (rota.Value, error) {
	if o.asked++; o.asked <= o.failures {
		return rota.Value{}, errors.New("the key's provider is away")
	}
	return rota.StringValue("secret"), nil
}

func TestAKeyThatCouldNotBeOpenedIsTriedAgainAndAnOpenedOneIsKept(t *testing.T) {
	of, k := &openings{failures: 1}, &key{}
	if _, err := k.open(of); err == nil {
		t.Fatal("it opens without the provider")
	}
	for range 2 {
		if v, err := k.open(of); err != nil || string(v.Reveal()) != "secret" {
			t.Fatalf("it does not open once the provider is back: %v", err)
		}
	}
	if of.asked != 2 {
		t.Errorf("it was opened %d times, want a failure and a success", of.asked)
	}
}
