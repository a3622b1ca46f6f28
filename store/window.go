package store

import (
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
