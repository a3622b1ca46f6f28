package rotation

import (
	"context"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// proofBound is how long after its time an ending is tried for, besides the
// provider's own revocation lag; then it is reported as not proven.
const proofBound = 24 * time.Hour

// NotApplicable is the policy recorded where only one credential can live:
// the old one died when the new one was set, and is only proven.
const NotApplicable = "not applicable: one credential at a time"

// finish moves AWSCURRENT. The durable intent to end the old credential
// comes before: first the label, which keeps the old version from being
// purged and carries the time, then the timer, then the move. A retry that
// finds AWSCURRENT moved completes the timer.
func (j *job) finish(ctx context.Context) error {
	old := j.secret.VersionOf(rota.Current)
	if old == j.req.Token {
		return j.completeFinish(ctx)
	}
	if j.req.Pending.IsZero() {
		return fmt.Errorf("AWSPENDING of secret %s is empty: createSecret did not finish", j.secret.Name)
	}
	next, err := j.rotator.Identify(j.req, j.req.Pending)
	if err != nil {
		return err
	}
	// A first attempt whose answer came late may have left a credential.
	if err := j.sweep(ctx, j.req, next.ID, "made by an attempt that did not finish"); err != nil {
		return err
	}
	overwritten := j.sameAs(ctx, j.req.Pending)
	return j.together(ctx, func() error {
		if err := j.planEnding(ctx, old, j.req.Current, next); err != nil {
			return err
		}
		for _, other := range overwritten {
			at, ends := j.ending(other.version)
			waits := ends && (at.IsZero() || at.After(j.Now())) // sooner, never later
			if waits && other.version != old && !other.same {
				if err := j.schedule(ctx, other.version, other.value, j.Now(), "overwritten by version "+j.req.Token); err != nil {
					return err
				}
			}
		}
		if err := j.planLeftovers(ctx, next); err != nil {
			return err
		}
		if err := j.recordPending(ctx, "tested"); err != nil {
			return err
		}
		if err := j.home.Secrets.UpdateVersionStage(ctx, j.arn, rota.Current, old, j.req.Token); err != nil {
			return fmt.Errorf("move AWSCURRENT: %w", err)
		}
		return nil
	})
}

// planEnding writes the intent to end the credential that next replaces.
func (j *job) planEnding(ctx context.Context, old string, value rota.Value, next Identity) error {
	id, err := j.rotator.Identify(j.at(old), value)
	if err != nil {
		return err
	}
	if id.SameCredential(next) {
		j.note("the new version holds the same credential: nothing ends")
		return nil
	}
	policy, at := j.policy.String(), j.policy.End(j.Now())
	if j.plan.Capacity == 1 || id.SamePlace(next) {
		policy, at = NotApplicable, j.Now()
	}
	return j.schedule(ctx, old, value, at, policy)
}

// schedule puts the label, then makes the timer.
func (j *job) schedule(ctx context.Context, version string, value rota.Value, at time.Time, policy string) error {
	label := j.endsLabel(version, at)
	if err := j.mark(ctx, version, label); err != nil {
		return err
	}
	return j.timer(ctx, version, value, label, policy)
}

// endsLabel is the label of an ending. It holds only the beginning of the
// version id: where another version has the same one, it is a second later.
func (j *job) endsLabel(version string, at time.Time) rota.Label {
	for {
		label := rota.EndsLabel(version, at)
		has := j.secret.VersionOf(label)
		if has == "" || has == version || at.IsZero() {
			return label
		}
		at = at.Add(time.Second)
	}
}

func (j *job) timer(ctx context.Context, version string, value rota.Value, label, policy string) error {
	id, err := j.rotator.Identify(j.at(version), value)
	if err != nil {
		return err
	}
	c := j.row(version, id, rota.Superseded)
	c.Policy = policy
	if at, _ := rota.ParseEndsLabel(label); !at.IsZero() {
		c.NotBefore, c.Due, c.Deadline = at, at, at.Add(j.plan.RevocationLag+proofBound)
	}
	if err := j.home.Timer.Schedule(ctx, c, id.Secret); err != nil {
		return fmt.Errorf("schedule the ending of version %s: %w", version, err)
	}
	return nil
}

// completeFinish makes sure that the intent is whole after AWSCURRENT moved.
// Our own finish wrote it before the move. Where a person moved the label,
// the old credential is still live in the ledger, or unknown and without a
// label while AWSPENDING shows that the rotation runs; its ending is planned
// now.
func (j *job) completeFinish(ctx context.Context) error {
	old := j.secret.VersionOf(rota.Previous)
	if old == "" || j.req.Previous.IsZero() {
		return nil
	}
	id, err := j.rotator.Identify(j.at(old), j.req.Previous)
	if err != nil {
		return err
	}
	row, known, err := j.known(ctx, old, id)
	if err != nil {
		return err
	}
	at, labelled := j.ending(old)
	if !known && labelled && !at.IsZero() {
		// Without a ledger nothing shows that the timer was made.
		return j.timer(ctx, old, j.req.Previous, rota.EndsLabel(old, at), "as its label says")
	}
	// At the next rotation is what the label of a version says, in a home
	// without a ledger, until its end is planned.
	planned := labelled && (!at.IsZero() || j.policy.Kind == NextRotation)
	unplanned := !planned && j.secret.VersionOf(rota.Pending) == j.req.Token
	if known {
		unplanned = row.State == rota.Live
	}
	if !unplanned {
		return nil
	}
	return j.planEnding(ctx, old, j.req.Previous, j.plan.Identity)
}
