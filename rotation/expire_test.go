package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

func TestAnEndingIsNotEarly(t *testing.T) {
	everywhere(t, []kind{minted, alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
		finished := w.now
		w.rotate()
		for _, d := range []time.Duration{0, time.Minute, time.Hour - time.Millisecond} {
			w.now = finished.Add(d)
			_, err := w.do(rota.ExpireSecret, first)
			wantNotYet(t, err)
			w.wantAccepted("the old credential in its overlap", w.kind.first)
		}
		w.now = finished.Add(time.Hour + time.Second) // the label holds whole seconds, rounded up
		w.must(rota.ExpireSecret, first)
		w.wantRefused("the old credential", w.kind.first)
	})
}

func TestAnEndingWhoseLabelWasTakenAwayIsStillNotEarly(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	w.rotate()
	for _, l := range slices.Clone(w.home.Secret(name).Stages[first]) {
		if rota.IsEndsLabel(l) {
			w.home.MoveByHand(name, l, "")
		}
	}
	_, err := w.do(rota.ExpireSecret, first)
	wantNotYet(t, err)
	w.wantAccepted("the old credential in its overlap", w.kind.first)
	w.pass(2 * time.Hour)
	w.must(rota.ExpireSecret, first)
	w.wantRefused("the old credential", w.kind.first)
}

func TestOfTwoEndingLabelsTheLaterCounts(t *testing.T) {
	everywhere(t, []kind{minted, alternating}, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		w.home.MoveByHand(name, rota.EndsLabel(first, w.now.Add(-time.Minute)), first) // left by a crash
		_, err := w.do(rota.ExpireSecret, first)
		wantNotYet(t, err)
		w.wantAccepted("the old credential in its overlap", w.kind.first)
		w.home.MoveByHand(name, rota.EndsLabel(first, time.Time{}), first)
		w.pass(2 * time.Hour)
		_, err = w.do(rota.ExpireSecret, first)
		wantNotYet(t, err)
		w.home.MoveByHand(name, rota.EndsLabel(first, time.Time{}), "")
		w.must(rota.ExpireSecret, first)
		w.wantEnds()
	})
}

