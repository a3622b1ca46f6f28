package rotation

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrRefused is a clear no of the provider to a credential.
	ErrRefused = errors.New("the provider refuses the credential")
	// ErrDead is the exact answer that the rotator lists for a dead
	// credential. It is also an ErrRefused.
	ErrDead = fmt.Errorf("the credential is dead: %w", ErrRefused)
	// ErrNotYet is "come back later": a wait did not fit into the step. The
	// attempt ends without blame.
	ErrNotYet = errors.New("not yet")
)

// Permanent marks an error that no retry will mend: the pending value is
// refused for good, or the secret is not what the rotator needs. It ends the
// rotation.
func Permanent(err error) error { return &permanent{err} }

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

// RetryAfter marks an error with the time the provider asked to wait.
func RetryAfter(d time.Duration, err error) error { return &retryAfter{d, err} }

type retryAfter struct {
	after time.Duration
	err   error
}

func (r *retryAfter) Error() string { return r.err.Error() }
func (r *retryAfter) Unwrap() error { return r.err }

// AskedDelay returns the wait that the provider asked for.
func AskedDelay(err error) (time.Duration, bool) {
	var r *retryAfter
	if errors.As(err, &r) {
		return r.after, true
	}
	return 0, false
}
