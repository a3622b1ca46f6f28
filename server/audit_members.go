package server

import (
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/wire"
)

// requested picks what the record tells of a request, member by member and
// under CloudTrail's names. What is not in this list stays out: values,
// RotationToken, page tokens. A test holds that nothing else is missing.
func requested(m *audit.Members, in any) {
	switch in := in.(type) {
	case *wire.GetSecretValueInput:
		m.Text("secretId", in.SecretId)
		m.Text("versionId", in.VersionId)
		m.Text("versionStage", in.VersionStage)
	case *wire.BatchGetSecretValueInput:
		m.Texts("secretIdList", in.SecretIdList)
		recordFilters(m, in.Filters)
		recordNumber(m, "maxResults", in.MaxResults)
	case *wire.DescribeSecretInput:
		m.Text("secretId", in.SecretId)
	case *wire.ListSecretsInput:
		recordFilters(m, in.Filters)
		recordNumber(m, "maxResults", in.MaxResults)
		recordFlag(m, "includePlannedDeletion", in.IncludePlannedDeletion)
		m.Text("sortOrder", in.SortOrder)
		m.Text("sortBy", in.SortBy)
	case *wire.ListSecretVersionIdsInput:
		m.Text("secretId", in.SecretId)
		recordNumber(m, "maxResults", in.MaxResults)
		recordFlag(m, "includeDeprecated", in.IncludeDeprecated)
	case *wire.GetRandomPasswordInput:
		recordNumber(m, "passwordLength", in.PasswordLength)
		recordText(m, "excludeCharacters", in.ExcludeCharacters)
		recordFlag(m, "excludeNumbers", in.ExcludeNumbers)
		recordFlag(m, "excludePunctuation", in.ExcludePunctuation)
		recordFlag(m, "excludeUppercase", in.ExcludeUppercase)
		recordFlag(m, "excludeLowercase", in.ExcludeLowercase)
		recordFlag(m, "includeSpace", in.IncludeSpace)
		recordFlag(m, "requireEachIncludedType", in.RequireEachIncludedType)

	case *wire.CreateSecretInput:
		m.Text("name", in.Name)
		m.Text("clientRequestToken", in.ClientRequestToken)
		recordText(m, "description", in.Description)
		recordText(m, "kmsKeyId", in.KmsKeyId)
		recordText(m, "type", in.Type)
		recordTags(m, in.Tags)
		recordRegions(m, in.AddReplicaRegions)
		recordFlag(m, "forceOverwriteReplicaSecret", in.ForceOverwriteReplicaSecret)
	case *wire.PutSecretValueInput:
		m.Text("secretId", in.SecretId)
		m.Text("clientRequestToken", in.ClientRequestToken)
		m.Texts("versionStages", in.VersionStages)
	case *wire.UpdateSecretInput:
		m.Text("secretId", in.SecretId)
		m.Text("clientRequestToken", in.ClientRequestToken)
		recordText(m, "description", in.Description)
		recordText(m, "kmsKeyId", in.KmsKeyId)
		recordText(m, "type", in.Type)
	case *wire.UpdateSecretVersionStageInput:
		m.Text("secretId", in.SecretId)
		m.Text("versionStage", in.VersionStage)
		m.Text("removeFromVersionId", in.RemoveFromVersionId)
		m.Text("moveToVersionId", in.MoveToVersionId)
	case *wire.DeleteSecretInput:
		m.Text("secretId", in.SecretId)
		recordNumber(m, "recoveryWindowInDays", in.RecoveryWindowInDays)
		recordFlag(m, "forceDeleteWithoutRecovery", in.ForceDeleteWithoutRecovery)
	case *wire.RestoreSecretInput:
		m.Text("secretId", in.SecretId)
	case *wire.TagResourceInput:
		m.Text("secretId", in.SecretId)
		recordTags(m, in.Tags)
	case *wire.UntagResourceInput:
		m.Text("secretId", in.SecretId)
		m.Texts("tagKeys", in.TagKeys)
	case *wire.RotateSecretInput:
		m.Text("secretId", in.SecretId)
		m.Text("clientRequestToken", in.ClientRequestToken)
		recordText(m, "rotationLambdaARN", in.RotationLambdaARN)
		recordRules(m, in.RotationRules)
		recordFlag(m, "rotateImmediately", in.RotateImmediately)
		if list := in.ExternalSecretRotationMetadata; list != nil {
			m.Objects("externalSecretRotationMetadata", len(list), func(i int, o *audit.Members) {
				o.Text("key", list[i].Key)
				o.Text("value", list[i].Value)
			})
		}
		m.Text("externalSecretRotationRoleArn", in.ExternalSecretRotationRoleArn)
	case *wire.CancelRotateSecretInput:
		m.Text("secretId", in.SecretId)

	case *wire.GetResourcePolicyInput:
		m.Text("secretId", in.SecretId)
	case *wire.PutResourcePolicyInput:
		m.Text("secretId", in.SecretId)
		m.Text("resourcePolicy", in.ResourcePolicy)
		recordFlag(m, "blockPublicPolicy", in.BlockPublicPolicy)
	case *wire.DeleteResourcePolicyInput:
		m.Text("secretId", in.SecretId)
	case *wire.ValidateResourcePolicyInput:
		m.Text("secretId", in.SecretId)
		m.Text("resourcePolicy", in.ResourcePolicy)

	case *wire.ReplicateSecretToRegionsInput:
		m.Text("secretId", in.SecretId)
		recordRegions(m, in.AddReplicaRegions)
		recordFlag(m, "forceOverwriteReplicaSecret", in.ForceOverwriteReplicaSecret)
	case *wire.RemoveRegionsFromReplicationInput:
		m.Text("secretId", in.SecretId)
		m.Texts("removeReplicaRegions", in.RemoveReplicaRegions)
	case *wire.StopReplicationToReplicaInput:
		m.Text("secretId", in.SecretId)

	case wire.PutFunctionInput:
		recordFunction(m, in)
	case wire.GetFunctionInput:
		m.Text("functionName", in.FunctionName)
	case wire.DeleteFunctionInput:
		m.Text("functionName", in.FunctionName)
	case *wire.InvokeInput:
		m.Text("functionName", in.FunctionName)
		m.Text("invocationType", in.InvocationType)
		m.Text("secretId", in.SecretId)

	case wire.ShowInput:
		m.Text("secretId", in.SecretId)
		m.Text("rotationLambdaARN", in.RotationLambdaARN)
	case wire.ExpireInput:
		m.Text("secretId", in.SecretId)
		m.Text("versionId", in.VersionId)
		m.Flag("now", in.Now)
		m.Flag("hold", in.Hold)
		m.Flag("resume", in.Resume)
		m.Time("until", deref(in.Until))

	case wire.RotateInput: // that was refused: else each call of it has a record
		m.Text("secretId", in.SecretId)
		recordTags(m, in.Tags)
		m.Texts("tagKeys", in.TagKeys)
		m.Text("giveUpVersionId", in.GiveUpVersionId)
		m.Text("clientRequestToken", in.ClientRequestToken)
		m.Text("rotationLambdaARN", in.RotationLambdaARN)
		recordRules(m, in.RotationRules)
		recordFlag(m, "rotateImmediately", in.RotateImmediately)

	case wire.ExplainPolicyInput:
		m.Text("principal", in.Principal)
		m.Text("action", in.Action)
		m.Text("secretId", in.SecretId)

	default:
		requestedOfPrincipals(m, in)
	}
}

