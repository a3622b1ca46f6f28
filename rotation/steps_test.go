package rotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

func TestEachStepMayBeRepeated(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range steps {
			w.must(s, token)
			value, keys := w.home.Value(name, token), w.provider.Keys()
			w.must(s, token)
			if !w.home.Value(name, token).Equal(value) {
				t.Errorf("%s again changed the pending value", s)
			}
			if again := w.provider.Keys(); !slices.Equal(again, keys) {
				t.Errorf("%s again changed the keys from %v to %v", s, keys, again)
			}
		}
		if err := w.home.Complete(name, token); err != nil {
			t.Fatal(err)
		}
		ends := w.endsAt(first)
		w.pass(time.Minute)
		w.must(rota.FinishSecret, token) // after the move
		if again := w.endsAt(first); !again.Equal(ends) {
			t.Errorf("finishSecret after the move changed the ending from %s to %s", ends, again)
		}
		w.pass(time.Hour)
		for range 2 {
			if res := w.must(rota.ExpireSecret, first); res.Proof != rota.ProvenDead && w.place == serve {
				t.Errorf("expireSecret found %q, want proven dead", res.Proof)
			}
		}
		w.wantRefused("the old credential", w.kind.first)
		w.wantAccepted("AWSCURRENT", w.current())
		w.wantState(first, rota.ProvenDead)
		w.wantState(token, rota.Live)
		w.wantEnds()
	})
}

func TestThreeRotationsLeaveOnlyTheLastCredentialAlive(t *testing.T) {
	for _, policy := range []string{"immediately", "after 1h", "next-rotation"} {
		everywhere(t, kinds, policy, func(t *testing.T, w *world) {
			values := []rota.Value{w.kind.first}
			var token string
			for range 3 {
				token = w.rotate()
				values = append(values, w.current())
				w.pass(2 * time.Hour)
				if err := w.expireDue(); err != nil {
					t.Fatal(err)
				}
			}
			last := len(values) - 1
			w.wantAccepted("AWSCURRENT", values[last])
			for i, v := range values[:last] {
				if policy == "next-rotation" && i == last-1 && w.kind.capacity != 1 {
					w.wantAccepted("the old credential before the next rotation", v)
					continue
				}
				w.wantRefused("an older credential", v)
			}
			w.wantState(token, rota.Live)
		})
	}
}

func TestStepsOutOfOrderChangeNothing(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range []rota.Step{rota.SetSecret, rota.TestSecret, rota.FinishSecret} {
			_, err := w.do(s, token)
			wantError(t, err, "createSecret did not finish")
		}
		if res := w.must(rota.ExpireSecret, token); res.Proof != rota.Live {
			t.Errorf("expireSecret of AWSPENDING found %q, want live", res.Proof)
		}
		if res := w.must(rota.ResolveSecret, token); res.Finished {
			t.Error("resolveSecret finished a rotation that had not begun")
		}
		if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
			t.Errorf("AWSCURRENT moved to %s", got)
		}
		w.wantAccepted("AWSCURRENT", w.kind.first)
		w.wantEnds()
	})
}

func TestAFinishThatWasNotSetMovesAWSCURRENTOnlyToWhatTheEngineTested(t *testing.T) {
	// The handler trusts the order of the engine: what the test refused never
	// comes to finishSecret. What it guards itself is that the test refuses.
	everywhere(t, []kind{singleUser, alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			token := w.begin()
			w.must(rota.CreateSecret, token)
			_, err := w.do(rota.TestSecret, token)
			if !rotation.IsPermanent(err) {
				t.Errorf("a value that was never set was tested with %v, want a permanent refusal", err)
			}
			if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
				t.Errorf("AWSCURRENT moved to %s", got)
			}
		})
	})
}

