package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// clocked is a life at ten to ten: "scheduled" starts between twelve and one
// in a window of four hours, the old key of "ending" dies at eleven, "asked" has nothing to
// come.
func clocked(t *testing.T, l *life) (ending string) {
	t.Helper()
	time.Sleep(time.Until(monday))
	l.start()
	l.user("scheduled")
	l.plan("scheduled", "users", rules("rate(4 hours) + 4h"))
	l.user("asked")
	l.plan("asked", "users", rules(""))
	l.key("ending", tag("rota:expire", "after 80m"))
	ending = l.version("ending")
	l.rotate("ending", "keys", rules(""))
	l.rotated("ending", ending, time.Minute)
	l.sleep(10 * time.Minute)
	return ending
}

// jump sets the wall clock, and gives the engine the time to see it.
func (l *life) jump(d time.Duration) {
	l.wall.Add(int64(d))
	l.sleep(time.Minute)
}

// wantHeld fails unless the clock holds starts and endings, or does not when
// why is "".
func (l *life) wantHeld(why string) {
	l.t.Helper()
	if got := l.engine.Held(); (got != "") != (why != "") || !strings.Contains(got, why) {
		l.t.Errorf("held because %q, want %q", got, why)
	}
}

func (l *life) wantAskedRuns(t *testing.T) {
	t.Helper()
	before := l.version("asked")
	if err := l.ask("asked"); err != nil {
		t.Fatal(err)
	}
	l.rotated("asked", before, 10*time.Second)
}

func TestAClockThatJumpsForwardHoldsWhatBecameDueAndGoesOn(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := clocked(t, l)
		before := l.version("scheduled")
		l.jump(5 * time.Hour) // ten to three
		l.wantHeld("the clock jumped by 5h0m0s: scheduled starts and endings wait until it has been steady for 10m0s")
		if !strings.Contains(l.log.String(), "level=WARN msg=clock") {
			t.Error("the log does not warn of the clock")
		}
		l.wantAskedRuns(t)
		l.sleep(8 * time.Minute)
		l.wantHeld("5h0m0s")
		if l.version("scheduled") != before || len(l.starts("scheduled")) != 0 {
			t.Error("the scheduled rotation started in the hold")
		}
		l.wantState("ending", old, rota.Superseded)
		if !l.provider.Accepts(firstKey("ending")) {
			t.Error("the old credential was ended in the hold")
		}
		if waits := l.waits("scheduled"); len(waits) != 1 || !strings.Contains(waits[0].Cause, "the clock jumped by 5h0m0s") {
			t.Errorf("the journal says %+v, want once that the clock jumped", waits)
		}
		if got := l.task("scheduled").LastError; !strings.Contains(got, "the clock jumped by 5h0m0s") {
			t.Errorf("the task says %q", got)
		}

		l.sleep(3 * time.Minute)
		l.wantHeld("")
		l.wantState("ending", old, rota.ProvenDead)
		if len(l.starts("scheduled")) != 1 || l.version("scheduled") == before {
			t.Errorf("%d starts after the hold, want one", len(l.starts("scheduled")))
		}
		if !strings.Contains(l.log.String(), "scheduled starts and endings go on") {
			t.Error("the log does not say that they go on")
		}

		// The clock is put right: the window in which it started comes again.
		l.jump(-5 * time.Hour)
		l.wantHeld("the clock jumped by -5h0m0s")
		l.sleep(time.Until(monday.Add(4 * time.Hour)))
		if n := len(l.starts("scheduled")); n != 1 {
			t.Errorf("%d starts in a window that came twice", n)
		}
	})
}

func TestAClockThatJumpsBackHoldsAndThenGoesByIt(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := clocked(t, l)
		l.sleep(time.Hour) // ten to eleven
		l.jump(-3 * time.Hour)
		l.wantHeld("the clock jumped by -3h0m0s")
		l.wantAskedRuns(t)
		l.sleep(10 * time.Minute)
		l.wantHeld("")
		l.wantAskedRuns(t)
		l.sleep(monday.Add(80*time.Minute).Sub(l.now()) - 10*time.Second)
		l.wantState("ending", old, rota.Superseded)
		l.sleep(15 * time.Second)
		l.wantState("ending", old, rota.ProvenDead)
		if n := len(l.starts("scheduled")); n != 0 {
			t.Errorf("%d starts before the clock said twelve", n)
		}
		l.sleep(monday.Add(4 * time.Hour).Sub(l.now()))
		if n := len(l.starts("scheduled")); n != 1 {
			t.Errorf("%d starts in the window, want one", n)
		}
	})
}

