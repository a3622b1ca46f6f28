package rotation

import (
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

var (
	// ErrRefused is a clear no of the provider to a credential.
	ErrRefused = errors.New("the provider refuses the credential")
	// ErrDead is the exact answer that the rotator lists for a dead
	// credential. It is also an ErrRefused.
	ErrDead = fmt.Errorf("the credential is dead: %w", ErrRefused)
	// ErrDenied is a clear no of the provider that is no verdict on the
	// credential in question: another credential was refused, or what was
	// asked of the provider. It can be reached, and others are served.
	ErrDenied = errors.New("the provider says no")
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

// Denied makes an ErrDenied of an error, of which only the text is kept: what
// was a refusal of one credential must not be taken for that of another.
func Denied(err error) error { return denied(err.Error()) }

type denied string

func (d denied) Error() string        { return string(d) }
func (d denied) Is(target error) bool { return target == ErrDenied }

// Unreachable reports whether err is the fault of the provider as a whole: it
// did not answer, not in time, with too much load or with nothing that could
// be understood. Whoever calls it next meets the same. A clear no is not, nor
// what is wrong with one secret alone, such as an error of the store.
func Unreachable(err error) bool {
	var own *rota.Error
	if errors.As(err, &own) {
		return false
	}
	return err != nil && !IsPermanent(err) && !errors.Is(err, ErrNotYet) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrDenied)
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
