package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// hang holds every call of one provider until its context ends.
func hang(address string) func(context.Context, providerCall) error {
	return func(ctx context.Context, c providerCall) error {
		if c.address != address {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// Lanes: what one provider does is not felt at the other.
func TestAProviderThatHangsOrFailsDelaysNoOther(t *testing.T) {
	for _, c := range []struct {
		name string
		gate func(context.Context, providerCall) error
		n    int // secrets in its lane
	}{
		{"it hangs, and its lane is full", hang(far), 20},
		{"it fails, and its lane is closed for a while", func(_ context.Context, p providerCall) error {
			if p.address == far {
				return errDown
			}
			return nil
		}, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				const n = 10
				l.start()
				first := map[string]string{}
				ask := func(name, rotator string) {
					l.user(name)
					first[name] = l.version(name)
					l.rotate(name, rotator, rules("rate(10 days)"))
				}
				l.gate.set(c.gate)
				for i := range c.n {
					ask(fmt.Sprint("far", i), "far-users")
				}
				l.sleep(10 * time.Second)
				l.key("ends", tag("rota:expire", "after 1m"))
				ask2 := l.version("ends")
				l.rotate("ends", "keys", rules(""))
				start := time.Now()
				for i := range n {
					ask(fmt.Sprint("near", i), "users")
				}
				for i := range n {
					l.rotated(fmt.Sprint("near", i), first[fmt.Sprint("near", i)], 5*time.Second)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("%d secrets of the good provider took %s", n, took)
				}
				l.sleep(time.Minute + late)
				l.wantState("ends", ask2, rota.ProvenDead)
				for i := range c.n {
					if name := fmt.Sprint("far", i); l.version(name) != first[name] {
						t.Errorf("%s rotated at a provider that does not work", name)
					}
				}

				// All of the others come through once their provider works.
				l.gate.set(nil)
				for i := range c.n {
					l.rotated(fmt.Sprint("far", i), first[fmt.Sprint("far", i)], 15*time.Minute)
				}
			})
		})
	}
}

// Within a lane so many are worked on at once, and a full one is no reason
// to give a later secret of it up.
func TestAFullLaneLetsTheOthersWait(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		const n = 20
		first := map[string]string{}
		l.gate.set(slowly("set", 10*time.Second))
		for i := range n {
			name := fmt.Sprint("s", i)
			l.user(name)
			first[name] = l.version(name)
			l.rotate(name, "users", rules(""))
		}
		l.till("all rotations", 5*time.Minute, func() bool {
			for name, v := range first {
				if l.version(name) == v {
					return false
				}
			}
			return true
		})
		most, now := 0, 0
		for i := range n { // by the setSecret spans
			s := l.invokedFor(fmt.Sprint("s", i), rota.SetSecret)
			if len(s) != 1 || s[0].err != nil {
				t.Fatalf("setSecret of s%d: %+v", i, s)
			}
			now = 0
			for j := range n {
				if o := l.invokedFor(fmt.Sprint("s", j), rota.SetSecret)[0]; !o.from.After(s[0].from) && o.to.After(s[0].from) {
					now++
				}
			}
			most = max(most, now)
		}
		if most != 16 {
			t.Errorf("%d at once in a lane of 16", most)
		}
	})
}

// A step that outlasts its time is ended and tried again; a rotator that
// does not heed the end is waited for, and no second rotation starts beside.
func TestAStepThatIsSlowerThanItsTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		heeds bool
	}{{"its call heeds the end", true}, {"its call goes on", false}} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("app")
				before := l.version("app")
				calls, at := 0, 0
				l.gate.set(func(ctx context.Context, p providerCall) error {
					if p.op != "set" {
						return nil
					}
					if calls++; calls > 2 {
						return nil
					}
					if at++; at > 1 {
						t.Error("two calls at once")
					}
					defer func() { at-- }()
					if c.heeds {
						return slowly("set", 5*time.Minute)(ctx, p)
					}
					time.Sleep(5 * time.Minute)
					return ctx.Err()
				})
				l.rotate("app", "users", rules("rate(1 day)"))
				token := l.task("app").Token
				took := l.rotated("app", before, 20*time.Minute)
				if low := 2 * time.Minute; c.heeds && (took < low || took > low+10*time.Second) {
					t.Errorf("it took %s, want two steps of a minute each and the third", took)
				}
				l.wantSaid("app", "setSecret", rota.OutcomeFailed, context.DeadlineExceeded.Error(), "attempt 2 at")
				if got := l.version("app"); got != token || l.provider.Effects("set") != 1 {
					t.Errorf("AWSCURRENT is on %s after %d sets, want on %s after one", got, l.provider.Effects("set"), token)
				}
				l.wantIdle("app")
			})
		})
	}
}

// A shutdown ends a call that hangs, and the next process goes on.
func TestAShutdownDoesNotWaitForAProviderThatHangs(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before := l.version("app")
		l.plan("app", "users", rules(""))
		l.gate.set(hang(near))
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		l.stop()
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("the shutdown took %s", took)
		}
		l.gate.set(nil)
		l.start()
		l.rotated("app", before, time.Minute)
		if task := l.task("app"); task.Kind != store.Idle {
			t.Errorf("the task is %q", task.Kind)
		}
	})
}