func TestALateEndingIsTheSame(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		w.pass(300 * 24 * time.Hour)
		if res := w.must(rota.ExpireSecret, first); res.Proof != rota.ProvenDead {
			t.Errorf("found %q, want proven dead", res.Proof)
		}
		w.wantRefused("the old credential", w.kind.first)
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestWhatIsInUseIsNeverEnded(t *testing.T) {
	t.Run("AWSCURRENT", func(t *testing.T) {
		everywhere(t, kinds, "immediately", func(t *testing.T, w *world) {
			token := w.rotate()
			for range 2 {
				if res := w.must(rota.ExpireSecret, token); res.Proof != rota.Live {
					t.Errorf("found %q, want live", res.Proof)
				}
			}
			w.wantAccepted("AWSCURRENT", w.current())
		})
	})
	t.Run("AWSPENDING", func(t *testing.T) {
		everywhere(t, kinds, "immediately", func(t *testing.T, w *world) {
			token := w.begin()
			w.must(rota.CreateSecret, token)
			w.must(rota.SetSecret, token)
			w.must(rota.ExpireSecret, token)
			w.wantAccepted("AWSPENDING", w.home.Value(name, token))
		})
	})
	t.Run("AWSCURRENT with a label that ends it at the next rotation", func(t *testing.T) {
		everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
			w.home.MoveByHand(name, rota.EndsLabel(first, time.Time{}), first)
			w.must(rota.CreateSecret, w.begin())
			w.wantAccepted("AWSCURRENT", w.kind.first)
		})
	})
	t.Run("a version that regained AWSCURRENT", func(t *testing.T) {
		everywhere(t, []kind{minted, alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
			token := w.rotate()
			w.home.MoveByHand(name, rota.Current, first)
			w.pass(2 * time.Hour)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			if res := w.must(rota.ExpireSecret, first); res.Proof != rota.Live {
				t.Errorf("found %q, want live", res.Proof)
			}
			w.wantAccepted("AWSCURRENT after the rollback", w.kind.first)
			w.wantAccepted("the value that was rolled back", w.home.Value(name, token))
		})
	})
	t.Run("the same credential under AWSCURRENT", func(t *testing.T) {
		everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
			w.rotate()
			w.home.PutByHand(name, "copy-000-0000-4000-8000-000000000000", w.kind.first)
			w.home.MoveByHand(name, "keep", first)
			if w.kind.capacity == 1 {
				w.provider.AddUser("app", "first-password")
			}
			w.pass(2 * time.Hour)
			res := w.must(rota.ExpireSecret, first)
			if res.Proof != rota.Live {
				t.Errorf("found %q, want live", res.Proof)
			}
			w.wantAccepted("AWSCURRENT", w.kind.first)
			w.wantState(first, rota.Live)
			w.wantEnds()
		})
	})
	t.Run("the same credential under AWSPENDING", func(t *testing.T) {
		everywhere(t, []kind{minted, alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
			w.rotate()
			token := w.begin()
			if err := w.home.Put(t.Context(), name, token, w.kind.first, rotationToken); err != nil {
				t.Fatal(err)
			}
			w.pass(2 * time.Hour)
			if res := w.must(rota.ExpireSecret, first); res.Proof != rota.Live {
				t.Errorf("found %q, want live", res.Proof)
			}
			w.wantAccepted("AWSPENDING", w.kind.first)
		})
	})
	t.Run("the same credential under a held version", func(t *testing.T) {
		w := newWorld(t, minted, serve, "after 1h")
		w.home.PutByHand(name, "copy-000-0000-4000-8000-000000000000", w.kind.first)
		w.home.MoveByHand(name, "keep", first)
		w.rotate() // supersedes the copy
		for _, c := range w.home.Rows() {
			if c.ProviderID == "key-0" {
				c.ID, c.Version, c.State = "", first, rota.Held
				if err := w.home.Record(t.Context(), c, rota.Value{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.wantState(first, rota.Held)
		w.pass(2 * time.Hour)
		w.must(rota.ExpireSecret, "copy-000-0000-4000-8000-000000000000")
		w.wantAccepted("the credential of the held version", w.kind.first)
	})
}

func TestKeysWithAnAssignedIdAreRevokedByIt(t *testing.T) {
	everywhere(t, []kind{assigned}, "immediately", func(t *testing.T, w *world) {
		old := w.rotate()
		w.pass(time.Second)
		if err := w.expireDue(); err != nil { // the first was made by hand, under no name of ours
			t.Fatal(err)
		}
		before := w.provider.Effects("revoke")
		w.rotate()
		w.pass(time.Second)
		w.must(rota.ExpireSecret, old)
		if n := w.provider.Effects("revoke") - before; n != 1 {
			t.Errorf("%d keys were revoked by id, want the one", n)
		}
	})
}

func TestAHeldEndingWaits(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	w.rotate()
	w.home.ChangeRows(func(c *rota.Credential) {
		if c.Version == first {
			c.State = rota.Held
		}
	})
	w.pass(2 * time.Hour)
	_, err := w.do(rota.ExpireSecret, first)
	wantNotYet(t, err)
	w.wantAccepted("the held credential", w.kind.first)

	w.home.ChangeRows(func(c *rota.Credential) {
		if c.Version == first {
			c.State = rota.Superseded
		}
	})
	w.must(rota.ExpireSecret, first)
	w.wantRefused("the old credential", w.kind.first)
}

// An id whose secret was set anew by hand is the current credential's id:
// revoking it for the old version would end the current one.
func TestAKeyWhoseSecretWasRenewedUnderItsIdIsNotRevoked(t *testing.T) {
	everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		w.provider.AddKey("key-0", "by hand", "renewed-secret")
		w.home.PutByHand(name, "renewed0-0000-4000-8000-000000000000", rotationtest.KeyValue("key-0", "renewed-secret"))
		w.home.MoveByHand(name, "keep", first)
		w.pass(2 * time.Hour)
		if res := w.must(rota.ExpireSecret, first); res.Proof != rota.ProvenDead {
			t.Errorf("found %q, want proven dead: the old secret is refused", res.Proof)
		}
		w.wantAccepted("AWSCURRENT", w.current())
		if n := w.provider.Effects("revoke"); n != 0 {
			t.Errorf("%d keys were revoked, want none", n)
		}
	})
}

func TestAPrincipalThatWasOverwrittenIsOnlyProven(t *testing.T) {
	t.Run("a single user after each rotation", func(t *testing.T) {
		everywhere(t, []kind{singleUser}, "after 1h", func(t *testing.T, w *world) {
			w.rotate()
			w.pass(time.Second)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			if n := w.provider.Effects("end"); n != 0 {
				t.Errorf("%d passwords were ended, want none", n)
			}
			w.wantAccepted("AWSCURRENT", w.current())
			w.wantState(first, rota.ProvenDead)
		})
	})
	t.Run("the policy is reported as not applicable", func(t *testing.T) {
		w := newWorld(t, singleUser, serve, "after 1h")
		w.rotate()
		for _, c := range w.home.Rows() {
			if c.Version == first && c.Policy != rotation.NotApplicable {
				t.Errorf("the policy of the old credential is %q", c.Policy)
			}
		}
	})
	t.Run("alternating users rotated twice within the overlap", func(t *testing.T) {
		everywhere(t, []kind{alternating}, "after 10h", func(t *testing.T, w *world) {
			w.rotate()
			second := w.begin()
			w.must(rota.CreateSecret, second)
			res := w.must(rota.SetSecret, second)
			if !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "cuts the overlap of version "+first) }) {
				t.Errorf("the notes do not say which overlap is cut: %q", res.Notes)
			}
			w.steps(second)
			w.pass(time.Second)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			if n := w.provider.Effects("end"); n != 0 {
				t.Errorf("%d passwords were ended, want none", n)
			}
			w.wantAccepted("AWSCURRENT", w.current())
			w.wantState(first, rota.ProvenDead)
		})
	})
}

