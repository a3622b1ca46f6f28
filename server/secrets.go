package server

import (
	"context"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// awsOperations maps each operation between the wire and the store.
func (s *Server) awsOperations() map[string]operation {
	return map[string]operation{
		"CreateSecret":             on((*Server).createSecret),
		"PutSecretValue":           on((*Server).putSecretValue),
		"GetSecretValue":           reads(on((*Server).getSecretValue)),
		"BatchGetSecretValue":      reads(on((*Server).batchGetSecretValue)),
		"UpdateSecret":             on((*Server).updateSecret),
		"UpdateSecretVersionStage": on((*Server).updateSecretVersionStage),
		"DescribeSecret":           reads(on((*Server).describeSecret)),
		"ListSecrets":              reads(on((*Server).listSecrets)),
		"ListSecretVersionIds":     reads(on((*Server).listSecretVersionIDs)),
		"DeleteSecret":             on((*Server).deleteSecret),
		"RestoreSecret":            on((*Server).restoreSecret),
		"TagResource":              on((*Server).tagResource),
		"UntagResource":            on((*Server).untagResource),
		"RotateSecret":             on((*Server).rotateSecret),
		"CancelRotateSecret":       on((*Server).cancelRotateSecret),
		"GetRandomPassword":        reads(on((*Server).getRandomPassword)),

		"GetResourcePolicy":      reads(on((*Server).getResourcePolicy)),
		"PutResourcePolicy":      on((*Server).putResourcePolicy),
		"DeleteResourcePolicy":   on((*Server).deleteResourcePolicy),
		"ValidateResourcePolicy": reads(on((*Server).validateResourcePolicy)),

		"ReplicateSecretToRegions":     on((*Server).replicateSecretToRegions),
		"RemoveRegionsFromReplication": on((*Server).removeRegionsFromReplication),
		"StopReplicationToReplica":     on((*Server).stopReplicationToReplica),
	}
}

func (s *Server) createSecret(ctx context.Context, c rota.Caller, in *wire.CreateSecretInput) (wire.Output, error) {
	v, err := oneValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.CreateSecret(ctx, c, store.CreateSecretInput{
		Name: in.Name, ClientRequestToken: in.ClientRequestToken, Value: v, Description: deref(in.Description),
		KMSKeyID: deref(keyIn(in.KmsKeyId)), Type: deref(in.Type), Tags: tagsIn(in.Tags),
		Regions: regionsIn(in.AddReplicaRegions), Overwrite: deref(in.ForceOverwriteReplicaSecret),
	})
	return &wire.CreateSecretOutput{ARN: out.ARN, Name: out.Name, VersionId: out.VersionID, ReplicationStatus: replicasOut(out.Replicas)}, err
}

func (s *Server) putSecretValue(ctx context.Context, c rota.Caller, in *wire.PutSecretValueInput) (wire.Output, error) {
	v, err := oneValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.PutSecretValue(ctx, c, store.PutSecretValueInput{
		SecretID: in.SecretId, ClientRequestToken: in.ClientRequestToken, Value: v, VersionStages: in.VersionStages, RotationToken: in.RotationToken,
	})
	return &wire.PutSecretValueOutput{ARN: out.ARN, Name: out.Name, VersionId: out.VersionID, VersionStages: out.VersionStages}, err
}

func (s *Server) getSecretValue(ctx context.Context, c rota.Caller, in *wire.GetSecretValueInput) (wire.Output, error) {
	out, err := s.Store.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: in.SecretId, VersionID: in.VersionId, VersionStage: in.VersionStage})
	if err != nil {
		return nil, err
	}
	// A value is written only in the member of its own kind.
	return &wire.GetSecretValueOutput{
		ARN: out.ARN, Name: out.Name, VersionId: out.VersionID, SecretString: out.Value, SecretBinary: out.Value,
		VersionStages: out.VersionStages, CreatedDate: out.Created,
	}, nil
}

