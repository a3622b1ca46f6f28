package store

import (
	"context"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

const msgIncomplete = "A previous rotation isn't complete. That rotation will be reattempted."

// unfinished is the version that an earlier rotation left AWSPENDING on, ""
// if there is none. On the AWSCURRENT version the label means nothing.
func (it *item) unfinished() string {
	if p := it.labels[rota.Pending]; p != it.labels[rota.Current] {
		return p
	}
	return ""
}

// start makes the version of an attempt, with AWSPENDING, and puts the task
// to work at once.
func (it *item) start(kind TaskKind, token string, v rota.Value, cause string, asked bool) error {
	if err := it.addVersion(token, v); err != nil {
		return err
	}
	t := &it.task
	t.Kind, t.Token, t.RotationToken, t.Cause, t.Asked = kind, token, it.cfg.NewID(), cause, asked
	t.Attempt, t.Started, t.Touched, t.Resolve, t.LastError, t.Due = 0, it.now, false, false, "", it.now
	it.wake = true
	started := RotationStarted
	if kind == Test {
		started = TestRotationStarted
	}
	if err := it.tell(started, token, cause); err != nil {
		return err
	}
	return it.attach(rota.Pending, token)
}

// Begin starts a scheduled rotation, as RotateSecret starts one that was
// asked for: the empty version token gets AWSPENDING, and the task runs. It
// is InvalidRequest while rotation is off, and while AWSPENDING is left on a
// version that is not AWSCURRENT.
func (s *Store) Begin(ctx context.Context, c rota.Caller, token, cause string, asked bool) (task Task, err error) {
	err = s.claimed(ctx, c, "begin a rotation", func(it *item) error {
		switch {
		case it.row.Deleted():
			return rota.E(rota.InvalidRequest, msgMarkedDeleted)
		case !it.row.Rotation.Enabled:
			return rota.E(rota.InvalidRequest, "Rotation is off for this secret.")
		case it.task.Kind != Idle || it.unfinished() != "":
			return &rota.Error{
				Code: rota.InvalidRequest, Message: msgIncomplete,
				Hint: "remove AWSPENDING from version " + it.labels[rota.Pending] + " if nobody works on it",
			}
		case it.labels[rota.Current] == "":
			return rota.E(rota.NotFound, msgNoLabelValue, rota.Current)
		}
		if err := it.start(Rotate, token, rota.Value{}, cause, asked); err != nil {
			return err
		}
		it.changed()
		task = it.task
		return it.save()
	})
	return task, err
}

// MarkTouched records that the provider may know the pending value from now
// on. It comes before setSecret. If the attempt was ended by hand it is
// ClaimLost.
func (s *Store) MarkTouched(ctx context.Context, c rota.Caller) error {
	return s.claimed(ctx, c, "record that the provider may know the value", func(it *item) error {
		if it.task.Kind == Idle {
			return it.lost("the rotation was ended by hand")
		}
		it.task.Touched = true
		return it.tx.PutTask(it.task)
	})
}

// Retry counts a failed attempt and plans the next. step is what failed, and
// lastError is for people and never holds a value. If the attempt is over
// nothing changes; if it was cancelled while the step ran, it stays due for
// its resolution, for that reason.
func (s *Store) Retry(ctx context.Context, c rota.Caller, at time.Time, step rota.Step, lastError string) error {
	return s.claimed(ctx, c, "plan the next attempt", func(it *item) error {
		if it.task.Kind == Idle {
			return nil
		}
		if err := it.tellFailed(step); err != nil {
			return err
		}
		it.task.Attempt++
		if !it.task.Resolve {
			it.task.Due, it.task.LastError = at, lastError
		}
		return it.tx.PutTask(it.task)
	})
}

// Unresolved plans the next try of a resolution that failed. Why the attempt
// ends is kept beside why it could not yet. If the attempt is over nothing
// changes.
func (s *Store) Unresolved(ctx context.Context, c rota.Caller, at time.Time, why string) error {
	return s.claimed(ctx, c, "plan the next resolution", func(it *item) error {
		if it.task.Kind == Idle {
			return nil
		}
		cause, _, _ := strings.Cut(it.task.LastError, notResolved)
		it.task.Attempt++
		it.task.Due, it.task.LastError = at, cause+notResolved+why
		return it.tx.PutTask(it.task)
	})
}

const notResolved = "; not resolved yet: "

// Wait moves what is due to a later time without counting an attempt. An
// idle task that is not due stays as it is, and so does an attempt that was
// cancelled: it is due for its resolution.
func (s *Store) Wait(ctx context.Context, c rota.Caller, at time.Time, reason string) error {
	return s.claimed(ctx, c, "wait", func(it *item) error {
		switch {
		case it.task.Kind == Idle && (it.task.Due.IsZero() || it.task.Due.After(it.now)):
			return nil
		case it.task.Kind != Idle && it.task.Resolve:
			return nil
		}
		it.task.Due, it.task.LastError = at, reason
		return it.tx.PutTask(it.task)
	})
}

// GiveUp ends the attempts after a step that failed: the task is due at once
// for its resolution. A test has nothing to resolve and is over. If the
// attempt is over nothing changes; if it was cancelled while the step ran,
// that stays the reason.
func (s *Store) GiveUp(ctx context.Context, c rota.Caller, step rota.Step, cause string) error {
	return s.claimed(ctx, c, "give up a rotation", func(it *item) error {
		if it.task.Kind == Idle {
			return nil
		}
		if err := it.tellFailed(step); err != nil {
			return err
		}
		if it.task.Kind == Test {
			return it.endAttempt(failed, cause, it.again)
		}
		if !it.task.Resolve {
			it.task.Resolve, it.task.LastError = true, cause
		}
		it.task.Due, it.wake = it.now, true
		return it.tx.PutTask(it.task)
	})
}

// Complete ends a rotation that succeeded, which is judged by the labels:
// AWSCURRENT must be on the token, else InvalidRequest. It may be repeated.
func (s *Store) Complete(ctx context.Context, c rota.Caller) error {
	return s.claimed(ctx, c, "complete the rotation", func(it *item) error {
		current := it.task.Token != "" && it.labels[rota.Current] == it.task.Token
		switch {
		case it.task.Kind == Idle && current:
			return nil
		case it.task.Kind != Rotate:
			return rota.E(rota.InvalidRequest, "No rotation of this secret runs.")
		case !current:
			return rota.E(rota.InvalidRequest, "finishSecret ended without an error, but AWSCURRENT isn't on version %s.", it.task.Token)
		}
		if it.labels[rota.Pending] == it.task.Token {
			if err := it.detach(rota.Pending); err != nil {
				return err
			}
		}
		if err := it.over(succeeded, ""); err != nil {
			return err
		}
		it.idle()
		it.task.LastError = ""
		it.row.Rotation.Last = it.now
		it.changed()
		if err := it.showDays(); err != nil {
			return err
		}
		if err := it.plan(it.now); err != nil {
			return err
		}
		return it.save()
	})
}

// CompleteTest ends the test of RotateImmediately=false: its version goes. It
// may be repeated.
func (s *Store) CompleteTest(ctx context.Context, c rota.Caller) error {
	return s.claimed(ctx, c, "complete the test", func(it *item) error {
		switch it.task.Kind {
		case Idle:
			return nil
		case Rotate:
			return rota.E(rota.InvalidRequest, "No test of this secret runs.")
		}
		return it.endAttempt(succeeded, "", it.again)
	})
}

// Abandon ends an attempt that did not succeed. If it is over nothing
// changes.
func (s *Store) Abandon(ctx context.Context, c rota.Caller, cause string) error {
	return s.claimed(ctx, c, "abandon the rotation", func(it *item) error {
		if it.task.Kind == Idle {
			return nil
		}
		how := abandoned
		if it.task.Resolve {
			how = failed
		}
		return it.endAttempt(how, cause, it.again)
	})
}

// Resolved ends an attempt that was cancelled, or whose secret was deleted:
// AWSPENDING stays where it is, as AWS leaves it, but in a secret that nobody
// can reach any more. If the attempt is over nothing changes.
func (s *Store) Resolved(ctx context.Context, c rota.Caller) error {
	return s.claimed(ctx, c, "end the cancelled rotation", func(it *item) error {
		if it.task.Kind == Idle {
			return nil
		}
		if err := it.stop(it.task.LastError); err != nil {
			return err
		}
		return it.save()
	})
}

// stop makes the task idle and leaves AWSPENDING.
func (it *item) stop(cause string) error {
	if err := it.over(abandoned, cause); err != nil {
		return err
	}
	if it.task.Kind == Test {
		return it.dropTest()
	}
	it.idle()
	if !it.row.Gone.IsZero() {
		if err := it.dropPending(it.unfinished()); err != nil {
			return err
		}
	}
	if err := it.tidy(it.task.Token); err != nil {
		return err
	}
	if err := it.revive(it.labels[rota.Current]); err != nil {
		return err
	}
	return it.skip()
}

// endAttempt ends an attempt without success and takes what it made away;
// next plans what follows. What finishSecret decided about the AWSCURRENT
// version no longer holds.
func (it *item) endAttempt(how, cause string, next func() error) error {
	if err := it.over(how, cause); err != nil {
		return err
	}
	if it.task.Kind == Test {
		if err := it.dropTest(); err != nil {
			return err
		}
	} else {
		if err := it.dropPending(it.task.Token); err != nil {
			return err
		}
		it.idle()
		if err := it.revive(it.labels[rota.Current]); err != nil {
			return err
		}
		if err := next(); err != nil {
			return err
		}
	}
	it.task.LastError = cause
	it.changed()
	return it.save()
}

// abandon is endAttempt by somebody else's hand; the journal says whose.
func (it *item) abandon(cause string, next func() error) error {
	e := rota.JournalEntry{
		Secret: it.row.Key, Token: it.task.Token, Claim: it.task.Claim.Number, Attempt: it.task.Attempt + 1,
		Step: "abandoned", Started: it.now, Outcome: rota.OutcomeNote, Cause: cause + by(it.c), Next: "nothing: what the attempt left is ended",
	}
	if err := it.tx.AddJournal(e); err != nil {
		return err
	}
	return it.endAttempt(abandoned, cause, next)
}

func by(c rota.Caller) string {
	if c.Principal == "" {
		return ""
	}
	return " by " + c.Principal
}

// dropTest removes the version of a test, unless somebody put another label
// on it meanwhile.
func (it *item) dropTest() error {
	token := it.task.Token
	it.idle()
	if err := it.resume(it.now); err != nil {
		return err
	}
	if it.labels[rota.Pending] == token {
		if err := it.tx.DeleteLabel(it.row.Key, rota.Pending); err != nil {
			return err
		}
		delete(it.labels, rota.Pending)
	}
	if len(sorted(it.labels, token)) > 0 {
		return nil
	}
	return it.tx.DeleteVersion(it.row.Key, token)
}

// startable says whether the schedule may start rotations.
func (it *item) startable() bool { return it.row.Rotation.Enabled && !it.row.Deleted() }