// The new password of the other user was stored and never set. Ending "the
// user" for it would end the password that others still may use.
func TestAGivenUpPasswordThatWasNeverSetDoesNotCutTheOverlapOfAnother(t *testing.T) {
	w := newWorld(t, alternating, serve, "after 10h")
	w.rotate()
	token := w.begin()
	w.must(rota.CreateSecret, token)
	w.home.Abandon(name, token, w.now)
	w.pass(time.Minute)
	if err := w.expireDue(); err != nil {
		t.Fatal(err)
	}
	w.wantState(token, rota.ProvenDead)
	w.wantAccepted("the old credential in its overlap", w.kind.first)
	w.wantAccepted("AWSCURRENT", w.current())

	w.pass(11 * time.Hour)
	if err := w.expireDue(); err != nil {
		t.Fatal(err)
	}
	w.wantRefused("the old credential", w.kind.first)
	w.wantEnds()
}

func TestAGivenUpRotationLeavesNothingAlive(t *testing.T) {
	for _, done := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("after %s", steps[done-1]), func(t *testing.T) {
			for _, k := range []kind{minted, alternating, assigned} {
				t.Run(k.name, func(t *testing.T) {
					w := newWorld(t, k, serve, "after 1h")
					token := w.begin()
					for _, s := range steps[:done] {
						w.must(s, token)
					}
					value := w.home.Value(name, token)
					w.must(rota.ResolveSecret, token)
					w.home.Abandon(name, token, w.now)
					w.pass(time.Second)
					if err := w.expireDue(); err != nil {
						t.Fatal(err)
					}
					w.wantRefused("the value that was given up", value)
					w.wantAccepted("AWSCURRENT", w.current())
					w.wantState(token, rota.ProvenDead)
					w.wantEnds()
				})
			}
		})
	}
	t.Run("after a mint whose answer was lost", func(t *testing.T) {
		w := newWorld(t, minted, serve, "after 1h")
		token := w.begin()
		w.use(&points{at: -1, on: "provider mint", fault: rotationtest.DoneUnknown})
		_, _ = w.do(rota.CreateSecret, token)
		w.use(noFault())
		w.home.Abandon(name, token, w.now)
		w.pass(time.Second)
		if err := w.expireDue(); err != nil {
			t.Fatal(err)
		}
		if keys := w.provider.Keys(); !slices.Equal(keys, []string{"key-0"}) {
			t.Errorf("keys at the provider: %v, want only the current one", keys)
		}
		for _, c := range w.home.Rows() {
			if c.Version == token && c.State != rota.ProvenDead {
				t.Errorf("the ledger is left with %q: %s", c.State, c.Evidence)
			}
		}
		w.wantEnds()
	})
}