func TestAStaleTokenIsRefused(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		gave := w.begin()
		w.must(rota.CreateSecret, gave)
		w.home.Abandon(name, gave, w.now)
		token := w.begin()
		for _, s := range steps {
			_, err := w.do(s, gave)
			if err == nil || (!strings.Contains(err.Error(), "has no stage for rotation") && !strings.Contains(err.Error(), "not set as AWSPENDING")) {
				t.Errorf("%s of a token that was given up: %v", s, err)
			}
			_, err = w.do(s, "99999999-9999-4999-8999-999999999999")
			wantError(t, err, "has no stage for rotation of secret")
		}
		w.steps(token)
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestAnUnknownStepIsRefusedForGood(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	token := w.begin()
	_, err := w.do("destroySecret", token)
	wantError(t, err, "destroySecret")
	if !rotation.IsPermanent(err) {
		t.Error("the error is not permanent")
	}
}

func TestStepsOfASecretWhoseRotationIsOffAreRefusedButItsEndingsRun(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		token := w.begin()
		w.home.Change(name, func(s *rota.Secret) { s.Rotation.Enabled = false })
		for _, s := range steps {
			_, err := w.do(s, token)
			wantError(t, err, "is not enabled for rotation")
		}
		w.pass(time.Hour + time.Second)
		if err := w.expireDue(); err != nil {
			t.Fatal(err)
		}
		w.wantRefused("the old credential", w.kind.first)
	})
}

func TestAMintWhoseAnswerWasLostLeavesExactlyOneLiveKey(t *testing.T) {
	everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		w.use(&points{at: -1, on: "provider mint", fault: rotationtest.DoneUnknown})
		for range 3 {
			_, err := w.do(rota.CreateSecret, token)
			wantError(t, err, "connection lost")
		}
		if keys := w.provider.Keys(); len(keys) != 2 {
			t.Fatalf("keys at the provider: %v, want the first and one orphan", keys)
		}
		w.use(noFault())
		w.steps(token)
		if keys := w.provider.Keys(); !slices.Equal(keys, []string{"key-0", "key-4"}) {
			t.Errorf("keys at the provider: %v, want the old one and the last minted", keys)
		}
		dead, live := 0, 0
		for _, c := range w.home.Rows() {
			if c.Version != token {
				continue
			}
			switch c.State {
			case rota.ProvenDead:
				dead++
			case rota.Live:
				live++
			default:
				t.Errorf("the ledger is left with %q of %s", c.State, c.ProviderID)
			}
		}
		if w.place == serve && (dead != 3 || live != 1) {
			t.Errorf("the ledger has %d dead orphans and %d live keys, want 3 and 1", dead, live)
		}
	})
}

func TestAMintThatArrivesLateIsRevoked(t *testing.T) {
	lose := func(w *world, token string) {
		w.use(&points{at: -1, on: "provider mint", fault: rotationtest.DoneLate})
		_, err := w.do(rota.CreateSecret, token)
		wantError(w.t, err, "connection lost")
		w.use(noFault())
	}
	t.Run("before finishSecret", func(t *testing.T) {
		everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
			token := w.begin()
			lose(w, token)
			w.steps(token) // the second mint lets the first arrive
			if keys := w.provider.Keys(); len(keys) != 2 {
				t.Errorf("keys at the provider: %v, want the old and the new one", keys)
			}
			w.wantAccepted("AWSCURRENT", w.current())
		})
	})
	t.Run("before its own version ends", func(t *testing.T) {
		everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
			token := w.rotate()
			w.pass(2 * time.Hour)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			w.provider.AddKey("late", rotation.CredentialName(w.home.Secret(name).ARN(), token), "late-secret")
			w.rotate()
			w.pass(2 * time.Hour)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			if keys := w.provider.Keys(); len(keys) != 1 {
				t.Errorf("keys at the provider: %v, want only the current one", keys)
			}
		})
	})
	t.Run("before the old credential ends", func(t *testing.T) {
		everywhere(t, []kind{minted}, "after 1h", func(t *testing.T, w *world) {
			token := w.rotate()
			w.provider.AddKey("late", rotation.CredentialName(w.home.Secret(name).ARN(), token), "late-secret")
			w.pass(2 * time.Hour)
			if err := w.expireDue(); err != nil {
				t.Fatal(err)
			}
			if keys := w.provider.Keys(); len(keys) != 1 {
				t.Errorf("keys at the provider: %v, want only the current one", keys)
			}
			w.wantAccepted("AWSCURRENT", w.current())
		})
	})
}

