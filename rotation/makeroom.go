package rotation

import (
	"context"
	"fmt"
	"slices"

	"github.com/rotahq/rota"
)

// endNext ends what waits for the next rotation. A failure is reported, and
// blocks only if the slot is needed.
func (j *job) endNext(ctx context.Context) error {
	for _, version := range j.labelled() {
		if at, ok := j.ending(version); !ok || !at.IsZero() || j.inRotation(version) {
			continue
		}
		proof, err := j.expireVersion(ctx, version, true)
		if err == nil {
			j.note("version %s: %s", version, proof)
			continue
		}
		if j.plan.Capacity > 0 && len(j.secret.Stages) > j.plan.Capacity {
			return j.noRoom(err)
		}
		j.note("version %s did not end: %v", version, err)
	}
	return nil
}

func (j *job) noRoom(err error) error {
	return fmt.Errorf("the provider allows %d credentials and the old one did not end: %w", j.plan.Capacity, err)
}

// makeRoom ends old credentials before another is minted, where the provider
// would otherwise have more at once than it allows: the current one and the
// next one need a place each. A scheduled rotation does not come here while
// an overlap is open; one that was asked for cuts it short, and says which.
// First go those that nobody planned an end for, then those that end soonest.
func (j *job) makeRoom(ctx context.Context) error {
	if _, mints := j.rotator.(Minter); !mints || j.plan.Capacity < 2 {
		return nil
	}
	alive, err := j.aliveBesides(ctx)
	if err != nil {
		return err
	}
	for len(alive) > j.plan.Capacity-2 {
		c := alive[0]
		alive = alive[1:]
		if c.State == rota.Live {
			if err := j.planLeftover(ctx, c); err != nil {
				return err
			}
		}
		proof, err := j.expireVersion(ctx, c.Version, true)
		if err != nil {
			return j.noRoom(err)
		}
		j.note("this cuts the overlap of version %s short, since the provider allows %d credentials at once: %s", c.Version, j.plan.Capacity, proof)
	}
	return nil
}

// aliveBesides lists the credentials of the ledger that live beside the
// current one, in the order in which they may go.
func (j *job) aliveBesides(ctx context.Context) ([]rota.Credential, error) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return nil, err
	}
	now := j.plan.Identity
	rows = slices.DeleteFunc(slices.Clone(rows), func(c rota.Credential) bool {
		alive := c.State == rota.Live || c.State.Open()
		current := c.ProviderID == now.ID && c.Principal == now.Principal
		return !alive || current || c.Provider != now.Provider || c.ProviderID == "" || c.Version == j.req.Token
	})
	slices.SortStableFunc(rows, func(a, b rota.Credential) int {
		if planned := rank(a) - rank(b); planned != 0 {
			return planned
		}
		return a.NotBefore.Compare(b.NotBefore)
	})
	return rows, nil
}

// rank puts what a person holds behind what has a time, and that behind what
// has none.
func rank(c rota.Credential) int {
	switch c.State {
	case rota.Live:
		return 0
	case rota.Held:
		return 2
	}
	return 1
}

// planLeftovers plans the ends of credentials that are alive and that nobody
// means to end: a person wrote a new value, or moved AWSCURRENT away from
// them. Until now they could be moved back to.
func (j *job) planLeftovers(ctx context.Context, next Identity) error {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c.State != rota.Live || j.inRotation(c.Version) || c.Metadata[listedAs] != "" {
			continue
		}
		value, err := j.optional(ctx, c.Version, "")
		if err != nil {
			return err
		}
		if value.IsZero() {
			if err := j.planLost(ctx, c); err != nil {
				return err
			}
			continue
		}
		if err := j.planEnding(ctx, c.Version, value, next); err != nil {
			return err
		}
	}
	return nil
}

// planLeftover plans the end of one of them for now.
func (j *job) planLeftover(ctx context.Context, c rota.Credential) error {
	value, err := j.optional(ctx, c.Version, "")
	if err != nil {
		return err
	}
	if value.IsZero() {
		return j.planLost(ctx, c)
	}
	return j.together(ctx, func() error { return j.schedule(ctx, c.Version, value, j.Now(), "needs its place") })
}

// planLost plans the end, for now, of a credential whose version is gone: no
// label can say it, only the ledger.
func (j *job) planLost(ctx context.Context, c rota.Credential) error {
	at := j.Now()
	c.Policy, c.NotBefore, c.Due, c.Deadline = "its version is gone", at, at, at.Add(j.plan.RevocationLag+proofBound)
	if err := j.home.Timer.Schedule(ctx, c, rota.Value{}); err != nil {
		return fmt.Errorf("schedule the ending of version %s: %w", c.Version, err)
	}
	return nil
}
