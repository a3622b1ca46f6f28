package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	row, ok := find(r.rows, w.Credential)
	if !ok || !row.State.Open() || row.State == rota.Held || row.Due.IsZero() || row.Due.After(r.now()) {
		return false // decided otherwise since it was found due
	}
	start := r.now()
	r.task.Attempt = row.Attempts
	if r.foreign() {
		r.notOurs(row, start)
		return false
	}
	_, err := r.step(ctx, rota.ExpireSecret, row.Version, "nothing: the old credential is ended", true)
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
	asked, _ := rotation.AskedDelay(cause)
	again := now.Add(min(delay(row.Attempts+1, asked, r.Rand), maxEndingDelay))
	next := fmt.Sprintf("try %d at %s", row.Attempts+2, again.UTC().Format(time.RFC3339))
	over := !row.Deadline.IsZero() && now.After(row.Deadline)
	if over {
		next = "nothing by itself: end it by hand and see with rota expire --now"
	}
	r.journal(row.Version, string(rota.ExpireSecret), start, rota.OutcomeFailed, cause.Error(), next)
	r.plan("plan the ending", func(s *store.Store) error {
		rows, err := s.CredentialsOf(r.keep, r.caller.Claim.Secret)
		if err != nil {
			return err
		}
		planned, ok := find(rows, row.ID) // the handler may have begun: keep what it wrote
		if !ok {
			return nil
		}
		planned.Attempts++
		planned.Evidence, planned.Due = cause.Error(), again
		if over {
			planned.State, planned.Due = rota.NotProven, time.Time{}
		}
		return s.UpdateCredential(r.keep, r.caller, planned)
	})
	return rotation.Unreachable(cause)
}

func find(rows []rota.Credential, id string) (rota.Credential, bool) {
	i := slices.IndexFunc(rows, func(c rota.Credential) bool { return c.ID == id })
	if i < 0 {
		return rota.Credential{}, false
	}
	return rows[i], true
}
