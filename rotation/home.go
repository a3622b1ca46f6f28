package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/rotahq/rota"
)

// Secrets is what a rotation function may do with a secret. The AWS SDK's
// client and the in-process store both satisfy it through a thin adapter.
type Secrets interface {
	// Describe returns the secret with its labels, tags and rotation.
	Describe(ctx context.Context, secretID string) (rota.Secret, error)
	// Get returns a value by version id, label, or both. No such value is
	// rota.NotFound.
	Get(ctx context.Context, secretID, version, label string) (rota.Value, error)
	// Put stores the value under AWSPENDING. The same token with the same
	// value again is success, with another value rota.Exists.
	Put(ctx context.Context, secretID, token string, v rota.Value, rotationToken string) error
	// UpdateVersionStage attaches, moves or removes a label as AWS's
	// operation of that name does; "" leaves a side out.
	UpdateVersionStage(ctx context.Context, secretID, label, removeFrom, moveTo string) error
}

// Timer calls the function again with an ExpireSecret event.
type Timer interface {
	// Schedule makes or moves the one timer of the credential's version.
	// NotBefore zero means at the next rotation: no timer, only the record.
	// It is called before AWSCURRENT moves, and ExpireSecret of a version
	// that is AWSCURRENT does nothing: a timer that could fire while the step
	// that made it still runs must wait for that step's end.
	Schedule(ctx context.Context, c rota.Credential, secret rota.Value) error
}

// Ledger records credentials. A home without one, such as a function on AWS,
// uses NoLedger: everything stays correct by labels, and less is known.
type Ledger interface {
	// Record makes or updates the row of the credential; secret is its secret
	// part, for the fingerprint.
	Record(ctx context.Context, c rota.Credential, secret rota.Value) error
	// Credentials lists all rows of a secret.
	Credentials(ctx context.Context, secretARN string) ([]rota.Credential, error)
	// ProviderCheck says whether the provider at the address refuses random
	// values, if that is known.
	ProviderCheck(ctx context.Context, address string) (checks, known bool, err error)
	// SaveProviderCheck keeps it.
	SaveProviderCheck(ctx context.Context, address string, checks bool) error
}

// Home is where a secret lives, for one invocation.
type Home struct {
	Secrets Secrets
	Timer   Timer
	Ledger  Ledger

	// Reads runs f with a home whose reads are all of one state, and Writes
	// with one whose writes are one commit. Both only save time: nil is a
	// home where each call stands by itself, and a crash between two of them
	// is mended by the retry. f may be run again.
	Reads, Writes func(ctx context.Context, f func(Home) error) error
}

func (h Home) reads(ctx context.Context, f func(Home) error) error {
	if h.Reads == nil {
		return f(h)
	}
	return h.Reads(ctx, f)
}

// NoLedger is the ledger of a home that has none.
type NoLedger struct{}

// Record does nothing.
func (NoLedger) Record(context.Context, rota.Credential, rota.Value) error { return nil }

// Credentials knows none.
func (NoLedger) Credentials(context.Context, string) ([]rota.Credential, error) { return nil, nil }

// ProviderCheck knows nothing.
func (NoLedger) ProviderCheck(context.Context, string) (bool, bool, error) {
	return false, false, nil
}

// SaveProviderCheck does nothing.
func (NoLedger) SaveProviderCheck(context.Context, string, bool) error { return nil }

// CredentialName is the name that rota gives a credential at its provider: a
// hash, so that a retry finds what an earlier attempt made, in an alphabet
// that every provider takes.
func CredentialName(secretARN, token string) string {
	sum := sha256.Sum256([]byte(secretARN + "\n" + token))
	return "rota-" + hex.EncodeToString(sum[:])[:32]
}