func TestAMintThatWasRevokedButNotRecordedDoesNotStayOpen(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	token := w.begin()
	w.use(&points{at: -1, on: "provider mint", fault: rotationtest.StopAfter})
	_, _ = w.do(rota.CreateSecret, token)
	w.use(&points{at: -1, on: "provider revoke", fault: rotationtest.StopAfter})
	_, _ = w.do(rota.CreateSecret, token)
	w.use(noFault())
	w.steps(token)
	for _, c := range w.home.Rows() {
		if c.ProviderID == "key-1" && c.State != rota.ProvenDead {
			t.Errorf("the orphan is left %q", c.State)
		}
	}
}

func TestAnOrphanThatCouldNotBeRevokedIsEndedWithTheRotation(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	token := w.begin()
	w.use(&points{at: -1, on: "provider mint", fault: rotationtest.DoneUnknown})
	_, _ = w.do(rota.CreateSecret, token)
	w.use(&points{at: -1, on: "provider revoke", fault: rotationtest.NotDoneUnclear})
	for range 3 {
		_, err := w.do(rota.CreateSecret, token)
		wantError(t, err, "revoke")
	}
	w.must(rota.ResolveSecret, token)
	w.home.Abandon(name, token, w.now)
	w.use(noFault())
	w.pass(time.Second)
	if err := w.expireDue(); err != nil {
		t.Fatal(err)
	}
	if keys := w.provider.Keys(); !slices.Equal(keys, []string{"key-0"}) {
		t.Errorf("keys at the provider: %v, want only the current one", keys)
	}
	w.wantState(token, rota.ProvenDead)
	w.wantEnds()
}

func TestTheIntentIsRecordedBeforeTheProviderMints(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	token := w.begin()
	w.use(&points{at: -1, on: "provider mint", fault: rotationtest.StopBefore})
	_, _ = w.do(rota.CreateSecret, token)
	rows := w.home.Rows()
	if !slices.ContainsFunc(rows, func(c rota.Credential) bool { return c.Version == token && c.State == rota.Intended }) {
		t.Errorf("the ledger knows no intent: %v", rows)
	}
}

func TestAMintNeedsAValueThatNamesTheId(t *testing.T) {
	noID := func(r rotation.Rotator) rotation.Rotator {
		if m, ok := r.(rotation.Minter); ok {
			return changed{m, r.(rotation.Lister), func(id *rotation.Identity) { id.ID = "" }}
		}
		return r
	}
	w := newWorld(t, minted, serve, "after 1h", noID)
	_, err := w.do(rota.CreateSecret, w.begin())
	wantError(t, err, "does not name the provider's id")
	if !rotation.IsPermanent(err) {
		t.Error("the error is not permanent")
	}
	if n := w.provider.Effects("mint"); n != 0 {
		t.Errorf("%d keys were minted all the same", n)
	}
}

// changed is a minting rotator that names its credentials in another way.
type changed struct {
	rotation.Minter
	rotation.Lister
	change func(*rotation.Identity)
}

func (c changed) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	id, err := c.Minter.Identify(req, v)
	c.change(&id)
	return id, err
}

func (c changed) Plan(req rotation.Request) (rotation.Plan, error) {
	p, err := c.Minter.Plan(req)
	c.change(&p.Identity)
	return p, err
}