func TestAVersionThatIsGoneIsNoError(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		if res := w.must(rota.ExpireSecret, "gone-000-0000-4000-8000-000000000000"); res.Proof != rota.Live {
			t.Errorf("found %q of a version that nobody knows, want that nothing was ended", res.Proof)
		}
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestACredentialWhoseValueIsLostIsNotClaimedDead(t *testing.T) {
	lost := "lost-000-0000-4000-8000-000000000000"
	row := func(w *world, c rota.Credential) {
		c.SecretARN, c.Version, c.State, c.Provider = w.home.Secret(name).ARN(), lost, rota.Ending, "model://provider"
		if err := w.home.Record(t.Context(), c, rota.Value{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a user", func(t *testing.T) {
		w := newWorld(t, alternating, serve, "after 1h")
		row(w, rota.Credential{Principal: "app_clone"})
		if res := w.must(rota.ExpireSecret, lost); res.Proof != rota.NotProven {
			t.Errorf("found %q, want not proven", res.Proof)
		}
		w.wantState(lost, rota.NotProven)
	})
	t.Run("a key is revoked by the id of its row", func(t *testing.T) {
		w := newWorld(t, minted, serve, "after 1h")
		w.provider.AddKey("key-9", "by hand", "lost-secret")
		row(w, rota.Credential{Principal: "key-9", ProviderID: "key-9"})
		w.home.ChangeRows(func(c *rota.Credential) { c.State, c.NotBefore = rota.Superseded, w.now })
		if res := w.must(rota.ExpireSecret, lost); res.Proof != rota.NotProven {
			t.Errorf("found %q, want not proven", res.Proof)
		}
		if keys := w.provider.Keys(); !slices.Equal(keys, []string{"key-0"}) {
			t.Errorf("keys at the provider: %v, want only the current one", keys)
		}
	})
	t.Run("a key whose id is in use is left alone", func(t *testing.T) {
		w := newWorld(t, minted, serve, "after 1h")
		row(w, rota.Credential{Principal: "key-0", ProviderID: "key-0"})
		w.home.ChangeRows(func(c *rota.Credential) { c.State, c.NotBefore = rota.Superseded, w.now })
		w.must(rota.ExpireSecret, lost)
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestDeadIsClaimedOnlyOnTheExactAnswer(t *testing.T) {
	rotated := func(t *testing.T, k kind, p place) *world {
		w := newWorld(t, k, p, "after 1h")
		w.rotate()
		w.pass(2 * time.Hour)
		return w
	}
	answer := func(w *world, old, current error) {
		w.provider.AnswerTries(func(v rota.Value, truth error) error {
			switch {
			case v.Equal(w.kind.first) && truth != nil:
				return old
			case v.Equal(w.current()):
				return current
			}
			return truth
		})
	}
	throttled, unreachable := errors.New("answered 429"), errors.New("no route to host")
	for _, c := range []struct {
		name         string
		old, current error
		text         string
	}{
		{"a refusal that is not the answer for dead", rotation.ErrRefused, nil, "not with the answer that means dead"},
		{"a throttled try", throttled, nil, "429"},
		{"an unreachable provider", unreachable, nil, "no route"},
		{"a credential that is still accepted", nil, nil, "still accepts"},
		{"a provider that refuses the current credential too", rotation.ErrDead, rotation.ErrDead, "control failed"},
		{"a provider that cannot be asked about the current credential", rotation.ErrDead, unreachable, "control failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, k := range []kind{minted, alternating, assigned} {
				for _, p := range places {
					t.Run(k.name+" "+string(p), func(t *testing.T) {
						w := rotated(t, k, p)
						answer(w, c.old, c.current)
						res, err := w.do(rota.ExpireSecret, first)
						wantError(t, err, c.text)
						if res.Proof != "" {
							t.Errorf("the result claims %q", res.Proof)
						}
						w.wantEnds(first)
						if p == serve && w.state(first) != rota.Ending {
							t.Errorf("the ledger says %q, want ending", w.state(first))
						}
						w.provider.AnswerTries(nil)
						if c.current != nil { // it may be the last that works
							w.wantAccepted("the old credential beside a current one that is refused", w.kind.first)
						}
						if res := w.must(rota.ExpireSecret, first); res.Proof != rota.ProvenDead {
							t.Errorf("afterwards it found %q, want proven dead", res.Proof)
						}
						w.wantEnds()
					})
				}
			}
		})
	}
}

func TestAProofAtAnotherAddressThanTheControlIsVoid(t *testing.T) {
	moved := func(r rotation.Rotator) rotation.Rotator {
		if m, ok := r.(rotation.Minter); ok {
			return changed{m, r.(rotation.Lister), func(id *rotation.Identity) {
				if id.ID == "key-0" {
					id.Provider = "model://elsewhere"
				}
			}}
		}
		return r
	}
	for _, p := range places {
		t.Run(string(p), func(t *testing.T) {
			w := newWorld(t, minted, p, "after 1h", moved)
			w.rotate()
			w.pass(2 * time.Hour)
			if res := w.must(rota.ExpireSecret, first); res.Proof != rota.NotProven {
				t.Errorf("found %q, want not proven", res.Proof)
			}
			w.wantRefused("the old credential", w.kind.first)
		})
	}
}

func TestAProviderThatAcceptsAnythingProvesNothing(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	w.provider.AnswerTries(func(rota.Value, error) error { return nil })
	token := w.begin()
	res := w.must(rota.CreateSecret, token)
	if !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "accepts a random value") }) {
		t.Errorf("the notes do not say that the provider does not check: %q", res.Notes)
	}
	w.steps(token)
	w.pass(2 * time.Hour)
	w.provider.AnswerTries(nil) // from now on it says what looks like a proof
	if res := w.must(rota.ExpireSecret, first); res.Proof != rota.NotProven {
		t.Errorf("found %q, want not proven", res.Proof)
	}
	w.wantRefused("the old credential, which is ended all the same", w.kind.first)
	w.wantState(first, rota.NotProven)
	w.wantEnds()
	if res := w.must(rota.ExpireSecret, first); res.Proof != rota.NotProven {
		t.Errorf("again it found %q, want not proven", res.Proof)
	}
}

