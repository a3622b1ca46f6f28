package rotation

import (
	"context"
	"errors"
	"slices"

	"github.com/rotahq/rota"
)

// give makes the provider accept req.Pending. Where it does not, the password
// may be the one of an attempt that a person gave up: it had been set, or its
// request arrived late. AWSCURRENT is dead then, and only the ledger leads to the
// version whose value logs in.
func (j *job) give(ctx context.Context, c Chooser, req Request) error {
	err := c.Set(ctx, req)
	if err == nil || j.plan.Capacity != 1 {
		return err
	}
	if t := j.rotator.Try(ctx, j.req, req.Current); !errors.Is(t, ErrRefused) {
		return err // it is away, or refuses for another reason
	}
	version, left := j.inForce(ctx)
	if left.IsZero() {
		return err
	}
	j.note("the provider has the value of version %s, of an attempt that was given up", version)
	req.Current = left
	return c.Set(ctx, req)
}

// mostTried bounds how many values are tried that are most likely dead:
// a provider may lock an account that refused many.
const mostTried = 4

// inForce finds a value of the same principal that the provider accepts and
// that has no part in the rotation. What cannot be read is none.
func (j *job) inForce(ctx context.Context) (version string, v rota.Value) {
	tried := 0
	for _, version := range j.besides(ctx) {
		v, err := j.optional(ctx, version, "")
		if err != nil || v.IsZero() {
			continue
		}
		id, err := j.rotator.Identify(j.at(version), v)
		if err != nil || !id.SamePlace(j.plan.Identity) {
			continue
		}
		if j.rotator.Try(ctx, j.at(version), v) == nil {
			return version, v
		}
		if tried++; tried == mostTried {
			break
		}
	}
	return "", rota.Value{}
}

// besides lists the versions that the ledger knows and that are in no rotation,
// what changed last first: also what is proven dead may have been set again.
func (j *job) besides(ctx context.Context) (versions []string) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return nil
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b rota.Credential) int { return b.Changed.Compare(a.Changed) })
	for _, c := range rows {
		if !j.inRotation(c.Version) && !slices.Contains(versions, c.Version) {
			versions = append(versions, c.Version)
		}
	}
	return versions
}
