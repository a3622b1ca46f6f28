package server

import (
	"context"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

func (s *Server) replicateSecretToRegions(ctx context.Context, c rota.Caller, in *wire.ReplicateSecretToRegionsInput) (wire.Output, error) {
	out, err := s.Store.ReplicateSecretToRegions(ctx, c, store.ReplicateInput{
		SecretID: in.SecretId, Regions: regionsIn(in.AddReplicaRegions), Overwrite: deref(in.ForceOverwriteReplicaSecret),
	})
	return &wire.ReplicateSecretToRegionsOutput{ARN: out.ARN, ReplicationStatus: replicasOut(out.Replicas)}, err
}

func (s *Server) removeRegionsFromReplication(ctx context.Context, c rota.Caller, in *wire.RemoveRegionsFromReplicationInput) (wire.Output, error) {
	out, err := s.Store.RemoveRegionsFromReplication(ctx, c, in.SecretId, in.RemoveReplicaRegions)
	return &wire.RemoveRegionsFromReplicationOutput{ARN: out.ARN, ReplicationStatus: replicasOut(out.Replicas)}, err
}

func (s *Server) stopReplicationToReplica(ctx context.Context, c rota.Caller, in *wire.StopReplicationToReplicaInput) (wire.Output, error) {
	arn, err := s.Store.StopReplicationToReplica(ctx, c, in.SecretId)
	return &wire.StopReplicationToReplicaOutput{ARN: arn}, err
}

func regionsIn(regions []wire.ReplicaRegionType) (out []store.ReplicaRegion) {
	for _, r := range regions {
		out = append(out, store.ReplicaRegion{Region: r.Region, KMSKeyID: deref(keyIn(r.KmsKeyId))})
	}
	return out
}

// defaultKey is how AWS tells of a replica under its region's default key;
// of a secret it tells by leaving KmsKeyId out
// (https://docs.aws.amazon.com/cli/latest/reference/secretsmanager/replicate-secret-to-regions.html).
const defaultKey = "alias/aws/secretsmanager"

// keyIn is the KMS key of a request; the default key, by its name or the ARN of
// its name, is none.
func keyIn(id *string) *string {
	if id != nil && (*id == defaultKey || strings.HasSuffix(*id, ":"+defaultKey)) {
		return new(string)
	}
	return id
}

// replicasOut is absent for nil, and [] when nothing is left.
func replicasOut(list []rota.Replica) []wire.ReplicationStatusType {
	if list == nil {
		return nil
	}
	out := []wire.ReplicationStatusType{}
	for _, r := range list {
		key := r.KMSKeyID
		if key == "" {
			key = defaultKey
		}
		out = append(out, wire.ReplicationStatusType{
			Region: r.Region, KmsKeyId: key, Status: string(r.Status), StatusMessage: r.Message, LastAccessedDate: r.Accessed,
		})
	}
	return out
}
