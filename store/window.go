package store

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

// maxJitter is over how much of a window the starts of many secrets spread.
const maxJitter = time.Hour

// schedule reads the secret's rules. AfterDays beside an expression is what
// is shown after a rotation, and no rule.
func (it *item) schedule() (schedule.Schedule, error) {
	r := it.row.Rotation.Rules
	if r.Expression != "" {
		r.AfterDays = 0
	}
	sched, err := schedule.Parse(r)
	if err != nil {
		return sched, rota.E(rota.InvalidParameter, "%s", err)
	}
	return sched, nil
}

// plan computes the next rotation from an anchor. While rotation is off, or
// the secret deleted, nothing is due; what was planned stays, for a restore.
func (it *item) plan(anchor time.Time) error {
	if it.task.Kind == Idle {
		it.task.Due = time.Time{}
	}
	if !it.startable() {
		return nil
	}
	sched, err := it.schedule()
	if err != nil {
		return err
	}
	it.row.Anchor = anchor
	w, ok := sched.Next(anchor, anchor)
	it.planWindow(w, ok)
	return nil
}

// replan finds the next window that opens from now on, in the chain of
// windows that was planned before: a restored secret does not rotate at once.
func (it *item) replan() error {
	if it.row.Anchor.IsZero() {
		return it.plan(it.now)
	}
	it.task.Due = time.Time{}
	if !it.startable() {
		return nil
	}
	sched, err := it.schedule()
	if err != nil {
		return err
	}
	w, ok := sched.Next(it.row.Anchor, it.now)
	if ok && !w.Open.After(it.now) {
		w, ok = sched.Next(it.row.Anchor, w.Close)
	}
	it.planWindow(w, ok)
	return nil
}

// retryAfter is the least time between a rotation that was given up and the
// fresh one that makes up for it. Functions of somebody else, whose attempts
// are never given up, are tried again as seldom.
const retryAfter = time.Hour

// again follows a rotation that did not succeed: what the schedule counts from
// does not move. If its time has not come, all stays as it was planned; else
// it is overdue, and a fresh one makes up for it.
func (it *item) again() error {
	from := it.now
	if !it.row.Start.After(from) {
		from = from.Add(retryAfter)
	}
	return it.resume(from)
}

// skip follows a rotation that a person ended with a value of his own: if it was
// a scheduled one, the next comes with the next window of the schedule.
func (it *item) skip() error {
	if it.row.Start.After(it.now) {
		return it.resume(it.now)
	}
	return it.replan()
}

// resume makes the idle task due at the first moment from a time on at which
// the schedule may start it. NextRotationDate stays, and so may lie in the
// past, as AWS's does while a rotation fails.
func (it *item) resume(from time.Time) error {
	it.task.Due = time.Time{}
	if !it.startable() {
		return nil
	}
	start, err := it.startFrom(from)
	it.task.Due, it.wake = start, it.wake || !start.IsZero()
	return err
}

// MayStart is when the schedule may start a rotation of the secret: not after
// now while a window is open, and zero if it never does by itself.
func (s *Store) MayStart(ctx context.Context, k rota.Key) (at time.Time, err error) {
	err = s.view(ctx, rota.Caller{}, "look for the window", k.ID, func(x *session) error {
		it, err := x.openKey(k)
		if err != nil || !it.startable() {
			return err
		}
		at, err = it.startFrom(it.now)
		return err
	})
	return at, err
}

// startFrom is the first moment from a time on at which a scheduled rotation
// may start: in the window that is planned, or, once that is over, in a later
// one of the schedule or in the same hours of a later day, whichever opens
// first. It is zero without a schedule.
func (it *item) startFrom(from time.Time) (time.Time, error) {
	next := it.row.Rotation.Next
	if next.IsZero() {
		return time.Time{}, nil
	}
	sched, err := it.schedule()
	if err != nil {
		return time.Time{}, err
	}
	planned, ok := sched.Next(it.row.Anchor, next)
	if !ok {
		return time.Time{}, nil
	}
	w := planned.Again(from)
	if !from.Before(planned.Close) {
		if own, ok := sched.Next(it.row.Anchor, from); ok && own.Open.Before(w.Open) {
			w = own
		}
	}
	if start := startIn(it.row.ID, w); start.After(from) {
		return start, nil
	}
	return from, nil
}

func (it *item) planWindow(w schedule.Window, ok bool) {
	r := &it.row.Rotation
	if !ok {
		r.Next, it.row.Start = time.Time{}, time.Time{}
		return
	}
	r.Next, it.row.Start = w.Latest(), startIn(it.row.ID, w)
	if it.task.Kind == Idle {
		it.task.Due = it.row.Start
		it.wake = true
	}
}

// startIn is the moment in a window at which the secret starts: always the
// same one for the same window, and another one for another secret.
func startIn(id string, w schedule.Window) time.Time {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(w.Open.UnixMilli())))
	spread := min(w.Close.Sub(w.Open)/2, maxJitter)
	return w.Open.Add(time.Duration(h.Sum64() % uint64(spread)).Truncate(time.Millisecond))
}

// showDays puts the days until the next window beside the expression, as AWS
// does after each successful rotation
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html).
func (it *item) showDays() error {
	r := &it.row.Rotation.Rules
	if r.Expression == "" {
		return nil
	}
	sched, err := it.schedule()
	if err != nil {
		return err
	}
	r.AfterDays = sched.AfterDays(it.now)
	return nil
}
