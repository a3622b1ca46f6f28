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
	keep   context.Context // for writes; not ended by a shutdown
	claim  rota.Claim
	caller rota.Caller
	task   store.Task
	secret rota.Secret
}

// shutdownGrace is how long a running step may go on after a shutdown began.
const shutdownGrace = 10 * time.Second

var fourSteps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// rotate decides and does what is due. It reports whether the provider is to
// blame for a failure.
func (r *run) rotate(ctx context.Context) (blame bool) {
	facts, err := r.facts()
	if err != nil {
		return r.failed("", err)
	}
	d := Decide(facts)
	switch d.Action {
	case Start:
		task, err := r.Store.Begin(r.keep, r.caller, r.NewID(), d.Reason, false)
		if err != nil {
			r.wait(facts.Now.Add(longDelay), "the rotation could not begin: "+err.Error())
			return false
		}
		r.task = task
		r.journal(task.Token, "scheduled", facts.Now, rota.OutcomeOK, d.Reason, "createSecret")
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

func (r *run) facts() (Facts, error) {
	s, err := r.Store.DescribeSecret(r.keep, r.caller, store.DescribeSecretInput{SecretID: r.task.ARN})
	if err != nil {
		return Facts{}, err
	}
	r.secret = s
	rows, err := r.Store.Credentials(r.keep, r.caller, r.task.ARN)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Now: r.now(), Task: r.task, Secret: s, ClockHeld: r.Held()}
	for _, c := range rows {
		if c.State.Open() {
			f.Open = append(f.Open, c)
		}
	}
	return f, nil
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
		wanted, err := r.stillWanted(step)
		if err != nil {
			return r.failed(step, err)
		}
		if !wanted {
			return false
		}
		next := "the rotation is done"
		if i+1 < len(steps) {
			next = string(steps[i+1])
		}
		if _, err := r.step(ctx, step, r.task.Token, next); err != nil {
			if ctx.Err() != nil {
				r.handBack(step)
				return false
			}
			return r.failed(step, err)
		}
	}
	if r.task.Kind == store.Test {
		if err := r.Store.CompleteTest(r.keep, r.caller); err != nil {
			return r.failed("", err)
		}
		return false
	}
	if err := r.Store.Complete(r.keep, r.caller); err != nil {
		return r.failed("", err)
	}
	return false
}

// stillWanted reads the task again: a cancel, a delete, or a value put by
// hand since the last step ends the attempt here.
func (r *run) stillWanted(step rota.Step) (bool, error) {
	if err := r.Store.Renew(r.keep, r.claim, r.StepTimeout+claimSlack); err != nil {
		return false, err
	}
	task, err := r.Store.Task(r.keep, r.claim.Secret)
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
	r.task = task
	if step == rota.SetSecret && !task.Touched {
		return true, r.Store.MarkTouched(r.keep, r.caller)
	}
	return true, nil
}

// step invokes the function and writes the journal.
func (r *run) step(ctx context.Context, step rota.Step, token, next string) (rotation.Result, error) {
	// A shutdown lets the running step finish, for a while.
	parent := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), r.StepTimeout)
	defer cancel()
	stop := context.AfterFunc(parent, func() { time.AfterFunc(shutdownGrace, cancel) })
	defer stop()
	start := r.now()
	res, err := r.Invoker.Invoke(ctx, function.Call{
		Function: r.secretFunction(), Caller: r.caller,
		Event: rota.Event{Step: step, SecretID: r.task.ARN, ClientRequestToken: token, RotationToken: r.task.RotationToken},
	})
	if err == nil {
		r.journal(token, string(step), start, rota.OutcomeOK, strings.Join(res.Notes, "; "), next)
	}
	return res, err
}

func (r *run) secretFunction() string { return r.secret.Rotation.Function }

// failed decides what follows a failed step. The whole sequence starts again
// after a growing delay, until the attempts are used up or the error is one
// that no retry mends.
func (r *run) failed(step rota.Step, err error) (blame bool) {
	now := r.now()
	if errors.Is(err, rota.ClaimLost) {
		r.Log.Warn("claim lost", "secret", r.task.Name, "step", step, "error", err)
		return false
	}
	if errors.Is(err, rota.NotFound) && r.task.ARN == "" {
		return false
	}
	asked, _ := rotation.AskedDelay(err)
	attempts := r.task.Attempt + 1
	if rotation.IsPermanent(err) || attempts >= MaxAttempts {
		r.journal(r.task.Token, string(step), now, rota.OutcomeFailed, err.Error(), "the attempt is given up and resolved")
		if err := r.Store.GiveUp(r.keep, r.caller, err.Error()); err != nil {
			r.Log.Error("give up", "secret", r.task.Name, "error", err)
		}
		r.Wake()
		return false
	}
	at := now.Add(delay(attempts, asked, r.Rand))
	r.journal(r.task.Token, string(step), now, rota.OutcomeFailed, err.Error(), fmt.Sprintf("attempt %d at %s", attempts+1, at.UTC().Format(time.RFC3339)))
	if err := r.Store.Retry(r.keep, r.caller, at, err.Error()); err != nil {
		r.Log.Error("plan the retry", "secret", r.task.Name, "error", err)
	}
	return !errors.Is(err, rotation.ErrNotYet)
}

