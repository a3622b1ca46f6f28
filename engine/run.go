package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// run is the work on one secret under one claim.
type run struct {
	*Engine
	keep    context.Context // for writes; not ended by a shutdown
	caller  rota.Caller     // with the claim
	task    store.Task
	secret  rota.Secret
	rows    []rota.Credential // the ledger, as it was when the work began
	start   time.Time         // when the schedule may start it, if nothing runs
	entries []rota.JournalEntry
	over    bool // the claim was released
}

// shutdownGrace is how long a running step may go on after a shutdown began.
const shutdownGrace = 10 * time.Second

var fourSteps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// rotate decides and does what is due. It reports whether the provider is to
// blame for a failure.
func (r *run) rotate(ctx context.Context) (blame bool) {
	facts := r.facts()
	d := Decide(facts)
	switch d.Action {
	case Start:
		if err := r.begin(d.Reason, false); err != nil {
			r.wait(facts.Now.Add(longDelay), "the rotation could not begin: "+err.Error())
			return false
		}
		return r.attempt(ctx)
	case Attempt:
		return r.attempt(ctx)
	case Resolve:
		return r.resolve(ctx, d.Reason)
	case Wait:
		r.wait(d.Until, d.Reason)
	}
	return false
}

// begin starts a rotation with a new token.
func (r *run) begin(cause string, asked bool) error {
	token, start := r.NewID(), r.now()
	var task store.Task
	err := r.commit("begin a rotation", func(s *store.Store) (err error) {
		if task, err = s.Begin(r.keep, r.caller, token, cause, asked); err != nil {
			return err
		}
		return s.Journal(r.keep, r.caller, rota.JournalEntry{
			Secret: task.Secret, Token: token, Attempt: 1, Step: "scheduled", Started: start, Outcome: rota.OutcomeOK, Cause: cause, Next: string(rota.CreateSecret),
		})
	})
	if err == nil {
		r.task = task
		r.Log.Info("rotation", "secret", task.Name, "version", token, "step", "scheduled", "outcome", rota.OutcomeOK, "cause", cause, "next", rota.CreateSecret)
	}
	return err
}

func (r *run) facts() Facts {
	f := Facts{Now: r.now(), Task: r.task, Secret: r.secret, ClockHeld: r.Held(), MayStart: r.start}
	for _, c := range r.rows {
		if c.State.Open() {
			f.Open = append(f.Open, c)
		}
	}
	return f
}

// attempt calls the steps in order, each under a renewed claim and only
// while the attempt is still wanted.
func (r *run) attempt(ctx context.Context) (blame bool) {
	steps := fourSteps
	if r.task.Kind == store.Test {
		steps = []rota.Step{rota.TestSecret}
	}
	for i, step := range steps {
		if ctx.Err() != nil {
			r.handBack(step)
			return false
		}
		if i > 0 {
			wanted, err := r.stillWanted(step)
			if err != nil {
				return r.failed(step, err)
			}
			if !wanted {
				return false
			}
		}
		next, last := "the rotation is done", i+1 == len(steps)
		switch {
		case !last:
			next = string(steps[i+1])
		case r.task.Kind == store.Test:
			next = "the test is done: the value works, and nothing was rotated"
		case r.foreign():
			next = "the rotation is done if AWSCURRENT is on the new version; what becomes of the old credential is the function's to say: rota does not end it"
		}
		if _, err := r.step(ctx, step, r.task.Token, next, last); err != nil {
			if ctx.Err() != nil {
				r.handBack(step)
				return false
			}
			return r.failed(step, err)
		}
	}
	complete := (*store.Store).Complete
	if r.task.Kind == store.Test {
		complete = (*store.Store).CompleteTest
	}
	if err := r.last("complete the rotation", func(s *store.Store) error { return complete(s, r.keep, r.caller) }); err != nil {
		return r.failed(steps[len(steps)-1], err)
	}
	return false
}

