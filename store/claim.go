package store

import (
	"context"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// lost is the refusal of a write whose claim does not cover it any more.
func (it *item) lost(why string) error {
	return &rota.Error{
		Code: rota.ClaimLost, Secret: it.row.Name, Message: "The claim on this secret was lost: " + why + ".",
		Hint: "stop working on it; whoever holds the claim goes on",
	}
}

func (it *item) checkClaim() error {
	have, want := it.task.Claim, it.c.Claim.Number
	switch {
	case have.Number != want:
		return it.lost(fmt.Sprintf("its number is %d by now, and this one has %d", have.Number, want))
	case have.Owner == "":
		return it.lost("it was released or taken back")
	}
	return nil
}

// claimed is an engine's write under its claim.
func (s *Store) claimed(ctx context.Context, c rota.Caller, op string, f func(*item) error) error {
	return s.update(ctx, c, op, "", func(x *session) error {
		if !c.Claim.Held() {
			return rota.E(rota.ClaimLost, "This needs the claim of the secret.")
		}
		it, err := x.openKey(c.Claim.Secret)
		if err != nil {
			return err
		}
		if err := f(it); err != nil {
			return nameSecret(err, it.row.Name)
		}
		return nil
	})
}

// Due lists what is due at now and under nobody's claim, oldest first, but
// in none of the lanes to skip. What it costs hangs on what is due, not on
// how many secrets there are.
func (s *Store) Due(ctx context.Context, now time.Time, limit int, skipLanes []string) (works []Work, err error) {
	err = s.view(ctx, rota.Caller{}, "look for due work", "", func(x *session) error {
		works, err = x.tx.Due(now, limit, skipLanes)
		return err
	})
	return works, err
}

// NextDue is the earliest due time of all, zero if there is none.
func (s *Store) NextDue(ctx context.Context) (next time.Time, err error) {
	err = s.view(ctx, rota.Caller{}, "look for due work", "", func(x *session) error {
		next, err = x.tx.NextDue()
		return err
	})
	return next, err
}

// Claim takes the right to work on a secret until it lapses, is released or
// is voided. It is Busy while somebody else has it, while work on another
// secret uses this one as its admin secret, and while the admin secret itself
// is worked on.
func (s *Store) Claim(ctx context.Context, c rota.Caller, req ClaimRequest) (claim rota.Claim, task Task, err error) {
	err = s.update(ctx, c, "claim", req.Secret.ID, func(x *session) error {
		it, err := x.openKey(req.Secret)
		if err != nil {
			return err
		}
		admin, use := req.Admin, req.Use
		if admin.ID == "" {
			admin = it.task.Admin
		}
		if use == "" {
			if use = string(it.task.Kind); use == "" {
				use = string(Rotate)
			}
		}
		if err := it.free(admin); err != nil {
			return err
		}
		l := &it.task.Claim
		*l = Lease{Number: l.Number + 1, Owner: req.Owner, Use: use, Until: x.now.Add(req.For), Admin: admin}
		it.queued = true
		if err := x.tx.PutTask(it.task); err != nil {
			return err
		}
		claim, task = rota.Claim{Secret: req.Secret, Number: l.Number}, it.task
		return nil
	})
	return claim, task, err
}

func (it *item) free(admin rota.Key) error {
	if l := it.task.Claim; l.Active(it.now) {
		return busy(it.task, "it")
	}
	child, ok, err := it.tx.LeaseOn(it.row.Key, it.now)
	if err != nil {
		return err
	}
	if ok {
		return busy(child, "its admin secret")
	}
	if admin.ID == "" || admin == it.row.Key {
		return nil
	}
	t, ok, err := it.tx.Task(admin)
	if err != nil {
		return err
	}
	if ok && t.Claim.Active(it.now) {
		return busy(t, "its own secret")
	}
	return nil
}

func busy(t Task, uses string) error {
	l := t.Claim
	return &rota.Error{
		Code: rota.Busy, Secret: t.Name,
		Message: fmt.Sprintf("%s works on %s (%s, claim %d) until %s and uses %s", l.Owner, t.Name, l.Use, l.Number, l.Until.Format(time.RFC3339), uses),
		Hint:    "try again later",
	}
}

// Renew lets a claim last for d from now on.
func (s *Store) Renew(ctx context.Context, claim rota.Claim, d time.Duration) error {
	return s.claimed(ctx, rota.Caller{Claim: claim}, "renew the claim", func(it *item) error {
		it.task.Claim.Until = it.now.Add(d)
		return it.tx.PutTask(it.task)
	})
}

// Release gives a claim back. Who held it looks for due work again: nobody is
// told.
func (s *Store) Release(ctx context.Context, claim rota.Claim) error {
	return s.claimed(ctx, rota.Caller{Claim: claim}, "release the claim", func(it *item) error {
		it.task.Claim = Lease{Number: it.task.Claim.Number}
		return it.tx.PutTask(it.task)
	})
}

// VoidClaims is for the start of the one process that has the database: no
// claim of a former one counts, and what it left unfinished is due now. by
// names the new process.
func (s *Store) VoidClaims(ctx context.Context, by string) error {
	return s.update(ctx, rota.Caller{}, "void the claims of a former process for "+by, "", func(x *session) error {
		tasks, err := x.tx.BusyTasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			t.Claim = Lease{Number: t.Claim.Number + 1}
			if t.Kind != Idle {
				t.Due = x.now
			}
			if err := x.tx.PutTask(t); err != nil {
				return err
			}
		}
		x.wake = len(tasks) > 0
		return nil
	})
}

