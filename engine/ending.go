package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// maxEndingDelay is the longest wait between two tries of one ending: with
// it an ending that can be proven is proven within that time.
const maxEndingDelay = 15 * time.Minute

// end sends expireSecret for one version and keeps what it found. Neither
// early nor late: the due time comes from the ledger, and what cannot be
// proven is tried again until the deadline of its row.
func (r *run) end(ctx context.Context, w store.Work) (blame bool) {
	row, ok, err := r.credential(w.Credential)
	if err != nil {
		r.Log.Error("read the ledger", "secret", r.task.Name, "error", err)
		return false
	}
	if !ok || !row.State.Open() || row.State == rota.Held || row.Due.IsZero() || row.Due.After(r.now()) {
		return false // decided otherwise since it was found due
	}
	if r.task.ARN == "" {
		r.task.ARN = row.SecretARN
	}
	if s, err := r.Store.DescribeSecret(r.keep, r.caller, store.DescribeSecretInput{SecretID: row.SecretARN}); err == nil {
		r.secret = s
	}
	start := r.now()
	r.task.Attempt = row.Attempts
	_, err = r.step(ctx, rota.ExpireSecret, row.Version, "nothing: the old credential is ended")
	if err == nil {
		return false
	}
	if ctx.Err() != nil || errors.Is(err, rota.ClaimLost) {
		return false // still due: the next start goes on
	}
	return r.endLater(row, start, err)
}

// endLater plans the next try, or gives up at the deadline and says what was
// seen.
func (r *run) endLater(row rota.Credential, start time.Time, cause error) (blame bool) {
	now := r.now()
	// The handler may have begun: keep what it wrote.
	if fresh, ok, err := r.credential(row.ID); err == nil && ok {
		row = fresh
	}
	row.Attempts++
	row.Evidence = cause.Error()
	next := ""
	if !row.Deadline.IsZero() && now.After(row.Deadline) {
		row.State, row.Due = rota.NotProven, time.Time{}
		next = "nothing by itself: end it by hand and see with rota expire --now"
	} else {
		asked, _ := rotation.AskedDelay(cause)
		row.Due = now.Add(min(delay(row.Attempts, asked, r.Rand), maxEndingDelay))
		next = fmt.Sprintf("try %d at %s", row.Attempts+1, row.Due.UTC().Format(time.RFC3339))
	}
	r.journal(row.Version, string(rota.ExpireSecret), start, rota.OutcomeFailed, cause.Error(), next)
	if err := r.Store.UpdateCredential(r.keep, r.caller, row); err != nil {
		r.Log.Error("plan the ending", "secret", r.task.Name, "error", err)
	}
	return !errors.Is(cause, rotation.ErrNotYet)
}

func (r *run) credential(id string) (rota.Credential, bool, error) {
	rows, err := r.Store.CredentialsOf(r.keep, r.claim.Secret)
	if err != nil {
		return rota.Credential{}, false, err
	}
	for _, c := range rows {
		if c.ID == id {
			return c, true, nil
		}
	}
	return rota.Credential{}, false, nil
}