func TestTwoKeysOfOnePrincipalOverlap(t *testing.T) {
	everywhere := func(f func(t *testing.T, w *world)) {
		for _, p := range places {
			t.Run(string(p), func(t *testing.T) {
				f(t, newWorld(t, minted, p, "after 1h", func(r rotation.Rotator) rotation.Rotator {
					if m, ok := r.(rotation.Minter); ok {
						return changed{m, r.(rotation.Lister), func(id *rotation.Identity) { id.Principal = "service account" }}
					}
					return r
				}))
			})
		}
	}
	everywhere(func(t *testing.T, w *world) {
		w.rotate()
		if at := w.endsAt(first); at.Before(w.now.Add(time.Hour)) {
			t.Errorf("the old key of the same principal ends at %s, before its policy", at)
		}
		w.wantAccepted("the old key in its overlap", w.kind.first)
		w.pass(2 * time.Hour)
		if err := w.expireDue(); err != nil {
			t.Fatal(err)
		}
		w.wantRefused("the old key", w.kind.first)
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestFinishLabelsThenMakesTheTimerThenMoves(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range steps[:3] {
			w.must(s, token)
		}
		w.use(&points{at: -1, on: "home timer", fault: rotationtest.StopBefore})
		_, _ = w.do(rota.FinishSecret, token)
		if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
			t.Error("AWSCURRENT moved before the timer was made")
		}
		w.wantEnds(first)

		w.use(noFault())
		w.pass(time.Minute)
		w.must(rota.FinishSecret, token)
		if got := w.home.Secret(name).VersionOf(rota.Current); got != token {
			t.Error("AWSCURRENT did not move")
		}
		want := w.now
		if w.kind.capacity != 1 {
			want = w.now.Add(time.Hour)
		}
		if at := w.endsAt(first); at.Before(want) || at.Sub(want) > time.Second {
			t.Errorf("the old credential ends at %s, want %s: the policy counts from the finish", at, want)
		}
		if due := w.home.Due(w.now.Add(2 * time.Hour)); !slices.Equal(due, []string{first}) {
			t.Errorf("due after the time: %v, want the old version", due)
		}
	})
}

func TestTheLedgerFollowsThePendingCredential(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t, k, serve, "after 1h")
			token := w.begin()
			w.must(rota.CreateSecret, token)
			born := rota.Intended
			if k.rotator == "model-keys" {
				born = rota.Live // a minted one is alive from its birth
			}
			w.wantState(token, born)
			w.must(rota.SetSecret, token)
			w.wantState(token, rota.Live)
			w.must(rota.CreateSecret, token) // the whole sequence starts again
			w.wantState(token, rota.Live)
		})
	}
}

func TestTheCurrentCredentialIsLiveInTheLedgerWhateverAFinishLeft(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t, k, serve, "after 1h")
			token := w.begin()
			w.must(rota.CreateSecret, token)
			w.wantState(first, rota.Live)
			w.home.ChangeRows(func(c *rota.Credential) {
				if c.Version == first {
					c.State = rota.Superseded
				}
			})
			w.must(rota.CreateSecret, token)
			w.wantState(first, rota.Live)
		})
	}
}

func TestAnEndingIsTriedForADayAfterItsTime(t *testing.T) {
	w := newWorld(t, minted, serve, "after 1h")
	w.rotate()
	for _, c := range w.home.Rows() {
		if c.Version == first && (!c.Deadline.Equal(c.NotBefore.Add(24*time.Hour)) || !c.Due.Equal(w.endsAt(first))) {
			t.Errorf("due %s, deadline %s, the label says %s", c.Due, c.Deadline, w.endsAt(first))
		}
	}
}

func TestAnOverlapIsNotCutByARotationThatOverwritesNothingOfIt(t *testing.T) {
	everywhere(t, []kind{minted, assigned}, "after 10h", func(t *testing.T, w *world) {
		w.rotate()
		before := w.endsAt(first)
		w.pass(time.Minute)
		w.rotate()
		if at := w.endsAt(first); !at.Equal(before) {
			t.Errorf("the ending moved from %s to %s", before, at)
		}
		w.wantAccepted("the first credential in its overlap", w.kind.first)
	})
}

func TestAKeyRenewedUnderItsIdHasNoOverlap(t *testing.T) {
	everywhere(t, []kind{minted}, "after 10h", func(t *testing.T, w *world) {
		token := w.begin()
		w.provider.AddKey("key-0", "by hand", "renewed-secret")
		if err := w.home.Put(t.Context(), name, token, rotationtest.KeyValue("key-0", "renewed-secret"), rotationToken); err != nil {
			t.Fatal(err)
		}
		w.must(rota.TestSecret, token)
		w.must(rota.FinishSecret, token)
		if at := w.endsAt(first); at.After(w.now.Add(time.Second)) {
			t.Errorf("the old secret of the same id is to end at %s; it is dead already", at)
		}
	})
}

func TestAHandMadeMoveOfAWSCURRENTIsFinishedWithAnEnding(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range steps[:3] {
			w.must(s, token)
		}
		w.home.MoveByHand(name, rota.Current, token)
		w.must(rota.FinishSecret, token)
		w.wantEnds(first)
		w.pass(2 * time.Hour)
		if err := w.expireDue(); err != nil {
			t.Fatal(err)
		}
		w.wantRefused("the old credential", w.kind.first)
	})
}