func TestTheRandomValueIsTriedOnceForAnAddress(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	random := 0
	w.provider.AnswerTries(func(v rota.Value, truth error) error {
		if truth != nil && !v.Equal(w.kind.first) {
			random++
		}
		return truth
	})
	w.rotate()
	w.rotate()
	if random != 1 {
		t.Errorf("a random value was tried %d times in two rotations, want once", random)
	}
}

func TestOneRefusalIsEnoughForAProof(t *testing.T) {
	for _, k := range []kind{alternating, singleUser} {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t, k, serve, "after 1h")
			w.rotate()
			w.pass(2 * time.Hour)
			refused := 0
			w.provider.AnswerTries(func(_ rota.Value, truth error) error {
				if truth != nil {
					refused++
				}
				return truth
			})
			w.must(rota.ExpireSecret, first)
			if refused != 1 {
				t.Errorf("%d refused logins in one ending, want 1: more could trip a lockout", refused)
			}
		})
	}
}

func TestWhatEndsAtTheNextRotationEndsBeforeItsMint(t *testing.T) {
	everywhere(t, []kind{minted, alternating, assigned}, "next-rotation", func(t *testing.T, w *world) {
		w.rotate()
		w.wantEnds(first)
		w.pass(100 * 24 * time.Hour)
		if due := w.home.Due(w.now); len(due) != 0 {
			t.Errorf("due by time: %v", due)
		}
		_, err := w.do(rota.ExpireSecret, first)
		wantNotYet(t, err)
		w.wantAccepted("the old credential until the next rotation", w.kind.first)

		token := w.begin()
		w.must(rota.CreateSecret, token)
		w.wantRefused("the old credential", w.kind.first)
		w.wantState(first, rota.ProvenDead)
		w.wantEnds()
	})
}

func TestAnEndingThatFailsAtTheNextRotationBlocksOnlyIfItsPlaceIsNeeded(t *testing.T) {
	for _, c := range []struct {
		name     string
		capacity int
		blocks   bool
	}{
		{"many may live", 0, false},
		{"two may live", 2, true},
		{"three may live", 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, minted, serve, "next-rotation", func(r rotation.Rotator) rotation.Rotator {
				if m, ok := r.(rotation.Minter); ok {
					return roomy{m, r.(rotation.Lister), c.capacity}
				}
				return r
			})
			w.rotate()
			w.use(&points{at: -1, on: "provider revoke", fault: rotationtest.NotDoneUnclear})
			token := w.begin()
			res, err := w.do(rota.CreateSecret, token)
			if c.blocks {
				wantError(t, err, "the provider allows 2 credentials and the old one did not end")
				if n := w.provider.Effects("mint"); n != 1 {
					t.Errorf("%d keys were minted, want only that of the first rotation", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "did not end") }) {
				t.Errorf("the failure is not reported: %q", res.Notes)
			}
			w.wantEnds(first)
		})
	}
}