func (s *Server) batchGetSecretValue(ctx context.Context, c rota.Caller, in *wire.BatchGetSecretValueInput) (wire.Output, error) {
	out, err := s.Store.BatchGetSecretValue(ctx, c, store.BatchGetSecretValueInput{
		SecretIDs: in.SecretIdList, Filters: filtersIn(in.Filters), MaxResults: deref(in.MaxResults), NextToken: in.NextToken,
	})
	if err != nil {
		return nil, err
	}
	answer := &wire.BatchGetSecretValueOutput{NextToken: out.NextToken, SecretValues: []wire.SecretValueEntry{}, Errors: []wire.APIErrorType{}}
	for _, v := range out.Values {
		answer.SecretValues = append(answer.SecretValues, wire.SecretValueEntry{
			ARN: v.ARN, Name: v.Name, VersionId: v.VersionID, SecretString: v.Value, SecretBinary: v.Value,
			VersionStages: v.VersionStages, CreatedDate: v.Created,
		})
	}
	for _, e := range out.Errors {
		answer.Errors = append(answer.Errors, wire.APIErrorType{SecretId: e.SecretID, ErrorCode: wire.ErrorName(e.Code), Message: e.Message})
	}
	return answer, nil
}

func (s *Server) updateSecret(ctx context.Context, c rota.Caller, in *wire.UpdateSecretInput) (wire.Output, error) {
	v, err := oneValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.UpdateSecret(ctx, c, store.UpdateSecretInput{
		SecretID: in.SecretId, ClientRequestToken: in.ClientRequestToken, Value: v, Description: in.Description, KMSKeyID: keyIn(in.KmsKeyId), Type: in.Type,
	})
	return &wire.UpdateSecretOutput{ARN: out.ARN, Name: out.Name, VersionId: out.VersionID}, err
}

func (s *Server) updateSecretVersionStage(ctx context.Context, c rota.Caller, in *wire.UpdateSecretVersionStageInput) (wire.Output, error) {
	out, err := s.Store.UpdateSecretVersionStage(ctx, c, store.UpdateSecretVersionStageInput{
		SecretID: in.SecretId, VersionStage: in.VersionStage, RemoveFromVersionID: in.RemoveFromVersionId, MoveToVersionID: in.MoveToVersionId,
	})
	return &wire.UpdateSecretVersionStageOutput{ARN: out.ARN, Name: out.Name}, err
}

func (s *Server) describeSecret(ctx context.Context, c rota.Caller, in *wire.DescribeSecretInput) (wire.Output, error) {
	d, err := s.Store.DescribeSecret(ctx, c, store.DescribeSecretInput{SecretID: in.SecretId})
	if err != nil {
		return nil, err
	}
	r := d.Rotation
	return &wire.DescribeSecretOutput{
		ARN: d.ARN(), Name: d.Name, Type: d.Type, Description: d.Description, KmsKeyId: d.KMSKeyID, RotationEnabled: enabled(r),
		RotationLambdaARN: r.Function, RotationRules: rulesOut(r.Rules), ExternalSecretRotationMetadata: metadataOut(r.Metadata),
		ExternalSecretRotationRoleArn: r.RoleARN, LastRotatedDate: r.Last, LastChangedDate: d.Changed, LastAccessedDate: d.Accessed,
		DeletedDate: d.DeletionDate, NextRotationDate: r.Next, Tags: tagsOut(d), VersionIdsToStages: d.Stages, CreatedDate: d.Created,
		PrimaryRegion: d.PrimaryRegion, ReplicationStatus: replicasOut(d.Replicas),
	}, nil
}

