package server

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// principalHere is the caller of every request at home, for what a test asks
// of the store itself.
var principalHere = rota.Caller{Principal: principal, Account: account, Region: region}

func TestAListTellsOfASecretWhatItsDescriptionTells(t *testing.T) {
	c := newClient(t)
	c.runEngine(t)
	c.provider.AddKey("k0", "by hand", "s0")
	made := must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("app/all"), SecretString: aws.String(string(rotationtest.KeyValue("k0", "s0").Reveal())), Description: aws.String("all"),
		KmsKeyId: aws.String("alias/x"), Type: aws.String("SomePartner"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
		AddReplicaRegions: regions(there),
	}))
	token := newID()
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: made.ARN, RotationLambdaARN: aws.String(function0), ClientRequestToken: &token,
		RotationRules:                  &types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)"), Duration: aws.String("2h")},
		ExternalSecretRotationMetadata: []types.ExternalSecretRotationMetadataItem{{Key: aws.String("expire"), Value: aws.String("immediately")}},
		ExternalSecretRotationRoleArn:  aws.String("arn:aws:iam::123456789012:role/r"),
	}))
	must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: made.ARN}))
	var d *secretsmanager.DescribeSecretOutput
	until(t, "the rotation", func() (bool, any) {
		d = must(c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: made.ARN}))
		return d.LastRotatedDate != nil, d.VersionIdsToStages
	})
	// The ending of the old key goes on: a label and a date may still change.
	list := must(c.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{
		Filters: []types.Filter{{Key: types.FilterNameStringTypePrimaryRegion, Values: []string{region}}},
	})).SecretList
	if len(list) != 1 {
		t.Fatalf("the filter for the primary region found %d secrets", len(list))
	}
	e := list[0]
	for what, pair := range map[string][2]any{
		"ARN": {*d.ARN, *e.ARN}, "name": {*d.Name, *e.Name}, "description": {*d.Description, *e.Description}, "key": {*d.KmsKeyId, *e.KmsKeyId},
		"type": {*d.Type, *e.Type}, "tag": {*d.Tags[0].Key + *d.Tags[0].Value, *e.Tags[0].Key + *e.Tags[0].Value}, "created": {*d.CreatedDate, *e.CreatedDate},
		"read": {*d.LastAccessedDate, *e.LastAccessedDate}, "enabled": {*d.RotationEnabled, *e.RotationEnabled},
		"function": {*d.RotationLambdaARN, *e.RotationLambdaARN}, "schedule": {*d.RotationRules.ScheduleExpression, *e.RotationRules.ScheduleExpression},
		"days": {*d.RotationRules.AutomaticallyAfterDays, *e.RotationRules.AutomaticallyAfterDays}, "window": {*d.RotationRules.Duration, *e.RotationRules.Duration},
		"metadata's key": {*d.ExternalSecretRotationMetadata[0].Key, *e.ExternalSecretRotationMetadata[0].Key},
		"metadata":       {*d.ExternalSecretRotationMetadata[0].Value, *e.ExternalSecretRotationMetadata[0].Value}, "role": {*d.ExternalSecretRotationRoleArn, *e.ExternalSecretRotationRoleArn},
		"rotated": {*d.LastRotatedDate, *e.LastRotatedDate}, "next": {*d.NextRotationDate, *e.NextRotationDate}, "primary": {*d.PrimaryRegion, *e.PrimaryRegion},
		"current": {d.VersionIdsToStages[token][0], e.SecretVersionsToStages[token][0]},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: described as %v, listed as %v", what, pair[0], pair[1])
		}
	}
}

func TestAScheduledSecretIsDescribedAndListedWithItsDate(t *testing.T) {
	c := newClient(t)
	out := must(c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: c.name}))
	equal(t, "described", *c.describe(t).DeletedDate, *out.DeletionDate)
	list := must(c.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)}))
	equal(t, "listed", *list.SecretList[0].DeletedDate, *out.DeletionDate)
}

func TestVersionsAreListedPageByPage(t *testing.T) {
	c := newClient(t)
	must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: c.name}))
	pages := secretsmanager.NewListSecretVersionIdsPaginator(c, &secretsmanager.ListSecretVersionIdsInput{SecretId: c.name, MaxResults: aws.Int32(1)})
	var seen []string
	for pages.HasMorePages() {
		for _, v := range must(pages.NextPage(t.Context())).Versions {
			read := ""
			if v.LastAccessedDate != nil {
				read = " read"
			}
			seen = append(seen, *v.VersionId+read)
		}
	}
	equal(t, "versions", strings.Join(seen, ", "), c.first+", "+c.second+" read")
}

func TestABatchGoesOnWhereItStopped(t *testing.T) {
	c := newClient(t)
	must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/bin"), SecretBinary: []byte{1, 2}}))
	pages := secretsmanager.NewBatchGetSecretValuePaginator(c, &secretsmanager.BatchGetSecretValueInput{
		Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"app/"}}}, MaxResults: aws.Int32(1),
	})
	var seen []string
	for pages.HasMorePages() {
		for _, v := range must(pages.NextPage(t.Context())).SecretValues {
			seen = append(seen, *v.Name+"="+aws.ToString(v.SecretString)+string(v.SecretBinary))
		}
	}
	equal(t, "values", strings.Join(seen, ", "), "app/db="+valueTwo+", app/bin=\x01\x02")
}

func TestUpdateSecretStoresABinaryAndAType(t *testing.T) {
	c := newClient(t)
	must(c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: c.name, SecretBinary: []byte{0, 255}, Type: aws.String("SomePartner")}))
	equal(t, "value", string(must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: c.name})).SecretBinary), "\x00\xff")
	equal(t, "type", *c.describe(t).Type, "SomePartner")
}

func TestTheTokenOfTheRunningRotationIsAcceptedAndNoOther(t *testing.T) {
	c := newClient(t)
	id, token := c.rotatable(t), newID()
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: id, RotationLambdaARN: aws.String(function0), ClientRequestToken: &token}))
	key := must(c.store.DescribeSecret(t.Context(), principalHere, store.DescribeSecretInput{SecretID: *id})).Key
	task := must(c.store.Task(t.Context(), key))
	put := func(rotation string) error {
		_, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: id, ClientRequestToken: &token, SecretString: aws.String("{}"), VersionStages: []string{"AWSPENDING"}, RotationToken: &rotation,
		})
		return err
	}
	equal(t, "another", code(put(newID())), "InvalidRequestException")
	equal(t, "its own", code(put(task.RotationToken)), "<nil>")
}

func TestASecretIsMadeWithItsReplicasAndSaysSoAgain(t *testing.T) {
	c := newClient(t)
	must(c.sdkIn(there).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/new"), SecretString: aws.String("other")}))
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String("app/new"), SecretString: aws.String("new"), ClientRequestToken: aws.String(newID()),
		AddReplicaRegions: regions(there + "=alias/k"), ForceOverwriteReplicaSecret: true,
	}
	made := must(c.CreateSecret(t.Context(), in))
	equal(t, "the answer", told(made.ReplicationStatus), "eu-west-1 InProgress alias/k")
	got := must(c.sdkIn(there).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: in.Name}))
	equal(t, "the copy", *got.SecretString, "new")
	again := must(c.CreateSecret(t.Context(), in))
	equal(t, "the answer to the same again", told(again.ReplicationStatus), "eu-west-1 InSync alias/k Replication succeeded")
	if again.ReplicationStatus[0].LastAccessedDate == nil {
		t.Error("it does not say that the copy was read")
	}
	_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/own"), AddReplicaRegions: regions(region)})
	equal(t, "its own region", code(err), "InvalidParameterException")
}