// answered picks what the record tells of an answer: of a read, which secret
// and which version left; of a change, what CloudTrail shows.
func answered(e *audit.Event, out any) {
	switch out := out.(type) {
	case *wire.GetSecretValueOutput:
		delivered(e, out.ARN, out.VersionId)
	case *wire.DescribeSecretOutput:
		e.ARN = out.ARN
	case *wire.ListSecretVersionIdsOutput:
		e.ARN = out.ARN
	case *wire.GetResourcePolicyOutput:
		e.ARN = out.ARN

	case *wire.CreateSecretOutput:
		changed(e, out.ARN, out.Name, out.VersionId)
	case *wire.PutSecretValueOutput:
		changed(e, out.ARN, out.Name, out.VersionId)
		e.Response.Texts("versionStages", out.VersionStages)
	case *wire.UpdateSecretOutput:
		changed(e, out.ARN, out.Name, out.VersionId)
	case *wire.UpdateSecretVersionStageOutput:
		changed(e, out.ARN, out.Name, "")
	case *wire.DeleteSecretOutput:
		changed(e, out.ARN, out.Name, "")
		e.Response.Time("deletionDate", out.DeletionDate)
	case *wire.RestoreSecretOutput:
		changed(e, out.ARN, out.Name, "")
	case *wire.RotateSecretOutput:
		changed(e, out.ARN, out.Name, out.VersionId)
	case *wire.CancelRotateSecretOutput:
		changed(e, out.ARN, out.Name, out.VersionId)
	case *wire.PutResourcePolicyOutput:
		changed(e, out.ARN, out.Name, "")
	case *wire.DeleteResourcePolicyOutput:
		changed(e, out.ARN, out.Name, "")
	case *wire.ReplicateSecretToRegionsOutput:
		changed(e, out.ARN, "", "")
	case *wire.RemoveRegionsFromReplicationOutput:
		changed(e, out.ARN, "", "")
	case *wire.StopReplicationToReplicaOutput:
		changed(e, out.ARN, "", "")

	case wire.ShowOutput:
		e.ARN = out.ARN
	case wire.ExpireOutput:
		e.Response.Text("versionId", out.Credential.VersionId)
		e.Response.Text("state", out.Credential.State)
		e.Response.Time("notBefore", deref(out.Credential.NotBefore))

	default:
		answeredOfPrincipals(e, out)
	}
}