func (s *Server) listSecrets(ctx context.Context, c rota.Caller, in *wire.ListSecretsInput) (wire.Output, error) {
	out, err := s.Store.ListSecrets(ctx, c, store.ListSecretsInput{
		Filters: filtersIn(in.Filters), IncludePlannedDeletion: deref(in.IncludePlannedDeletion), MaxResults: deref(in.MaxResults),
		NextToken: in.NextToken, SortBy: store.SecretOrder(in.SortBy), Descending: in.SortOrder == "desc",
	})
	if err != nil {
		return nil, err
	}
	answer := &wire.ListSecretsOutput{NextToken: out.NextToken, SecretList: []wire.SecretListEntry{}}
	for _, d := range out.Secrets {
		r := d.Rotation
		answer.SecretList = append(answer.SecretList, wire.SecretListEntry{
			ARN: d.ARN(), Name: d.Name, Type: d.Type, Description: d.Description, KmsKeyId: d.KMSKeyID, RotationEnabled: enabled(r),
			RotationLambdaARN: r.Function, RotationRules: rulesOut(r.Rules), ExternalSecretRotationMetadata: metadataOut(r.Metadata),
			ExternalSecretRotationRoleArn: r.RoleARN, LastRotatedDate: r.Last, LastChangedDate: d.Changed, LastAccessedDate: d.Accessed,
			DeletedDate: d.DeletionDate, NextRotationDate: r.Next, Tags: tagsOut(d), SecretVersionsToStages: d.Stages, CreatedDate: d.Created,
			PrimaryRegion: d.PrimaryRegion,
		})
	}
	return answer, nil
}

func (s *Server) listSecretVersionIDs(ctx context.Context, c rota.Caller, in *wire.ListSecretVersionIdsInput) (wire.Output, error) {
	out, err := s.Store.ListSecretVersionIds(ctx, c, store.ListSecretVersionIDsInput{
		SecretID: in.SecretId, MaxResults: deref(in.MaxResults), NextToken: in.NextToken, IncludeDeprecated: deref(in.IncludeDeprecated),
	})
	if err != nil {
		return nil, err
	}
	answer := &wire.ListSecretVersionIdsOutput{ARN: out.ARN, Name: out.Name, NextToken: out.NextToken, Versions: []wire.SecretVersionsListEntry{}}
	for _, v := range out.Versions {
		key := v.KMSKeyID
		if key == "" {
			key = "DefaultEncryptionKey"
		}
		answer.Versions = append(answer.Versions, wire.SecretVersionsListEntry{
			VersionId: v.ID, VersionStages: v.Labels, LastAccessedDate: v.Accessed, CreatedDate: v.Created, KmsKeyIds: []string{key},
		})
	}
	return answer, nil
}

func (s *Server) deleteSecret(ctx context.Context, c rota.Caller, in *wire.DeleteSecretInput) (wire.Output, error) {
	out, err := s.Store.DeleteSecret(ctx, c, store.DeleteSecretInput{
		SecretID: in.SecretId, RecoveryWindowInDays: wide(in.RecoveryWindowInDays), ForceDeleteWithoutRecovery: deref(in.ForceDeleteWithoutRecovery),
	})
	return &wire.DeleteSecretOutput{ARN: out.ARN, Name: out.Name, DeletionDate: out.DeletionDate}, err
}

func (s *Server) restoreSecret(ctx context.Context, c rota.Caller, in *wire.RestoreSecretInput) (wire.Output, error) {
	out, err := s.Store.RestoreSecret(ctx, c, in.SecretId)
	return &wire.RestoreSecretOutput{ARN: out.ARN, Name: out.Name}, err
}

func (s *Server) tagResource(ctx context.Context, c rota.Caller, in *wire.TagResourceInput) (wire.Output, error) {
	return &wire.TagResourceOutput{}, s.Store.TagResource(ctx, c, in.SecretId, tagsIn(in.Tags))
}

func (s *Server) untagResource(ctx context.Context, c rota.Caller, in *wire.UntagResourceInput) (wire.Output, error) {
	return &wire.UntagResourceOutput{}, s.Store.UntagResource(ctx, c, in.SecretId, in.TagKeys)
}

