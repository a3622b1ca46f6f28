package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// set makes the provider accept AWSPENDING. It tries it first: a retry that
// finds its work done changes nothing. Where any value is accepted, for this
// principal or for all, that tells nothing, and it is set.
func (j *job) set(ctx context.Context) error {
	if j.req.Pending.IsZero() {
		return fmt.Errorf("AWSPENDING of secret %s is empty: createSecret did not finish", j.secret.Name)
	}
	c, ok := j.rotator.(Chooser)
	if !ok {
		return nil // minted: the provider accepts it since it exists
	}
	err := j.rotator.Try(ctx, j.req, j.req.Pending)
	done := err == nil
	if done {
		if done, err = j.refusesRandom(ctx, j.req.Pending); err != nil {
			return err
		}
	}
	switch {
	case done:
		j.note("the provider accepts the new value already")
	case err == nil || errors.Is(err, ErrRefused):
		if err := j.noteCut(ctx); err != nil {
			return err
		}
		if err := j.give(ctx, c, j.req); err != nil {
			return fmt.Errorf("set the new value: %w", err)
		}
	default:
		return fmt.Errorf("try the new value: %w", err)
	}
	return j.recordPending(ctx, "set")
}

// noteCut says which open overlap setting this value cuts short: that of
// another version with the same principal. A version whose time has come has
// none: a value that was given up, perhaps before the provider heard of it.
func (j *job) noteCut(ctx context.Context) error {
	for _, other := range j.sameAs(ctx, j.req.Pending) {
		at, ends := j.ending(other.version)
		over := !at.IsZero() && at.Before(j.req.Now.Add(time.Second)) // labels have whole seconds
		if !ends || over || other.version == j.secret.VersionOf(rota.Current) {
			continue
		}
		j.note("this cuts the overlap of version %s short: it is the same principal", other.version)
	}
	return nil
}

type sameVersion struct {
	version string
	value   rota.Value
	same    bool // the very same credential, not only its principal
}

// sameAs finds the labelled versions whose value has the place of v. A
// version that cannot be read or understood is none.
func (j *job) sameAs(ctx context.Context, v rota.Value) []sameVersion {
	id, err := j.rotator.Identify(j.req, v)
	if err != nil {
		return nil
	}
	var out []sameVersion
	for _, version := range j.labelled() {
		if version == j.req.Token {
			continue
		}
		value, err := j.optional(ctx, version, "")
		if err != nil || value.IsZero() {
			continue
		}
		other, err := j.rotator.Identify(j.at(version), value)
		if err == nil && other.SamePlace(id) {
			out = append(out, sameVersion{version, value, other.SameCredential(id)})
		}
	}
	return out
}
