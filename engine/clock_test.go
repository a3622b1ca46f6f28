package engine

import (
	"strings"
	"testing"
	"time"
)

// hands are the two clocks of a watch, moved by a test.
type hands struct {
	wall    time.Time
	running time.Duration
}

// pass lets time pass on both.
func (h *hands) pass(d time.Duration) {
	h.wall = h.wall.Add(d)
	h.running += d
}

func newHands() (*hands, *watch) {
	h := &hands{wall: noon}
	return h, newWatch(func() time.Time { return h.wall }, func() time.Duration { return h.running })
}

func wantClock(t *testing.T, w *watch, held bool, text string) {
	t.Helper()
	got := w.check()
	if (got != "") != held || !strings.Contains(got, text) {
		t.Errorf("held because %q, want held %t because %q", got, held, text)
	}
}

func TestASteadyClockHoldsNothing(t *testing.T) {
	h, w := newHands()
	for range 1000 {
		h.pass(time.Minute)
		wantClock(t, w, false, "")
	}
}

func TestAClockThatIsAdjustedALittleHoldsNothing(t *testing.T) {
	for _, d := range []time.Duration{time.Minute, -time.Minute, time.Second, -time.Second} {
		h, w := newHands()
		h.wall = h.wall.Add(d)
		wantClock(t, w, false, "")
	}
}

func TestAClockThatJumpsHoldsUntilItHasBeenSteady(t *testing.T) {
	for _, d := range []time.Duration{time.Minute + time.Second, 10 * time.Hour, -2 * time.Minute, -240 * time.Hour} {
		t.Run(d.String(), func(t *testing.T) {
			h, w := newHands()
			h.pass(time.Hour)
			h.wall = h.wall.Add(d)
			wantClock(t, w, true, "the clock jumped by "+d.String())
			h.pass(settle - time.Second)
			wantClock(t, w, true, "steady for 10m0s")
			h.pass(time.Second)
			wantClock(t, w, false, "")
			h.pass(time.Hour)
			wantClock(t, w, false, "")
		})
	}
}

func TestASecondJumpStartsTheWaitAgain(t *testing.T) {
	h, w := newHands()
	h.wall = h.wall.Add(time.Hour)
	wantClock(t, w, true, "by 1h0m0s")
	h.pass(settle - time.Minute)
	h.wall = h.wall.Add(-time.Hour) // somebody puts it right
	wantClock(t, w, true, "by -1h0m0s")
	h.pass(2 * time.Minute)
	wantClock(t, w, true, "by -1h0m0s")
	h.pass(settle)
	wantClock(t, w, false, "")
}

func TestAMachineThatSleptHolds(t *testing.T) {
	h, w := newHands()
	h.wall = h.wall.Add(8 * time.Hour) // the running time stood still
	wantClock(t, w, true, "by 8h0m0s")
	h.wall = h.wall.Add(8 * time.Hour) // and sleeps again: that is no steadiness
	wantClock(t, w, true, "by 8h0m0s")
	h.pass(settle)
	wantClock(t, w, false, "")
}

func TestAProcessThatStartsBeforeTheLastRecordedTimeHolds(t *testing.T) {
	for _, c := range []struct {
		name string
		last time.Time
		held bool
	}{
		{"nothing was recorded", time.Time{}, false},
		{"long ago", noon.Add(-time.Hour), false},
		{"just now", noon, false},
		{"within what counts as no jump", noon.Add(time.Minute), false},
		{"in the future", noon.Add(3 * time.Hour), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, w := newHands()
			w.startedBehind(c.last)
			wantClock(t, w, c.held, "")
			if c.held {
				wantClock(t, w, true, "3h0m0s before the last time that was recorded")
			}
			h.pass(settle)
			wantClock(t, w, false, "")
		})
	}
}