func (s *Server) rotateSecret(ctx context.Context, c rota.Caller, in *wire.RotateSecretInput) (wire.Output, error) {
	req := store.RotateSecretInput{
		SecretID: in.SecretId, ClientRequestToken: in.ClientRequestToken, RotationLambdaARN: in.RotationLambdaARN, RotateImmediately: in.RotateImmediately,
	}
	if r := in.RotationRules; r != nil {
		req.RotationRules = &rota.Rules{AfterDays: deref(r.AutomaticallyAfterDays), Expression: r.ScheduleExpression, Duration: r.Duration}
	}
	for _, m := range in.ExternalSecretRotationMetadata {
		req.Metadata = append(req.Metadata, rota.MetadataItem(m))
	}
	if in.ExternalSecretRotationRoleArn != "" {
		req.RoleARN = &in.ExternalSecretRotationRoleArn
	}
	out, err := s.Store.RotateSecret(ctx, c, req)
	return &wire.RotateSecretOutput{ARN: out.ARN, Name: out.Name, VersionId: out.VersionID}, err
}

func (s *Server) cancelRotateSecret(ctx context.Context, c rota.Caller, in *wire.CancelRotateSecretInput) (wire.Output, error) {
	out, err := s.Store.CancelRotateSecret(ctx, c, in.SecretId)
	return &wire.CancelRotateSecretOutput{ARN: out.ARN, Name: out.Name, VersionId: out.VersionID}, err
}

func (s *Server) getRandomPassword(ctx context.Context, c rota.Caller, in *wire.GetRandomPasswordInput) (wire.Output, error) {
	v, err := s.Store.GetRandomPassword(ctx, c, store.GetRandomPasswordInput{
		PasswordLength: wide(in.PasswordLength), ExcludeCharacters: deref(in.ExcludeCharacters), ExcludeNumbers: deref(in.ExcludeNumbers),
		ExcludePunctuation: deref(in.ExcludePunctuation), ExcludeUppercase: deref(in.ExcludeUppercase), ExcludeLowercase: deref(in.ExcludeLowercase),
		IncludeSpace: deref(in.IncludeSpace), RequireEachIncludedType: in.RequireEachIncludedType,
	})
	return &wire.GetRandomPasswordOutput{RandomPassword: v}, err
}

// oneValue takes the string or the binary, not both.
func oneValue(text, binary rota.Value) (rota.Value, error) {
	switch {
	case !text.IsZero() && !binary.IsZero():
		return rota.Value{}, rota.E(rota.InvalidParameter, "You can't specify both a binary secret value and a string secret value in the same secret.")
	case !binary.IsZero():
		return binary, nil
	}
	return text, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func wide(p *int) *int64 {
	if p == nil {
		return nil
	}
	v := int64(*p)
	return &v
}

func enabled(r rota.Rotation) *bool {
	if !r.Configured {
		return nil
	}
	return &r.Enabled
}

func rulesOut(r rota.Rules) *wire.RotationRulesType {
	if r.IsZero() {
		return nil
	}
	out := &wire.RotationRulesType{Duration: r.Duration, ScheduleExpression: r.Expression}
	if r.AfterDays != 0 {
		out.AutomaticallyAfterDays = &r.AfterDays
	}
	return out
}

func metadataOut(items []rota.MetadataItem) (out []wire.ExternalSecretRotationMetadataItem) {
	for _, m := range items {
		out = append(out, wire.ExternalSecretRotationMetadataItem(m))
	}
	return out
}

func tagsIn(tags []wire.Tag) (out []rota.Tag) {
	for _, t := range tags {
		out = append(out, rota.Tag{Key: t.Key, Value: deref(t.Value)})
	}
	return out
}

// tagsOut is absent for a secret that never had tags, and [] once they are
// gone again.
func tagsOut(s rota.Secret) []wire.Tag {
	if !s.EverTagged {
		return nil
	}
	out := []wire.Tag{}
	for _, t := range s.Tags {
		out = append(out, wire.Tag{Key: t.Key, Value: &t.Value})
	}
	return out
}

func filtersIn(filters []wire.Filter) (out []store.Filter) {
	for _, f := range filters {
		out = append(out, store.Filter{Key: f.Key, Values: f.Values})
	}
	return out
}

func timePtr(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