func TestNothingEndsWhereTheNewVersionHoldsTheSameCredential(t *testing.T) {
	everywhere(t, []kind{minted, singleUser, alternating}, "immediately", func(t *testing.T, w *world) {
		w.home.PutByHand(name, "copy-000-0000-0000-0000-000000000000", w.kind.first)
		token := w.begin()
		if err := w.home.Put(t.Context(), name, token, w.kind.first, rotationToken); err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			w.must(s, token)
		}
		w.wantEnds()
		if due := w.home.Due(w.now.Add(time.Hour)); len(due) != 0 {
			t.Errorf("due: %v", due)
		}
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

func TestARotationIsRefusedWhileTheLabelsOfItsEndingWouldNotFit(t *testing.T) {
	labels := func(w *world, n int) {
		for i := range n {
			w.home.MoveByHand(name, "mine-"+string(rune('a'+i)), first)
		}
	}
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		labels(w, 17)
		token := w.begin() // 19 labels
		_, err := w.do(rota.CreateSecret, token)
		wantError(t, err, "19 staging labels of 20")
		if n := w.provider.Effects("mint"); n != 0 {
			t.Error("a key was minted all the same")
		}
		w.home.MoveByHand(name, "mine-a", "")
		w.steps(token)
		w.wantEnds(first)
	})
	t.Run("what ends at the start of the rotation makes room", func(t *testing.T) {
		everywhere(t, []kind{minted}, "next-rotation", func(t *testing.T, w *world) {
			old := w.rotate() // AWSCURRENT, AWSPREVIOUS, one ending
			for i := range 15 {
				w.home.MoveByHand(name, "mine-"+string(rune('a'+i)), old)
			}
			w.rotate() // with AWSPENDING 19, without the ending 18
			w.wantRefused("the first credential", w.kind.first)
		})
	})
}

func TestARetryAtTheQuotaOfLabelsStillFinishes(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		for i := range 16 {
			w.home.MoveByHand(name, "mine-"+string(rune('a'+i)), first)
		}
		token := w.begin() // 18
		for _, s := range steps[:3] {
			w.must(s, token)
		}
		w.use(&points{at: -1, on: "home timer", fault: rotationtest.StopBefore})
		_, _ = w.do(rota.FinishSecret, token)
		w.use(noFault())
		w.pass(time.Minute)
		w.must(rota.FinishSecret, token)
		w.wantEnds(first)
	})
}

func TestAnAdminSecretThatDoesNotServeTheSecretIsNotRead(t *testing.T) {
	for _, p := range places {
		t.Run(string(p), func(t *testing.T) {
			w := newWorld(t, alternating, p, "after 1h")
			w.home.Change("admin", func(s *rota.Secret) { s.Tags = []rota.Tag{{Key: "rota:serves", Value: "other/ app/keys app"}} })
			token := w.begin()
			for _, s := range steps {
				_, err := w.do(s, token)
				wantError(t, err, "aws secretsmanager tag-resource --secret-id admin --tags 'Key=rota:serves,Value=other/ app/keys app app/key'")
				if !rotation.IsPermanent(err) {
					t.Errorf("%s: the refusal is not permanent", s)
				}
			}
			if n := w.provider.Effects("set"); n != 0 {
				t.Error("the provider was changed all the same")
			}
			w.home.Change(name, func(s *rota.Secret) { s.Tags[2].Value = name })
			_, err := w.do(rota.CreateSecret, token)
			wantError(t, err, "names itself")
		})
	}
}

func TestASetUpTestChangesNothing(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := "test-000-0000-4000-8000-000000000000"
		w.home.BeginTest(name, token)
		w.must(rota.TestSecret, token)
		if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
			t.Errorf("AWSCURRENT moved to %s", got)
		}
		if checks, known, err := w.home.Home().Ledger.ProviderCheck(t.Context(), "model://provider"); w.place == serve && (!checks || !known || err != nil) {
			t.Errorf("whether the provider checks is not known after the test: %t, %t, %v", checks, known, err)
		}
		for _, effect := range []string{"mint", "set", "assign", "end", "revoke"} {
			if w.provider.Effects(effect) > 0 {
				t.Errorf("the test had the effect %q", effect)
			}
		}
	})
}