// handBack leaves an attempt that a shutdown interrupted: it is due at once
// for whoever starts next, and no attempt is counted.
func (r *run) handBack(step rota.Step) {
	now := r.now()
	r.journal(r.task.Token, string(step), now, rota.OutcomeWaiting, "the server stops", "the next start goes on with this rotation")
	if err := r.Store.Wait(r.keep, r.caller, now, "the server stopped"); err != nil {
		r.Log.Error("hand back", "secret", r.task.Name, "error", err)
	}
}

// resolve ends an attempt that was given up, cancelled or deleted. Until the
// handler could look, it is tried again: a gap must not stay open.
func (r *run) resolve(ctx context.Context, reason string) (blame bool) {
	start := r.now()
	if s, err := r.Store.DescribeSecret(r.keep, r.caller, store.DescribeSecretInput{SecretID: r.task.ARN}); err == nil {
		r.secret = s
	}
	res, err := r.step(ctx, rota.ResolveSecret, r.task.Token, "the rotation is over")
	switch {
	case err != nil && ctx.Err() != nil:
		r.handBack(rota.ResolveSecret)
		return false
	case errors.Is(err, rota.ClaimLost):
		return false
	case err != nil && (!rotation.IsPermanent(err) || r.gapMayBeOpen()):
		at := start.Add(delay(r.task.Attempt+1, 0, r.Rand))
		r.journal(r.task.Token, string(rota.ResolveSecret), start, rota.OutcomeFailed, err.Error(), "again at "+at.UTC().Format(time.RFC3339))
		if err := r.Store.Retry(r.keep, r.caller, at, err.Error()); err != nil {
			r.Log.Error("plan the resolution", "secret", r.task.Name, "error", err)
		}
		return true
	case err != nil:
		r.journal(r.task.Token, string(rota.ResolveSecret), start, rota.OutcomeFailed, err.Error(), "nothing: look at this secret")
	}
	if res.Finished {
		err = r.Store.Complete(r.keep, r.caller)
	} else {
		err = r.giveUp(reason)
	}
	if err != nil {
		r.Log.Error("end the attempt", "secret", r.task.Name, "error", err)
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
func (r *run) giveUp(reason string) error {
	if !r.secret.Rotation.Enabled || r.secret.Deleted() {
		return r.Store.Resolved(r.keep, r.caller)
	}
	cause, attempt := r.task.Cause, r.task.Attempt
	test := r.task.Kind == store.Test
	if err := r.Store.Abandon(r.keep, r.caller, reason); err != nil {
		return err
	}
	if test || attempt+1 >= MaxAttempts || strings.HasPrefix(cause, freshStart) {
		return nil
	}
	task, err := r.Store.Begin(r.keep, r.caller, r.NewID(), freshStart+cause, true)
	if err == nil {
		r.journal(task.Token, "scheduled", r.now(), rota.OutcomeOK, freshStart+cause, "createSecret")
	}
	return err
}

const freshStart = "a fresh start after a refused value: "

// wait moves the task without counting an attempt, and says why once.
func (r *run) wait(until time.Time, reason string) {
	if r.task.LastError != reason {
		r.journal(r.task.Token, "scheduled", r.now(), rota.OutcomeWaiting, reason, "look again at "+until.UTC().Format(time.RFC3339))
	}
	if err := r.Store.Wait(r.keep, r.caller, until, reason); err != nil {
		r.Log.Error("wait", "secret", r.task.Name, "error", err)
	}
}

func (r *run) journal(token, step string, start time.Time, outcome, cause, next string) {
	e := rota.JournalEntry{
		Secret: r.claim.Secret, Token: token, Claim: r.claim.Number, Attempt: r.task.Attempt + 1, Step: step,
		Started: start, Duration: r.now().Sub(start), Outcome: outcome, Cause: cause, Next: next,
	}
	r.Log.Info("rotation", "secret", r.task.Name, "version", token, "step", step, "outcome", outcome, "cause", cause, "next", next)
	if err := r.Store.Journal(r.keep, r.caller, e); err != nil {
		r.Log.Error("write the journal", "secret", r.task.Name, "error", err)
	}
}
