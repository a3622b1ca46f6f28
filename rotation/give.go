package rotation

import (
	"context"

	"github.com/rotahq/rota"
)

// give makes the provider accept req.Pending. Where it does not, although it
// answers, the password may be the one of an attempt that a person gave up
// after it had been set: no label leads to its value any more, and only the
// ledger knows the version.
func (j *job) give(ctx context.Context, c Chooser, req Request) error {
	err := c.Set(ctx, req)
	if err == nil || j.plan.Capacity != 1 {
		return err
	}
	version, left := j.inForce(ctx)
	if left.IsZero() {
		return err
	}
	j.note("the provider has the value of version %s, of an attempt that was given up", version)
	req.Current = left
	return c.Set(ctx, req)
}

// inForce finds a value without a label that the provider accepts, among those
// of the same principal that the ledger does not know to be dead. What cannot
// be read or tried is none.
func (j *job) inForce(ctx context.Context) (version string, v rota.Value) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return "", v
	}
	for _, c := range rows {
		if alive := c.State.Open() || c.State == rota.Intended || c.State == rota.Live; !alive || j.inRotation(c.Version) {
			continue
		}
		v, err := j.optional(ctx, c.Version, "")
		if err != nil || v.IsZero() {
			continue
		}
		id, err := j.rotator.Identify(j.at(c.Version), v)
		if err == nil && id.SamePlace(j.plan.Identity) && j.rotator.Try(ctx, j.at(c.Version), v) == nil {
			return c.Version, v
		}
	}
	return "", rota.Value{}
}