func TestASetUpTestFailsWhereTheCurrentValueDoesNotWork(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			w.provider.AnswerTries(func(rota.Value, error) error { return rotation.ErrDead })
			w.home.BeginTest(name, "test-000-0000-4000-8000-000000000000")
			_, err := w.do(rota.TestSecret, "test-000-0000-4000-8000-000000000000")
			if !errors.Is(err, rotation.ErrRefused) {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	})
}

func TestAnUnreachableProviderIsNeverTakenForARefusal(t *testing.T) {
	lost := errors.New("connection refused")
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		w.provider.AnswerTries(func(rota.Value, error) error { return lost })
		if _, err := w.do(rota.CreateSecret, token); !errors.Is(err, lost) || rotation.IsPermanent(err) {
			t.Errorf("createSecret answers %v", err)
		}
		w.provider.AnswerTries(nil)
		w.must(rota.CreateSecret, token)
		w.provider.AnswerTries(func(rota.Value, error) error { return lost })
		for _, s := range []rota.Step{rota.SetSecret, rota.TestSecret} {
			if s == rota.SetSecret && w.kind.rotator == "model-keys" {
				continue // nothing is set
			}
			if _, err := w.do(s, token); !errors.Is(err, lost) || rotation.IsPermanent(err) {
				t.Errorf("%s answers %v", s, err)
			}
		}
		w.provider.AnswerTries(nil)
		w.steps(token)
		w.pass(2 * time.Hour)
		w.provider.AnswerTries(func(rota.Value, error) error { return lost })
		if _, err := w.do(rota.ExpireSecret, first); !errors.Is(err, lost) {
			t.Errorf("expireSecret answers %v", err)
		}
		if n := w.provider.Effects("end"); n != 0 {
			t.Error("a password was ended, though nobody knows whether it is the old one")
		}
		w.wantEnds(first)
	})
}

// lagging lists a revoked credential for a while.
type lagging struct {
	rotation.Minter
	rotation.Lister
	shows *int
}

func (l lagging) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	if *l.shows > 0 {
		*l.shows--
		return []rotation.Listed{{ID: "key-1"}}, nil
	}
	return l.Lister.List(ctx, req)
}

func TestAnOrphanCountsAsDeadOnlyWhenItIsListedNoMore(t *testing.T) {
	shows := 2
	w := newWorld(t, minted, serve, "after 1h", func(r rotation.Rotator) rotation.Rotator {
		if m, ok := r.(rotation.Minter); ok {
			return lagging{m, r.(rotation.Lister), &shows}
		}
		return r
	})
	token := w.begin()
	_, err := w.do(rota.CreateSecret, token)
	wantNotYet(t, err)
	wantError(t, err, "still lists it")
	w.wantState(token, rota.Live)
	if n := w.provider.Effects("mint"); n != 0 {
		t.Error("another key was minted all the same")
	}
	w.must(rota.CreateSecret, token)
}

func TestNoOverlapIsReportedAsCutOfAValueThatWasNeverSet(t *testing.T) {
	everywhere(t, []kind{alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
		given := w.begin()
		w.must(rota.CreateSecret, given)
		w.home.Abandon(name, given, w.now)
		token := w.begin()
		w.must(rota.CreateSecret, token)
		if res := w.must(rota.SetSecret, token); len(res.Notes) != 0 {
			t.Errorf("notes: %q", res.Notes)
		}
	})
}

func TestNoOverlapIsReportedAsCutThatIsOver(t *testing.T) {
	everywhere(t, []kind{alternating}, "after 1h", func(t *testing.T, w *world) {
		w.rotate()
		w.pass(2 * time.Hour)
		if err := w.expireDue(); err != nil {
			t.Fatal(err)
		}
		token := w.begin()
		w.must(rota.CreateSecret, token)
		if res := w.must(rota.SetSecret, token); len(res.Notes) != 0 {
			t.Errorf("notes: %q", res.Notes)
		}
	})
}
