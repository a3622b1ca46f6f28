package engine

import (
	"errors"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

const useEnd = "end"

// claim takes the claim of the secret and reads what decides about the work,
// in one commit.
func (r *run) claim(w store.Work) error {
	use := ""
	if w.Credential != "" {
		use = useEnd
	}
	return r.Store.Update(r.keep, "claim", func(s *store.Store) (err error) {
		caller := r.Engine.Caller
		caller.Claim, r.task, err = s.Claim(r.keep, caller, store.ClaimRequest{
			Secret: w.Secret, Owner: r.Owner, Use: use, For: r.StepTimeout + claimSlack,
		})
		if err != nil {
			return err
		}
		r.caller = caller
		if r.secret, err = s.DescribeSecret(r.keep, caller, store.DescribeSecretInput{SecretID: r.task.ARN}); err != nil {
			return err
		}
		if r.task.Kind == store.Idle && use != useEnd {
			if r.start, err = s.MayStart(r.keep, w.Secret); err != nil {
				return err
			}
		}
		r.rows, err = s.CredentialsOf(r.keep, w.Secret)
		return err
	})
}

// release gives the claim back, unless the last commit did, and writes what
// the journal still misses.
func (r *run) release() {
	if r.over {
		return
	}
	err := r.last("release the claim", func(*store.Store) error { return nil })
	if errors.Is(err, rota.ClaimLost) {
		err = r.commit("write the journal", func(*store.Store) error { return nil })
	}
	if err != nil {
		r.Log.Error("release", "secret", r.task.Name, "error", err)
	}
}

// commit writes what f does together with the journal entries that wait.
func (r *run) commit(op string, f func(*store.Store) error) error {
	err := r.Store.Update(r.keep, op, func(s *store.Store) error {
		for _, e := range r.entries {
			if err := s.Journal(r.keep, r.caller, e); err != nil {
				return err
			}
		}
		return f(s)
	})
	if err == nil {
		r.entries = nil
	}
	return err
}

// last is commit for the end of the work: it gives the claim back.
func (r *run) last(op string, f func(*store.Store) error) error {
	err := r.commit(op, func(s *store.Store) error {
		if err := f(s); err != nil {
			return err
		}
		return s.Release(r.keep, r.caller.Claim)
	})
	r.over = r.over || err == nil
	return err
}

// plan is last where all that can be done about a failure is to say so: the
// task is as it was, and due again.
func (r *run) plan(op string, f func(*store.Store) error) {
	if err := r.last(op, f); err != nil {
		r.Log.Error(op, "secret", r.task.Name, "error", err)
	}
}

// journal says what happened. It is written with the next commit of this
// work: until then nothing happens that would need it.
func (r *run) journal(token, step string, start time.Time, outcome, cause, next string) {
	r.entries = append(r.entries, rota.JournalEntry{
		Secret: r.caller.Claim.Secret, Token: token, Claim: r.caller.Claim.Number, Attempt: r.task.Attempt + 1, Step: step,
		Started: start, Duration: r.now().Sub(start), Outcome: outcome, Cause: cause, Next: next,
	})
	r.Log.Info("rotation", "secret", r.task.Name, "version", token, "step", step, "outcome", outcome, "cause", cause, "next", next)
}
