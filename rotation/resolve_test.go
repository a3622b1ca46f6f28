package rotation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// inGap is a single user whose new password is set and not finished: the
// provider refuses AWSCURRENT.
func inGap(t *testing.T, p place) (w *world, token string) {
	t.Helper()
	w = newWorld(t, singleUser, p, "after 1h")
	token = w.begin()
	w.must(rota.CreateSecret, token)
	w.must(rota.SetSecret, token)
	w.wantRefused("AWSCURRENT in the gap", w.current())
	return w, token
}

func eachPlace(t *testing.T, f func(t *testing.T, p place)) {
	t.Helper()
	for _, p := range places {
		t.Run(string(p), func(t *testing.T) { f(t, p) })
	}
}

func TestAGivenUpAttemptIsFinishedWhereTheNewValueWorks(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w, token := inGap(t, p)
		w.home.Change(name, func(s *rota.Secret) { s.Rotation.Enabled = false }) // CancelRotateSecret
		for range 2 {
			res := w.must(rota.ResolveSecret, token)
			if got := w.home.Secret(name).VersionOf(rota.Current); got != token {
				t.Fatalf("AWSCURRENT is on %s, finished %t", got, res.Finished)
			}
		}
		w.wantAccepted("AWSCURRENT", w.current())
		w.wantEnds(first)
	})
}

func TestAGivenUpAttemptIsSetBackWhereNeitherValueWorks(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w, token := inGap(t, p)
		pending := w.home.Value(name, token)
		w.provider.AnswerTries(func(v rota.Value, truth error) error {
			if v.Equal(pending) {
				return rotation.ErrRefused // locked, say
			}
			return truth
		})
		res := w.must(rota.ResolveSecret, token)
		if res.Finished {
			t.Error("it says that it finished")
		}
		if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
			t.Errorf("AWSCURRENT is on %s, want the old version", got)
		}
		w.wantAccepted("AWSCURRENT after it was set back", w.current())
		w.wantState(first, rota.Live)
	})
}

func TestAGivenUpAttemptThatSetNothingIsLeftAsItIs(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		w.must(rota.CreateSecret, token)
		sets := w.provider.Effects("set")
		for range 2 {
			if res := w.must(rota.ResolveSecret, token); res.Finished {
				t.Error("it says that it finished")
			}
		}
		if got := w.provider.Effects("set"); got != sets {
			t.Error("it set something")
		}
		if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
			t.Errorf("AWSCURRENT is on %s", got)
		}
	})
}

func TestWhereOldAndNewOverlapNothingIsResolved(t *testing.T) {
	everywhere(t, []kind{minted, alternating, assigned}, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range steps[:3] {
			w.must(s, token)
		}
		if res := w.must(rota.ResolveSecret, token); res.Finished {
			t.Error("it finished, though the old value still works")
		}
		w.wantAccepted("AWSCURRENT", w.kind.first)
	})
}

func TestResolvingWaitsForAProviderThatCannotBeAsked(t *testing.T) {
	lost := errors.New("no route to host")
	for _, c := range []struct {
		name             string
		pending, current error
	}{
		{"about either value", lost, lost},
		{"about the new value", lost, rotation.ErrDead},
		{"about the current value", rotation.ErrDead, lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachPlace(t, func(t *testing.T, p place) {
				w, token := inGap(t, p)
				pending := w.home.Value(name, token)
				w.provider.AnswerTries(func(v rota.Value, _ error) error {
					if v.Equal(pending) {
						return c.pending
					}
					return c.current
				})
				res, err := w.do(rota.ResolveSecret, token)
				if !errors.Is(err, lost) || rotation.IsPermanent(err) || res.Finished {
					t.Errorf("got %v, finished %t", err, res.Finished)
				}
				if n := w.provider.Effects("set"); n != 1 {
					t.Errorf("the provider was set %d times, want once", n)
				}
			})
		})
	}
}

func TestAnAttemptThatWasFinishedBeforeItWasGivenUpIsFinished(t *testing.T) {
	everywhere(t, kinds, "after 1h", func(t *testing.T, w *world) {
		token := w.begin()
		for _, s := range steps {
			w.must(s, token)
		}
		tries := 0
		w.provider.AnswerTries(func(_ rota.Value, truth error) error { tries++; return truth })
		if res := w.must(rota.ResolveSecret, token); !res.Finished {
			t.Error("it says that it did not finish")
		}
		if tries > 0 {
			t.Errorf("the provider was asked %d times", tries)
		}
	})
}