// roomy is a minting rotator of another capacity.
type roomy struct {
	rotation.Minter
	rotation.Lister
	capacity int
}

func (r roomy) Plan(req rotation.Request) (rotation.Plan, error) {
	p, err := r.Minter.Plan(req)
	p.Capacity = r.capacity
	return p, err
}

func TestThePolicyIsFixedAtFinish(t *testing.T) {
	everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		before := w.endsAt(first)
		w.home.Change(name, func(s *rota.Secret) { s.Tags[1].Value = "immediately" })
		_, err := w.do(rota.ExpireSecret, first)
		wantNotYet(t, err)
		if at := w.endsAt(first); !at.Equal(before) {
			t.Errorf("the ending moved from %s to %s", before, at)
		}
	})
}

func TestANewCredentialIsAcceptedBeforeItCounts(t *testing.T) {
	refused, unclear := rotation.ErrRefused, errors.New("answered 503")
	plan := func(successes int, interval, within time.Duration) rotation.Propagation {
		return rotation.Propagation{Successes: successes, Interval: interval, Within: within}
	}
	for _, c := range []struct {
		name      string
		plan      rotation.Propagation
		answers   []error // then the last one again and again
		deadline  time.Duration
		want      error // nil: accepted
		permanent bool
		tries     int
	}{
		{"once is enough where the provider says so", plan(1, time.Second, 10*time.Second), []error{nil}, 0, nil, false, 1},
		{"so many times in a row as the provider says", plan(3, time.Second, 10*time.Second), []error{nil}, 0, nil, false, 3},
		{"a refusal in between starts the row again", plan(2, time.Second, 10*time.Second), []error{nil, refused, nil, nil}, 0, nil, false, 4},
		{"a refusal that ends within the time is waited for", plan(1, time.Second, 10*time.Second), []error{refused, refused, nil}, 0, nil, false, 3},
		{"a refusal for the whole time is for good", plan(1, time.Second, 3*time.Second), []error{refused}, 0, refused, true, 4},
		{"a refusal after an acceptance is not for good", plan(2, time.Second, 3*time.Second), []error{nil, refused}, 0, rotation.ErrNotYet, false, 4},
		{"not yet is waited for", plan(1, time.Second, 10*time.Second), []error{rotation.ErrNotYet, rotation.ErrNotYet, nil}, 0, nil, false, 3},
		{"not yet for the whole time is not for good", plan(1, time.Second, 3*time.Second), []error{rotation.ErrNotYet}, 0, rotation.ErrNotYet, false, 4},
		{"a wait that does not fit into the step comes back later", plan(1, time.Minute, time.Hour), []error{refused}, 30 * time.Second, rotation.ErrNotYet, false, 1},
		{"an unclear answer is no verdict", plan(1, time.Second, 10*time.Second), []error{unclear}, 0, unclear, false, 1},
		{"three in a row take longer than the time to wait", plan(3, time.Second, time.Second), []error{nil}, 0, nil, false, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, minted, serve, "after 1h", func(r rotation.Rotator) rotation.Rotator {
					if m, ok := r.(rotation.Minter); ok {
						return slow{m, r.(rotation.Lister), c.plan}
					}
					return r
				})
				token := w.begin()
				w.must(rota.CreateSecret, token)
				tries := 0
				w.provider.AnswerTries(func(rota.Value, error) error {
					tries++
					return c.answers[min(tries, len(c.answers))-1]
				})
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				_, err := w.handler.Handle(ctx, w.home.Home(), rota.Event{Step: rota.TestSecret, SecretID: name, ClientRequestToken: token})
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if rotation.IsPermanent(err) != c.permanent {
					t.Errorf("permanent %t, want %t: %v", !c.permanent, c.permanent, err)
				}
				if tries != c.tries {
					t.Errorf("%d tries, want %d", tries, c.tries)
				}
			})
		})
	}
}

// slow is a minting rotator with another propagation.
type slow struct {
	rotation.Minter
	rotation.Lister
	propagation rotation.Propagation
}

func (s slow) Plan(req rotation.Request) (rotation.Plan, error) {
	p, err := s.Minter.Plan(req)
	p.Propagation = s.propagation
	return p, err
}
