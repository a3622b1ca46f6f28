package engine

import (
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// Facts is all that decides what to do with a secret. They are read under
// the claim.
type Facts struct {
	Now       time.Time
	Task      store.Task
	Secret    rota.Secret
	Open      []rota.Credential // credentials of the secret that wait for their end
	ClockHeld string            // why scheduled starts wait; "" if they do not
	MayStart  time.Time         // when the schedule may start it: not after Now while a window is open
}

// Action is what the engine does next with a secret.
type Action string

// The actions.
const (
	Nothing Action = "nothing"
	Resolve Action = "resolve" // an attempt was given up, cancelled or deleted in its gap
	Attempt Action = "attempt" // the steps, from createSecret
	Start   Action = "start"   // a scheduled rotation begins
	Wait    Action = "wait"    // due, but something is in the way
)

// Decision is an action with its reason; the same text goes to the journal,
// the log and the CLI.
type Decision struct {
	Action Action
	Reason string
	Until  time.Time // with Wait: when to look again
}

type check func(Facts) (Decision, bool)

// checks are asked from top to bottom; the first that applies decides.
var checks = []check{mustResolve, interrupted, unfinished, notYet, off, clockHeld, overlapOpen, windowClosed, scheduleReached}

// Decide says what to do with a secret, and why.
func Decide(f Facts) Decision {
	for _, c := range checks {
		if d, ok := c(f); ok {
			return d
		}
	}
	return Decision{Action: Nothing, Reason: "nothing is due"}
}

func mustResolve(f Facts) (Decision, bool) {
	return Decision{Action: Resolve, Reason: "the attempt was given up: " + f.Task.LastError}, f.Task.Kind != store.Idle && f.Task.Resolve && !f.Task.Due.After(f.Now)
}

// interrupted is an attempt whose AWSPENDING somebody took away: the store
// makes such a task idle by itself; this is the answer for a label that a
// foreign function moved.
func interrupted(f Facts) (Decision, bool) {
	gone := f.Task.Kind == store.Rotate && f.Secret.VersionOf(rota.Pending) != f.Task.Token && f.Secret.VersionOf(rota.Current) != f.Task.Token
	return Decision{Action: Resolve, Reason: "AWSPENDING is no longer on the version that was being made"}, gone
}

func unfinished(f Facts) (Decision, bool) {
	reason := f.Task.Cause
	if f.Task.Attempt > 0 {
		reason = fmt.Sprintf("attempt %d after: %s", f.Task.Attempt+1, f.Task.LastError)
	}
	return Decision{Action: Attempt, Reason: reason}, f.Task.Kind != store.Idle && !f.Task.Due.After(f.Now)
}

func notYet(f Facts) (Decision, bool) {
	return Decision{Action: Nothing, Reason: "not due"}, f.Task.Due.IsZero() || f.Task.Due.After(f.Now)
}

func off(f Facts) (Decision, bool) {
	return Decision{Action: Nothing, Reason: "rotation is off"}, !f.Secret.Rotation.Enabled || f.Secret.Deleted()
}

func clockHeld(f Facts) (Decision, bool) {
	return Decision{Action: Wait, Reason: f.ClockHeld, Until: f.Now.Add(time.Minute)}, f.ClockHeld != ""
}

// windowClosed keeps a start that became overdue (the server was down, an
// overlap was open, a lane was full) from beginning outside of the hours that
// were chosen for it.
func windowClosed(f Facts) (Decision, bool) {
	return Decision{
		Action: Wait, Until: f.MayStart,
		Reason: "its window has closed before it could start: it waits for the next one, or the same hours of the next day",
	}, f.MayStart.After(f.Now)
}

// overlapOpen keeps a scheduled rotation from cutting an overlap short where
// the provider has no room for one more credential. What ends at the next
// rotation does not count: this is the next rotation.
func overlapOpen(f Facts) (Decision, bool) {
	// A provider with room for one has no overlap.
	if f.Task.Capacity < 2 {
		return Decision{}, false
	}
	waiting := 0
	var next rota.Credential // the one that ends first; held ones end last
	for _, c := range f.Open {
		if c.NotBefore.IsZero() && c.State == rota.Superseded {
			continue
		}
		waiting++
		if waiting == 1 || next.State == rota.Held || c.State != rota.Held && c.NotBefore.Before(next.NotBefore) {
			next = c
		}
	}
	// The current one and the next one need a place each.
	if waiting+2 <= f.Task.Capacity {
		return Decision{}, false
	}
	// The reason must stay the same from look to look: it is written down
	// whenever it changes.
	until, how := next.NotBefore, "until "+next.NotBefore.UTC().Format(time.RFC3339)
	if !until.After(f.Now) {
		until, how = f.Now.Add(time.Minute), "whose ending is overdue"
	}
	if next.State == rota.Held {
		how = "whose ending is held"
	}
	return Decision{
		Action: Wait, Until: until,
		Reason: fmt.Sprintf("the provider allows %d credentials at once and an overlap is open %s", f.Task.Capacity, how),
	}, true
}

func scheduleReached(f Facts) (Decision, bool) {
	r := f.Secret.Rotation.Rules
	what := r.Expression
	if what == "" {
		what = fmt.Sprintf("every %d days", r.AfterDays)
	}
	return Decision{Action: Start, Reason: "schedule " + what}, true
}
