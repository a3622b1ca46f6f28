package engine

import (
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// Functions that are not rota's know AWS's four steps and nothing else. What
// they did is judged by the labels, and what they may have done at the
// provider nobody here can know: so an attempt of theirs is never given up
// and its value never thrown away.

// staleDelay is the wait between the attempts of a function that has failed
// MaxAttempts times.
const staleDelay = time.Hour

// keepTrying plans the next attempt, whatever went wrong. AWSPENDING and its
// token stay, as AWS leaves them: the value may be the only one that the
// provider accepts by now. A person ends it, by taking AWSPENDING away, with a
// new value, or with CancelRotateSecret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html).
func (r *run) keepTrying(step rota.Step, err error, attempts int, asked time.Duration) (blame bool) {
	now := r.now()
	wait := delay(attempts, asked, r.Rand)
	advice := ""
	if attempts >= MaxAttempts {
		wait = max(wait, staleDelay)
		advice = ", and so on until the function works, or AWSPENDING is taken away"
	}
	at := now.Add(wait)
	r.journal(r.task.Token, string(step), now, rota.OutcomeFailed, err.Error(), fmt.Sprintf("attempt %d at %s%s", attempts+1, at.UTC().Format(time.RFC3339), advice))
	r.plan("plan the retry", func(s *store.Store) error { return s.Retry(r.keep, r.caller, at, step, err.Error()) })
	return rotation.Unreachable(err)
}

// resolveForeign ends an attempt that was cancelled, deleted, or whose
// AWSPENDING went away, by the labels alone.
func (r *run) resolveForeign(reason string) (blame bool) {
	if r.secret.VersionOf(rota.Current) == r.task.Token {
		r.plan("complete the rotation", func(s *store.Store) error { return s.Complete(r.keep, r.caller) })
		return false
	}
	r.journal(r.task.Token, string(rota.ResolveSecret), r.now(), rota.OutcomeNote, reason,
		"nothing: whether the provider has the new credential only the function "+rotation.FunctionName(r.secretFunction())+" knows")
	r.giveUp(reason)
	return false
}

// notOurs reports an ending that cannot be: the secret had one of rota's
// rotators when its credential was made, and has another function now.
func (r *run) notOurs(row rota.Credential, start time.Time) {
	why := "not ended by rota: the secret is rotated by the function " + rotation.FunctionName(r.secretFunction()) + " now, which cannot end credentials"
	r.journal(row.Version, string(rota.ExpireSecret), start, rota.OutcomeFailed, why, "nothing by itself: end it at the provider by hand")
	r.plan("report the ending", func(s *store.Store) error {
		row.State, row.Due, row.Evidence = rota.NotProven, time.Time{}, why
		return s.UpdateCredential(r.keep, r.caller, row)
	})
}
