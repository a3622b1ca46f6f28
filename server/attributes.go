package server

import (
	"strconv"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/wire"
)

// about adds what policies can ask of a request: the condition keys that AWS
// documents for its operation, where the request has them
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html).
// Members that the request leaves out are absent, but for those whose default
// is a value of its own: VersionStage (AWSCURRENT) and RotateImmediately.
//
// Operations of which only the secret counts are in secretIDOf.
func (g *gate) about(in any) {
	g.know(policy.SecretId, secretIDOf(in))
	switch in := in.(type) {
	case *wire.BatchGetSecretValueInput:
		g.batch = true
	case *wire.CreateSecretInput:
		g.know(policy.Name, in.Name)
		g.know(policy.Description, deref(in.Description))
		g.know(policy.Type, deref(in.Type))
		g.kms(in.KmsKeyId)
		g.tags(in.Tags)
		g.regions(in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	case *wire.DeleteSecretInput:
		g.flag(policy.ForceDeleteWithoutRecovery, in.ForceDeleteWithoutRecovery)
		if d := in.RecoveryWindowInDays; d != nil {
			g.know(policy.RecoveryWindowInDays, strconv.Itoa(*d))
		}
	case *wire.GetSecretValueInput:
		g.know(policy.VersionId, in.VersionId)
		if in.VersionStage == "" && in.VersionId == "" {
			g.know(policy.VersionStage, rota.Current)
		}
		g.know(policy.VersionStage, in.VersionStage)
	case *wire.PutResourcePolicyInput:
		g.flag(policy.BlockPublicPolicy, in.BlockPublicPolicy)
	case *wire.PutSecretValueInput:
		if in.VersionStages == nil {
			g.know(policy.VersionStage, rota.Current)
		}
		for _, l := range in.VersionStages {
			g.know(policy.VersionStage, l)
		}
	case *wire.ReplicateSecretToRegionsInput:
		g.regions(in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	case *wire.RotateSecretInput:
		now, rules := in.RotateImmediately == nil || *in.RotateImmediately, in.RotationRules != nil
		g.know(policy.RotationLambdaARN, deref(in.RotationLambdaARN))
		g.know(policy.ExternalSecretRotationRoleArn, in.ExternalSecretRotationRoleArn)
		g.flag(policy.RotateImmediately, &now)
		g.flag(policy.ModifyRotationRules, &rules)
	case *wire.TagResourceInput:
		g.tags(in.Tags)
	case *wire.UntagResourceInput:
		for _, k := range in.TagKeys {
			g.know(policy.TagKeys, k)
		}
	case *wire.UpdateSecretInput:
		g.know(policy.Description, deref(in.Description))
		g.know(policy.Type, deref(in.Type))
		g.kms(in.KmsKeyId)
	case *wire.UpdateSecretVersionStageInput:
		g.know(policy.VersionStage, in.VersionStage)
	}
}

// secretIDOf is the SecretId of a request, "" if it has none.
func secretIDOf(in any) string {
	switch in := in.(type) {
	case *wire.CancelRotateSecretInput:
		return in.SecretId
	case *wire.DeleteResourcePolicyInput:
		return in.SecretId
	case *wire.DeleteSecretInput:
		return in.SecretId
	case *wire.DescribeSecretInput:
		return in.SecretId
	case *wire.GetResourcePolicyInput:
		return in.SecretId
	case *wire.GetSecretValueInput:
		return in.SecretId
	case *wire.ListSecretVersionIdsInput:
		return in.SecretId
	case *wire.PutResourcePolicyInput:
		return in.SecretId
	case *wire.PutSecretValueInput:
		return in.SecretId
	case *wire.RemoveRegionsFromReplicationInput:
		return in.SecretId
	case *wire.ReplicateSecretToRegionsInput:
		return in.SecretId
	case *wire.RestoreSecretInput:
		return in.SecretId
	case *wire.RotateSecretInput:
		return in.SecretId
	case *wire.StopReplicationToReplicaInput:
		return in.SecretId
	case *wire.TagResourceInput:
		return in.SecretId
	case *wire.UntagResourceInput:
		return in.SecretId
	case *wire.UpdateSecretInput:
		return in.SecretId
	case *wire.UpdateSecretVersionStageInput:
		return in.SecretId
	case *wire.ValidateResourcePolicyInput:
		return in.SecretId
	}
	return ""
}

func (g *gate) flag(k policy.Key, v *bool) {
	if v != nil {
		g.know(k, strconv.FormatBool(*v))
	}
}

// kms is a key as it was given and, unless it is an alias, its ARN.
func (g *gate) kms(id *string) {
	key := deref(id)
	g.know(policy.KmsKeyId, key)
	switch {
	case key == "" || strings.HasPrefix(key, "alias/") || strings.Contains(key, ":alias/"):
	case strings.HasPrefix(key, "arn:"):
		g.know(policy.KmsKeyArn, key)
	default:
		g.know(policy.KmsKeyArn, "arn:aws:kms:"+g.region+":"+g.account+":key/"+key)
	}
}

// tags are there even without a value.
func (g *gate) tags(tags []wire.Tag) {
	for _, t := range tags {
		g.context = append(g.context, policy.Attribute{Key: policy.RequestTag, Tag: t.Key, Value: deref(t.Value)})
		g.know(policy.TagKeys, t.Key)
	}
}

func (g *gate) regions(regions []wire.ReplicaRegionType, overwrite *bool) {
	for _, r := range regions {
		g.know(policy.AddReplicaRegions, r.Region)
	}
	g.flag(policy.ForceOverwriteReplicaSecret, overwrite)
}
