package storetest

import (
	"context"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// API is the operations of AWS's that the vectors ask for. A *store.Store is
// one; another may bring the same requests to a store by a protocol.
type API interface {
	CreateSecret(ctx context.Context, c rota.Caller, in store.CreateSecretInput) (store.CreateSecretOutput, error)
	PutSecretValue(ctx context.Context, c rota.Caller, in store.PutSecretValueInput) (store.PutSecretValueOutput, error)
	GetSecretValue(ctx context.Context, c rota.Caller, in store.GetSecretValueInput) (store.GetSecretValueOutput, error)
	BatchGetSecretValue(ctx context.Context, c rota.Caller, in store.BatchGetSecretValueInput) (store.BatchGetSecretValueOutput, error)
	UpdateSecret(ctx context.Context, c rota.Caller, in store.UpdateSecretInput) (store.UpdateSecretOutput, error)
	UpdateSecretVersionStage(ctx context.Context, c rota.Caller, in store.UpdateSecretVersionStageInput) (store.UpdateSecretVersionStageOutput, error)
	DescribeSecret(ctx context.Context, c rota.Caller, in store.DescribeSecretInput) (rota.Secret, error)
	ListSecretVersionIds(ctx context.Context, c rota.Caller, in store.ListSecretVersionIDsInput) (store.ListSecretVersionIDsOutput, error) //nolint:revive // AWS's name
	ListSecrets(ctx context.Context, c rota.Caller, in store.ListSecretsInput) (store.ListSecretsOutput, error)
	DeleteSecret(ctx context.Context, c rota.Caller, in store.DeleteSecretInput) (store.DeleteSecretOutput, error)
	RestoreSecret(ctx context.Context, c rota.Caller, secretID string) (store.RestoreSecretOutput, error)
	TagResource(ctx context.Context, c rota.Caller, secretID string, tags []rota.Tag) error
	UntagResource(ctx context.Context, c rota.Caller, secretID string, keys []string) error
	RotateSecret(ctx context.Context, c rota.Caller, in store.RotateSecretInput) (store.RotateSecretOutput, error)
	CancelRotateSecret(ctx context.Context, c rota.Caller, secretID string) (store.CancelRotateSecretOutput, error)
	GetRandomPassword(ctx context.Context, c rota.Caller, in store.GetRandomPasswordInput) (rota.Value, error)
	ReplicateSecretToRegions(ctx context.Context, c rota.Caller, in store.ReplicateInput) (store.ReplicationOutput, error)
	RemoveRegionsFromReplication(ctx context.Context, c rota.Caller, secretID string, regions []string) (store.ReplicationOutput, error)
	StopReplicationToReplica(ctx context.Context, c rota.Caller, secretID string) (arn string, err error)
	GetResourcePolicy(ctx context.Context, c rota.Caller, secretID string) (store.ResourcePolicyOutput, error)
	PutResourcePolicy(ctx context.Context, c rota.Caller, in store.PutResourcePolicyInput) (store.ResourcePolicyOutput, error)
	DeleteResourcePolicy(ctx context.Context, c rota.Caller, secretID string) (store.ResourcePolicyOutput, error)
	ValidateResourcePolicy(ctx context.Context, c rota.Caller, secretID, document string) ([]store.PolicyFinding, error)
}

// Sender is an API that can send what the inputs of the store cannot say. An
// answer with success is no use to who asks so.
type Sender interface {
	Send(ctx context.Context, c rota.Caller, operation string, members map[string]any) error
}

var _ API = (*store.Store)(nil)

// Vectors runs the recorded behaviour of AWS by a protocol: what api returns
// is asked, for the request and for the state that it leaves. Where the service model itself
// forbids a request, a vector has its own answer for that.
func Vectors(t *testing.T, open Open, api func(*World) API) {
	vectors(t, func(t *testing.T) *asker {
		w := NewWorld(t, open)
		return &asker{World: w, API: api(w), byWire: true}
	})
}