// delivered is a value that left: CloudTrail does not tell which version it
// was.
func delivered(e *audit.Event, arn, version string) {
	e.ARN = arn
	e.Additional.Text("versionId", version)
}

func changed(e *audit.Event, arn, name, version string) {
	e.ARN = arn
	e.Response.Text("arn", arn)
	e.Response.Text("name", name)
	e.Response.Text("versionId", version)
}

func recordText(m *audit.Members, name string, v *string) {
	if v != nil {
		m.Text(name, *v)
	}
}

func recordNumber(m *audit.Members, name string, v *int) {
	if v != nil {
		m.Number(name, int64(*v))
	}
}

func recordFlag(m *audit.Members, name string, v *bool) {
	if v != nil {
		m.Flag(name, *v)
	}
}

func recordRules(m *audit.Members, r *wire.RotationRulesType) {
	if r != nil {
		var o audit.Members
		recordNumber(&o, "automaticallyAfterDays", r.AutomaticallyAfterDays)
		o.Text("duration", r.Duration)
		o.Text("scheduleExpression", r.ScheduleExpression)
		m.Object("rotationRules", o)
	}
}

func recordTags(m *audit.Members, list []wire.Tag) {
	if list != nil {
		m.Objects("tags", len(list), func(i int, o *audit.Members) {
			o.Text("key", list[i].Key)
			recordText(o, "value", list[i].Value)
		})
	}
}

func recordFilters(m *audit.Members, list []wire.Filter) {
	if list != nil {
		m.Objects("filters", len(list), func(i int, o *audit.Members) {
			o.Text("key", list[i].Key)
			o.Texts("values", list[i].Values)
		})
	}
}

func recordRegions(m *audit.Members, list []wire.ReplicaRegionType) {
	if list != nil {
		m.Objects("addReplicaRegions", len(list), func(i int, o *audit.Members) {
			o.Text("region", list[i].Region)
			recordText(o, "kmsKeyId", list[i].KmsKeyId)
		})
	}
}
