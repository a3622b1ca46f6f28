package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rotahq/rota/store"
)

// After a downtime: what became overdue while the process was stopped is
// spread over a second each and rotated once, although the process is
// stopped again while it goes through it.
func TestAfterADowntimeOverdueSecretsAreSpreadAndRotatedOnce(t *testing.T) {
	const n = 30
	for _, c := range []struct {
		name string
		stop time.Duration // after the start, for an hour; 0: not
	}{
		{"the process starts and stays", 0},
		{"the process is stopped again in the middle", 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				for i := range n {
					l.user(fmt.Sprint("s", i))
					l.plan(fmt.Sprint("s", i), "users", rules("rate(1 day)"))
				}
				l.user("later")
				l.plan("later", "users", rules("rate(10 days)"))
				l.user("off")
				l.plan("off", "users", rules("rate(1 day)"))
				if _, err := l.store.CancelRotateSecret(t.Context(), caller, "off"); err != nil {
					t.Fatal(err)
				}
				l.sleep(time.Minute) // the tests need their places in the lane
				l.stop()
				time.Sleep(4*wholeDay + 13*time.Hour)
				back := time.Now()
				l.start()
				if c.stop > 0 {
					l.sleep(c.stop)
					l.stop()
					time.Sleep(time.Hour)
					l.start()
				}
				l.sleep(10 * time.Minute)

				var all []time.Time
				for i := range n {
					starts := l.starts(fmt.Sprint("s", i))
					if len(starts) != 1 {
						t.Errorf("secret %d started %d times, want once", i, len(starts))
					}
					all = append(all, starts...)
					l.wantIdle(fmt.Sprint("s", i))
				}
				if sets := l.provider.Effects("set"); sets != n {
					t.Errorf("%d values were set at the provider for %d overdue secrets", sets, n)
				}
				slices.SortFunc(all, time.Time.Compare)
				for i := range all {
					if i > 2 && all[i].Sub(all[i-2]) < time.Second {
						t.Errorf("three starts within a second, at %s", all[i])
					}
				}
				if last := all[len(all)-1].Sub(back); c.stop == 0 && (last > n*time.Second || last < (n-5)*time.Second) {
					t.Errorf("the last of %d overdue secrets starts %s after the process, want about a second for each", n, last)
				}
				for _, name := range []string{"later", "off"} {
					if got := l.starts(name); len(got) != 0 {
						t.Errorf("the secret that is %s was started at %s", name, got)
					}
				}

				// The schedule goes on: the day's window is used up.
				l.sleep(time.Until(back.Truncate(wholeDay).Add(wholeDay)))
				for i := range n {
					if got := len(l.starts(fmt.Sprint("s", i))); got != 1 {
						t.Errorf("secret %d started %d times on one day", i, got)
					}
				}
			})
		})
	}
}

// Invariant 7.
func TestARestartRotatesNothing(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("rotated")
		l.rotate("rotated", "users", rules("rate(30 days)"))
		l.user("planned")
		l.plan("planned", "users", rules("cron(0 8 15 * ? *)"))
		l.key("by-hand", tag("rota:expire", "after 5d"))
		l.rotate("by-hand", "keys", rules(""))
		l.user("never")
		l.sleep(time.Minute)
		before, set := map[string]int{}, l.provider.Effects("set")
		names := []string{"rotated", "planned", "by-hand", "never"}
		versions := map[string]string{}
		for _, name := range names {
			before[name], versions[name] = len(l.invoked(name)), l.version(name)
		}
		for range 20 {
			l.stop()
			time.Sleep(2 * time.Hour)
			l.start()
			l.sleep(3 * time.Minute)
		}
		for _, name := range names {
			if got := len(l.invoked(name)); got != before[name] {
				t.Errorf("%d invocations for %s by restarts alone: %+v", got-before[name], name, l.invoked(name)[before[name]:])
			}
			if got := l.version(name); got != versions[name] {
				t.Errorf("AWSCURRENT of %s moved", name)
			}
		}
		if got := l.provider.Effects("set"); got != set {
			t.Errorf("%d values were set by restarts alone", got-set)
		}
	})
}

func TestARotationThatAShutdownInterruptsGoesOnAsTheSameOne(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before := l.version("app")
		l.gate.set(slowly("set", 5*time.Second))
		l.rotate("app", "users", rules("rate(1 day)"))
		l.sleep(2 * time.Second) // within setSecret
		token := l.task("app").Token
		l.stop()
		time.Sleep(3 * time.Hour)
		l.start()
		l.rotated("app", before, time.Minute)
		if got := l.version("app"); got != token {
			t.Errorf("version %s became AWSCURRENT, want %s of the rotation that was interrupted", got, token)
		}
		if n := l.provider.Effects("set"); n != 1 {
			t.Errorf("the provider's password was set %d times", n)
		}
		l.wantSaid("app", "", "waiting", "the server stops", "the next start goes on")
		if got := len(l.starts("app")); got != 0 || l.task("app").Kind != store.Idle {
			t.Errorf("%d rotations were started besides", got)
		}
	})
}
