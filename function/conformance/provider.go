package conformance

import (
	"context"

	"github.com/rotahq/rota"
)

// Verdict is what the provider says of a value.
type Verdict int

// The verdicts. Unknown is anything that is neither: the provider cannot be
// reached, or answers something else.
const (
	Unknown Verdict = iota
	Accepted
	Refused
)

// Provider is what only the provider of the credentials knows. A nil member
// is not known: the rules that need it are then reported as not checked.
type Provider struct {
	// Accepts tries the credential in a value once, and changes nothing.
	Accepts func(ctx context.Context, v rota.Value) (Verdict, error)

	// List names the credentials that live now, each by an id that may be
	// shown. What other than the function makes must not be among them, or not
	// change while the kit runs.
	List func(ctx context.Context) ([]string, error)

	// Slow makes the provider refuse credentials that are made or set from now
	// on, and with false accept them again.
	Slow func(ctx context.Context, on bool) error

	// Reset readies the provider for a case and returns the value that it
	// accepts then, which becomes the secret's first. nil: each case begins
	// with the value that the case before it ended with.
	Reset func(ctx context.Context) (rota.Value, error)
}

// has reports whether a need is met.
func (p Provider) has(n Need) bool {
	switch n {
	case NeedAccepts:
		return p.Accepts != nil
	case NeedList:
		return p.List != nil
	case NeedSlow:
		return p.Slow != nil && p.Accepts != nil
	}
	return true
}