// stillWanted reads the task again: a cancel, a delete, or a value put by
// hand since the last step ends the attempt here. It renews the claim.
func (r *run) stillWanted(step rota.Step) (bool, error) {
	var task store.Task
	err := r.commit("begin the step "+string(step), func(s *store.Store) (err error) {
		if err = s.Renew(r.keep, r.caller.Claim, r.StepTimeout+claimSlack); err != nil {
			return err
		}
		if task, err = s.Task(r.keep, r.caller.Claim.Secret); err != nil {
			return err
		}
		wanted := task.Kind != store.Idle && task.Token == r.task.Token && !task.Resolve
		if wanted && step == rota.SetSecret && !task.Touched {
			return s.MarkTouched(r.keep, r.caller)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if task.Kind == store.Idle || task.Token != r.task.Token {
		r.journal(r.task.Token, string(step), r.now(), rota.OutcomeNote, "the rotation was ended by hand before this step", "nothing")
		return false, nil
	}
	if task.Resolve {
		return false, nil // due at once: the next look resolves it
	}
	task.Touched = task.Touched || step == rota.SetSecret
	r.task = task
	return true, nil
}

// step invokes the function and writes the journal. last says that no step
// follows under this claim.
func (r *run) step(ctx context.Context, step rota.Step, token, next string, last bool) (rotation.Result, error) {
	// A shutdown lets the running step finish, for a while.
	parent := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), r.StepTimeout)
	defer cancel()
	stop := context.AfterFunc(parent, func() { time.AfterFunc(shutdownGrace, cancel) })
	defer stop()
	start := r.now()
	res, err := r.Invoker.Invoke(ctx, function.Call{
		Function: r.secretFunction(), Caller: r.caller, Last: last,
		Event: rota.Event{Step: step, SecretID: r.task.ARN, ClientRequestToken: token, RotationToken: r.task.RotationToken},
	})
	if err == nil {
		r.journal(token, string(step), start, rota.OutcomeOK, strings.Join(res.Notes, "; "), next)
	}
	return res, err
}

func (r *run) secretFunction() string { return r.secret.Rotation.Function }

// foreign reports whether somebody else's function rotates the secret.
func (r *run) foreign() bool { return function.Foreign(r.Invoker, r.secretFunction()) }

// failed decides what follows a failed step. The whole sequence starts again
// after a growing delay, until the attempts are used up or the error is one
// that no retry mends.
func (r *run) failed(step rota.Step, err error) (blame bool) {
	now := r.now()
	if errors.Is(err, rota.ClaimLost) {
		r.Log.Warn("claim lost", "secret", r.task.Name, "step", step, "error", err)
		return false
	}
	asked, _ := rotation.AskedDelay(err)
	attempts := r.task.Attempt + 1
	if r.foreign() && r.task.Kind == store.Rotate {
		return r.keepTrying(step, err, attempts, asked)
	}
	if rotation.IsPermanent(err) || attempts >= MaxAttempts {
		r.journal(r.task.Token, string(step), now, rota.OutcomeFailed, err.Error(), "the attempt is given up and resolved")
		r.plan("give up", func(s *store.Store) error { return s.GiveUp(r.keep, r.caller, step, err.Error()) })
		return false
	}
	at := now.Add(delay(attempts, asked, r.Rand))
	r.journal(r.task.Token, string(step), now, rota.OutcomeFailed, err.Error(), fmt.Sprintf("attempt %d at %s", attempts+1, at.UTC().Format(time.RFC3339)))
	r.plan("plan the retry", func(s *store.Store) error { return s.Retry(r.keep, r.caller, at, step, err.Error()) })
	return rotation.Unreachable(err)
}

// handBack leaves an attempt that a shutdown interrupted: it is due at once
// for whoever starts next, and no attempt is counted.
func (r *run) handBack(step rota.Step) {
	now := r.now()
	r.journal(r.task.Token, string(step), now, rota.OutcomeWaiting, "the server stops", "the next start goes on with this rotation")
	r.plan("hand back", func(s *store.Store) error { return s.Wait(r.keep, r.caller, now, "the server stopped") })
}

// resolve ends an attempt that was given up, cancelled or deleted. Until the
// handler could look, it is tried again: a gap must not stay open.
func (r *run) resolve(ctx context.Context, reason string) (blame bool) {
	if r.foreign() {
		return r.resolveForeign(reason)
	}
	start := r.now()
	res, err := r.step(ctx, rota.ResolveSecret, r.task.Token, "the rotation is over", true)
	switch {
	case err != nil && ctx.Err() != nil:
		r.handBack(rota.ResolveSecret)
		return false
	case errors.Is(err, rota.ClaimLost):
		return false
	case err != nil && (!rotation.IsPermanent(err) || r.gapMayBeOpen()):
		at := start.Add(delay(r.task.Attempt+1, 0, r.Rand))
		r.journal(r.task.Token, string(rota.ResolveSecret), start, rota.OutcomeFailed, err.Error(), "again at "+at.UTC().Format(time.RFC3339))
		r.plan("plan the resolution", func(s *store.Store) error { return s.Unresolved(r.keep, r.caller, at, err.Error()) })
		return rotation.Unreachable(err)
	case err != nil:
		r.journal(r.task.Token, string(rota.ResolveSecret), start, rota.OutcomeFailed, err.Error(), "nothing: look at this secret")
	}
	if res.Finished {
		r.plan("complete the rotation", func(s *store.Store) error { return s.Complete(r.keep, r.caller) })
	} else {
		r.giveUp(reason)
	}
	return false
}

// gapMayBeOpen reports whether AWSCURRENT may be dead: only one credential
// can live, and the new one may have been set. Then the attempt stays open
// until it is resolved, also when what hinders is for a person to mend.
func (r *run) gapMayBeOpen() bool { return r.task.Capacity == 1 && r.task.Touched }

// giveUp leaves AWSPENDING where a cancel or delete leaves it on AWS, and
// otherwise takes it off: then a pending value that was refused for good is
// followed by a fresh rotation, once.
func (r *run) giveUp(reason string) {
	if !r.secret.Rotation.Enabled || r.secret.Deleted() {
		r.plan("end the cancelled rotation", func(s *store.Store) error { return s.Resolved(r.keep, r.caller) })
		return
	}
	cause := r.task.Cause
	last := r.task.Kind == store.Test || r.task.Attempt+1 >= MaxAttempts || strings.HasPrefix(cause, freshStart)
	abandon := func(s *store.Store) error { return s.Abandon(r.keep, r.caller, reason) }
	if last {
		r.plan("abandon the rotation", abandon)
		return
	}
	// Two commits: that nothing fresh can begin must not keep the old attempt.
	if err := r.commit("abandon the rotation", abandon); err != nil {
		r.Log.Error("abandon the rotation", "secret", r.task.Name, "error", err)
		return
	}
	if err := r.begin(freshStart+cause, true); err != nil {
		r.Log.Error("begin a fresh rotation", "secret", r.task.Name, "error", err)
	}
}

const freshStart = "a fresh start after a refused value: "

// wait moves the task without counting an attempt, and says why once.
func (r *run) wait(until time.Time, reason string) {
	if r.task.LastError != reason {
		r.journal(r.task.Token, "scheduled", r.now(), rota.OutcomeWaiting, reason, "look again at "+until.UTC().Format(time.RFC3339))
	}
	r.plan("wait", func(s *store.Store) error { return s.Wait(r.keep, r.caller, until, reason) })
}
