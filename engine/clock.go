package engine

import (
	"fmt"
	"time"
)

// jump is how far the wall clock may move against the machine's running
// time before it counts as a jump, and settle how long the clock must then
// be steady until starts and endings go on.
const (
	jump   = time.Minute
	settle = 10 * time.Minute
)

// watch compares the wall clock with the time that really passed. Both
// hands come in, so that a test can move one of them.
type watch struct {
	wall func() time.Time
	// running is the time since the start, by a clock that nobody sets.
	running func() time.Duration

	offset time.Time     // wall minus running, when it was last believed
	since  time.Duration // running time at the jump
	reason string        // "" when the clock is believed
}

func newWatch(wall func() time.Time, running func() time.Duration) *watch {
	w := &watch{wall: wall, running: running}
	w.offset = wall().Add(-running())
	return w
}

// startedBehind holds when the clock stands before the last time that was
// recorded, and reports whether it does.
func (w *watch) startedBehind(last time.Time) bool {
	now := w.wall()
	if last.IsZero() || last.Sub(now) <= jump {
		return false
	}
	w.hold(fmt.Sprintf("the clock stands %s before the last time that was recorded", last.Sub(now).Round(time.Second)))
	return true
}

func (w *watch) hold(reason string) {
	w.since, w.reason = w.running(), reason
}

// check returns why endings and scheduled starts wait, "" if they do not.
func (w *watch) check() string {
	running := w.running()
	offset := w.wall().Add(-running)
	if d := offset.Sub(w.offset); d > jump || d < -jump {
		w.offset = offset
		w.hold(fmt.Sprintf("the clock jumped by %s", d.Round(time.Second)))
	}
	if w.reason != "" && running-w.since >= settle {
		w.reason = ""
	}
	if w.reason == "" {
		return ""
	}
	return fmt.Sprintf("%s: scheduled starts and endings wait until it has been steady for %s", w.reason, settle)
}
