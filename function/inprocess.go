package function

import (
	"context"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// InProcess invokes rota's own handler with a store handle that is bound to
// the claim of the call.
type InProcess struct {
	Handler *rotation.Handler
	Store   *store.Store
}

var _ Invoker = InProcess{}

// Invoke runs one step. A panic of a rotator is an error of that step, not
// the end of the process; its text is left out, since it could hold a value.
func (p InProcess) Invoke(ctx context.Context, c Call) (res rotation.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the rotator panicked during %s (%T)", c.Event.Step, v)
		}
	}()
	return p.Handler.Handle(ctx, home(p.Store, c.Caller), c.Event)
}

// home is the store as the handler sees it.
func home(s *store.Store, c rota.Caller) rotation.Home {
	h := part(s, c)
	h.Reads = func(ctx context.Context, f func(rotation.Home) error) error {
		return s.View(ctx, "read the secret", func(s *store.Store) error { return f(part(s, c)) })
	}
	h.Writes = func(ctx context.Context, f func(rotation.Home) error) error {
		return s.Update(ctx, "write the secret", func(s *store.Store) error { return f(part(s, c)) })
	}
	return h
}

func part(s *store.Store, c rota.Caller) rotation.Home {
	b := bound{s, c}
	return rotation.Home{Secrets: b, Timer: b, Ledger: b}
}

// bound is the store as one call sees it.
type bound struct {
	store  *store.Store
	caller rota.Caller
}

// Describe returns the secret.
func (b bound) Describe(ctx context.Context, id string) (rota.Secret, error) {
	return b.store.DescribeSecret(ctx, b.caller, store.DescribeSecretInput{SecretID: id})
}

// Get returns a value.
func (b bound) Get(ctx context.Context, id, version, label string) (rota.Value, error) {
	out, err := b.store.GetSecretValue(ctx, b.caller, store.GetSecretValueInput{SecretID: id, VersionID: version, VersionStage: label})
	return out.Value, err
}

// Put stores the pending value.
func (b bound) Put(ctx context.Context, id, token string, v rota.Value, rotationToken string) error {
	_, err := b.store.PutSecretValue(ctx, b.caller, store.PutSecretValueInput{
		SecretID: id, ClientRequestToken: token, Value: v, VersionStages: []string{rota.Pending}, RotationToken: rotationToken,
	})
	return err
}

// UpdateVersionStage moves a label.
func (b bound) UpdateVersionStage(ctx context.Context, id, label, removeFrom, moveTo string) error {
	_, err := b.store.UpdateSecretVersionStage(ctx, b.caller, store.UpdateSecretVersionStageInput{
		SecretID: id, VersionStage: label, RemoveFromVersionID: removeFrom, MoveToVersionID: moveTo,
	})
	return err
}

// Schedule makes the timer: the ledger row itself, which the engine finds
// when it is due.
func (b bound) Schedule(ctx context.Context, c rota.Credential, secret rota.Value) error {
	return b.store.ScheduleEnding(ctx, b.caller, c, secret)
}

// Record writes a ledger row.
func (b bound) Record(ctx context.Context, c rota.Credential, secret rota.Value) error {
	return b.store.RecordCredential(ctx, b.caller, c, secret)
}

// Credentials lists the ledger rows of a secret.
func (b bound) Credentials(ctx context.Context, arn string) ([]rota.Credential, error) {
	return b.store.Credentials(ctx, b.caller, arn)
}

// ProviderCheck says whether the provider refuses random values.
func (b bound) ProviderCheck(ctx context.Context, address string) (checks, known bool, err error) {
	return b.store.ProviderCheck(ctx, address)
}

// SaveProviderCheck keeps it.
func (b bound) SaveProviderCheck(ctx context.Context, address string, checks bool) error {
	return b.store.SaveProviderCheck(ctx, address, checks)
}