// ClockJumped mends what a jump of the clock would do to work that runs: the
// claims of by hold for d from now, instead of lapsing at once or in hours,
// and what is to be tried again is due now. So is what was put off by a clock
// that was wrong, if it was: what it waits for is decided anew. by names this
// process.
func (s *Store) ClockJumped(ctx context.Context, by string, d time.Duration) error {
	return s.update(ctx, rota.Caller{}, "go on after a jump of the clock", "", func(x *session) error {
		tasks, err := x.tx.BusyTasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.Claim.Owner == by {
				t.Claim.Until = x.now.Add(d)
			}
			if t.Kind != Idle && t.Due.After(x.now) {
				t.Due = x.now
			}
			if err := x.tx.PutTask(t); err != nil {
				return err
			}
		}
		return x.recall()
	})
}

// recall makes due what was put off, at the time that was planned for it.
func (x *session) recall() error {
	tasks, err := x.tx.Postponed()
	if err != nil {
		return err
	}
	for _, t := range tasks {
		row, ok, err := x.tx.Secret(t.Secret)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		t.Due, x.wake = row.Start, true
		if err := x.tx.PutTask(t); err != nil {
			return err
		}
	}
	return nil
}

// Task reads the rotation row of a secret. A secret that was never set up for
// rotation and never claimed has none (NotFound).
func (s *Store) Task(ctx context.Context, k rota.Key) (task Task, err error) {
	err = s.view(ctx, rota.Caller{}, "read the queue", k.ID, func(x *session) error {
		t, ok, err := x.tx.Task(k)
		if err == nil && !ok {
			err = rota.E(rota.NotFound, "The secret has no rotation.")
		}
		task = t
		return err
	})
	return task, err
}

// Spread gives idle tasks that became due before a time a new one: assign is
// asked for the i-th of n. It is for the start after a downtime, so that what
// is overdue does not start all at once.
func (s *Store) Spread(ctx context.Context, before time.Time, assign func(i, n int, t Task) time.Time) error {
	return s.update(ctx, rota.Caller{}, "spread overdue starts", "", func(x *session) error {
		tasks, err := x.tx.IdleBefore(before)
		if err != nil {
			return err
		}
		for i, t := range tasks {
			t.Due = assign(i, len(tasks), t)
			if err := x.tx.PutTask(t); err != nil {
				return err
			}
		}
		x.wake = len(tasks) > 0
		return nil
	})
}