func TestAClockThatKeepsJumpingHoldsAllTheWhile(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := clocked(t, l)
		for range 6 {
			l.jump(2 * time.Hour)
			l.sleep(8 * time.Minute)
			l.wantHeld("2h0m0s")
		}
		if n := len(l.starts("scheduled")); n != 0 {
			t.Errorf("%d starts while the clock was never steady", n)
		}
		l.wantState("ending", old, rota.Superseded)
		l.sleep(3 * time.Minute)
		l.wantHeld("")
		l.wantState("ending", old, rota.ProvenDead)
		if n := len(l.starts("scheduled")); n != 1 {
			t.Errorf("%d starts once it was, want one", n)
		}
	})
}

func TestAProcessThatStartsWithAClockBehindTheLastOneHolds(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := clocked(t, l)
		l.sleep(20 * time.Minute)
		l.stop()
		l.wall.Add(int64(-26 * time.Hour))
		l.start()
		l.wantHeld("before the last time that was recorded")
		l.wantAskedRuns(t)
		l.stop() // and puts itself right: the next process believes it
		l.wall.Add(int64(26 * time.Hour))
		time.Sleep(3 * time.Hour)
		l.start()
		l.wantHeld("")
		l.sleep(2 * time.Second)
		l.wantState("ending", old, rota.ProvenDead)
		if got := l.task("scheduled"); got.Kind != store.Idle {
			t.Errorf("the task is %q: %s", got.Kind, got.LastError)
		}
		if n := len(l.starts("scheduled")); n != 1 {
			t.Errorf("%d starts of what was overdue, want one", n)
		}
	})
}

// What waits a second because its claim was another's must not wait for as
// long as the clock went back.
func TestAClockThatJumpsBackDoesNotKeepAwayWhatWasBusy(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.twoUsers("child")
		for _, name := range []string{"admin", "child"} {
			l.plan(name, "users", rules(""))
		}
		l.sleep(time.Second)
		before := l.version("child")
		l.gate.set(slowly("set", 10*time.Second))
		for _, name := range []string{"admin", "child"} {
			if err := l.ask(name); err != nil {
				t.Fatal(err)
			}
			l.sleep(1500 * time.Millisecond)
		}
		l.wall.Add(int64(-5 * time.Hour))
		l.rotated("child", before, 2*time.Minute)
	})
}

// A rotation that is under way is not held: neither is the next try of one
// that failed, however far the clock went back.
func TestAClockThatJumpsBackDoesNotDelayARetry(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before := l.version("app")
		l.gate.set(failing("set", 8, errDown))
		l.rotate("app", "users", rules("rate(1 day)"))
		l.sleep(time.Minute)
		if n := l.task("app").Attempt; n < 5 {
			t.Fatalf("%d attempts failed, want a retry that is some way off", n)
		}
		l.jump(-5 * time.Hour)
		l.wantHeld("-5h0m0s")
		l.rotated("app", before, 10*time.Minute)
		l.jump(-5 * time.Hour) // again, by as much
		l.gate.set(failing("set", 8, errDown))
		before = l.version("app")
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.sleep(time.Minute)
		l.jump(-5 * time.Hour)
		l.rotated("app", before, 10*time.Minute)
	})
}

// What a clock that is far ahead puts off, waiting for a window that is far
// ahead too, starts in its own window once the clock is right: also where the
// process was started with the wrong one.
func TestWhatAWrongClockPutOffIsTakenBack(t *testing.T) {
	const ahead = 400 * wholeDay
	due := func(l *life) time.Time { return l.task("app").Due }
	for name, wrong := range map[string]func(l *life){
		"it jumps": func(l *life) {
			l.jump(ahead)
			l.sleep(15 * time.Minute) // the hold ends, and the window is looked for
		},
		"a process starts with it": func(l *life) {
			l.stop()
			l.wall.Add(int64(ahead))
			l.start()
			l.sleep(15 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				time.Sleep(time.Until(monday))
				l.start()
				l.user("app")
				l.plan("app", "users", rules("cron(0 12 * * ? *) + 1h"))
				l.sleep(time.Minute)
				planned := due(l)
				wrong(l)
				if got := due(l); !got.After(planned.Add(ahead - 2*wholeDay)) {
					t.Fatalf("the wrong clock put nothing off: due %s, planned %s", got, planned)
				}
				if name == "it jumps" {
					l.jump(-ahead)
				} else {
					l.stop()
					l.wall.Add(-int64(ahead))
					l.start()
				}
				l.sleep(monday.Add(4 * time.Hour).Sub(l.now()))
				if n := len(l.starts("app")); n != 1 {
					t.Errorf("%d starts by one o'clock, want one; due %s", n, due(l))
				}
			})
		})
	}
}