func TestAResolutionThatCouldNotMoveAWSCURRENTIsNotFinished(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w, token := inGap(t, p)
		w.use(&points{at: -1, on: "home label", fault: rotationtest.NotDoneUnclear})
		res, err := w.do(rota.ResolveSecret, token)
		if err == nil || res.Finished {
			t.Errorf("got %v, finished %t; want an error and not finished", err, res.Finished)
		}
		w.use(noFault())
		if res := w.must(rota.ResolveSecret, token); !res.Finished {
			t.Error("it did not finish")
		}
	})
}

func TestTheGapIsResolvedAlsoWhereAWSPENDINGWasTakenAway(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w, token := inGap(t, p)
		w.home.MoveByHand(name, "keep", token)
		w.home.MoveByHand(name, rota.Pending, "")
		w.must(rota.ResolveSecret, token)
		w.wantAccepted("AWSCURRENT", w.current())
	})
	t.Run("and put on another version", func(t *testing.T) {
		w, token := inGap(t, serve)
		w.home.MoveByHand(name, "keep", token)
		other := "other-00-0000-4000-8000-000000000000"
		if err := w.home.Put(t.Context(), name, other, rotationtest.UserValue("app", "never-set"), rotationToken); err != nil {
			t.Fatal(err)
		}
		w.must(rota.ResolveSecret, token)
		w.wantAccepted("AWSCURRENT", w.current())
	})
}

// A person takes AWSPENDING away in the gap, or a set request that was
// thought lost arrives after the attempt was resolved: AWSCURRENT is refused
// and the given-up password accepted. Its ending puts that right.
func TestAGapThatIsFoundAtTheEndingIsClosed(t *testing.T) {
	w, token := inGap(t, serve)
	w.home.Abandon(name, token, w.now)
	w.pass(time.Second)
	if err := w.expireDue(); err != nil {
		t.Fatal(err)
	}
	w.wantAccepted("AWSCURRENT", w.current())
	if got := w.home.Secret(name).VersionOf(rota.Current); got != first {
		t.Errorf("AWSCURRENT is on %s, want the old version", got)
	}
	w.wantState(token, rota.ProvenDead)
	w.wantState(first, rota.Live)
	w.wantEnds()
}

func TestAGapOfARotationUnderWayIsNotClosedByAnotherEnding(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w := newWorld(t, singleUser, p, "after 1h")
		w.rotate() // leaves the ending of the first version
		second := w.begin()
		w.must(rota.CreateSecret, second)
		w.must(rota.SetSecret, second)
		w.pass(time.Second)
		_, err := w.do(rota.ExpireSecret, first)
		wantError(t, err, "control failed")
		if n := w.provider.Effects("set"); n != 2 {
			t.Errorf("the provider was set %d times, want twice", n)
		}
		w.wantAccepted("AWSPENDING", w.home.Value(name, second))
		w.steps(second)
		w.must(rota.ExpireSecret, first)
	})
}

func TestAnOldPasswordThatCameBackIsNotOverwritten(t *testing.T) {
	t.Run("while a rotation is under way", func(t *testing.T) {
		eachPlace(t, func(t *testing.T, p place) {
			w := newWorld(t, singleUser, p, "after 1h")
			w.rotate()
			w.pass(time.Second)
			w.provider.AddUser("app", "first-password") // a backup was restored
			w.must(rota.CreateSecret, w.begin())
			_, err := w.do(rota.ExpireSecret, first)
			wantError(t, err, "control failed")
			if n := w.provider.Effects("set"); n != 1 {
				t.Errorf("the provider was set %d times, want once", n)
			}
		})
	})
	t.Run("where two users alternate", func(t *testing.T) {
		eachPlace(t, func(t *testing.T, p place) {
			w := newWorld(t, alternating, p, "after 1h")
			w.rotate()
			w.rotate()
			w.pass(time.Second)
			w.provider.AddUser("app", "first-password")
			_, err := w.do(rota.ExpireSecret, first)
			wantError(t, err, "control failed")
			if n := w.provider.Effects("set"); n != 2 {
				t.Errorf("the provider was set %d times, want twice", n)
			}
		})
	})
}

// Where the provider's own rotate call kills the old key, the new one is all
// there is: giving up must not end it.
func TestAMintThatKilledTheOldKeyIsFinished(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		w := newWorld(t, minted, p, "after 1h", func(r rotation.Rotator) rotation.Rotator {
			if m, ok := r.(rotation.Minter); ok {
				return roomy{m, r.(rotation.Lister), 1}
			}
			return r
		})
		token := w.begin()
		w.must(rota.CreateSecret, token)
		if res := w.must(rota.ResolveSecret, token); !res.Finished {
			t.Error("it did not finish")
		}
		w.wantAccepted("AWSCURRENT", w.current())
		if at := w.endsAt(first); at.After(w.now.Add(time.Second)) {
			t.Errorf("the old key, which is dead, is to end at %s", at)
		}
	})
}
