package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Who is to blame decides whether the other secrets of a provider wait.
func TestWhatIsHeldAgainstTheProvider(t *testing.T) {
	down := errors.New("connection refused")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                            {nil, false},
		"it cannot be reached":               {down, true},
		"it does not answer in time":         {fmt.Errorf("try: %w", context.DeadlineExceeded), true},
		"it asks to wait":                    {rotation.RetryAfter(time.Minute, down), true},
		"a wait that did not fit":            {fmt.Errorf("try: %w", rotation.ErrNotYet), false},
		"a refused credential":               {fmt.Errorf("try: %w", rotation.ErrRefused), false},
		"a dead credential":                  {fmt.Errorf("try: %w", rotation.ErrDead), false},
		"another credential that is refused": {fmt.Errorf("set: %w", rotation.Denied(rotation.ErrDead)), false},
		"what the store says of the secret":  {fmt.Errorf("read: %w", &rota.Error{Code: rota.InvalidRequest}), false},
		"what no retry of this secret mends": {fmt.Errorf("plan: %w", rotation.Permanent(down)), false},
	} {
		if got := rotation.Unreachable(c.err); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestADeniedCredentialIsNoVerdictOnAnother(t *testing.T) {
	err := rotation.Denied(fmt.Errorf("log in as admin: %w", rotation.ErrDead))
	if errors.Is(err, rotation.ErrRefused) || !errors.Is(err, rotation.ErrDenied) {
		t.Errorf("%v must be an ErrDenied alone", err)
	}
	if want := "log in as admin: the credential is dead: the provider refuses the credential"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
