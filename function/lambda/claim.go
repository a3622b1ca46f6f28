package lambda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// working is the label of the version that setSecret or expireSecret works on.
// Secrets Manager moves a label only for who names the version that has it, so
// of two that want it one is refused: without that, an ending that began
// before a rotation could make the very value useless that the rotation has
// just set.
const working rota.Label = "rota-working"

// abandonedAfter is when a claim is void: whoever holds the label changed the
// secret when it began, and no invocation lives that long.
const abandonedAfter = longestInvocation + 5*time.Minute

// claim is the right to change the provider's side of one secret.
type claim struct {
	*secrets
	version string
	now     func() time.Time
	pause   func(context.Context, time.Duration) error
}

const (
	claimPoll  = 2 * time.Second
	claimGrace = 15 * time.Second // of the step's own time, which waiting leaves alone
)

// take takes the claim. wait says whether to wait for another to finish, as
// long as the step's deadline allows; ErrNotYet is that somebody else works.
// A version that is gone needs no claim. What take changed, release undoes.
func (c *claim) take(ctx context.Context, wait bool) (release func(context.Context) error, err error) {
	for {
		s, err := c.Describe(ctx, c.id)
		if err != nil {
			return nil, err
		}
		if s.Stages[c.version] == nil {
			return func(context.Context) error { return nil }, nil
		}
		// The version that a rotation makes is only ever worked on by that
		// rotation's own attempts, one at a time.
		holder := s.VersionOf(working)
		if holder == "" || wait && holder == c.version || c.now().Sub(s.Changed) > abandonedAfter {
			err := c.UpdateVersionStage(ctx, s.ARN(), working, holder, c.version)
			switch {
			case err == nil:
				return func(ctx context.Context) error {
					return c.UpdateVersionStage(ctx, s.ARN(), working, c.version, "")
				}, nil
			case !errors.Is(err, rota.InvalidParameter): // which is that somebody was faster
				return nil, fmt.Errorf("take the label %s: %w", working, err)
			}
		}
		if deadline, ok := ctx.Deadline(); !wait || ok && time.Until(deadline) < claimPoll+claimGrace {
			return nil, fmt.Errorf("another step works on secret %s: %w", s.Name, rotation.ErrNotYet)
		}
		if err := c.pause(ctx, claimPoll); err != nil {
			return nil, err
		}
	}
}

// contested reports whether an expireSecret may be at work on another version
// while the given one is set.
func contested(s rota.Secret, version string) bool {
	for v, labels := range s.Stages {
		if v == version {
			continue
		}
		for _, l := range labels {
			if at, ends := rota.ParseEndsLabel(l); l == working || ends && !at.IsZero() {
				return true
			}
		}
	}
	return false
}
