//go:build servers

package clients

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// goClient is configured as a user configures it: region and credentials come
// from the environment.
func (p *program) goClient(t *testing.T) *secretsmanager.Client {
	t.Helper()
	for _, e := range p.env {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	// The one thing that differs from AWS is the endpoint.
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(p.url))
	if err != nil {
		t.Fatal(err)
	}
	return secretsmanager.NewFromConfig(cfg)
}

// life has the helpers of one life of a secret.
type life struct {
	*testing.T
	ctx context.Context
	*secretsmanager.Client
}

// must is for calls that succeed.
func must[T any](out T, err error) func(life) T {
	return func(l life) T {
		l.Helper()
		if err != nil {
			l.Fatal(err)
		}
		return out
	}
}

// fails wants an error of this class and with this sentence.
func fails[E error](l life, sentence string, err error) (e E) {
	l.Helper()
	if !errors.As(err, &e) || !strings.Contains(err.Error(), sentence) {
		l.Errorf("got the error %v, want %T: %s", err, e, sentence)
	}
	return e
}

func (l life) is(what string, ok bool) {
	l.Helper()
	if !ok {
		l.Errorf("it does not hold that %s", what)
	}
}

func (l life) text(id, stage string) string {
	l.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if stage != "" {
		in.VersionStage = &stage
	}
	return aws.ToString(must(l.GetSecretValue(l.ctx, in))(l).SecretString)
}

func (l life) describe(id string) *secretsmanager.DescribeSecretOutput {
	l.Helper()
	return must(l.DescribeSecret(l.ctx, &secretsmanager.DescribeSecretInput{SecretId: &id}))(l)
}

func TestTheGoSDKLivesTheWholeLifeOfASecret(t *testing.T) {
	p := serve(t)
	l := life{t, t.Context(), p.goClient(t)}
	l.values()
	l.policies()
	l.listsAndBinary()
	l.rotation(p)
	l.replicas()
	l.errors()
	l.deletion()
	p.oldPasswordIsRefused(t)
	p.calledAllBut(t, "api/secretsmanager#"+goVersion(t, "github.com/aws/aws-sdk-go-v2/service/secretsmanager")+" ")
}

var key = aws.String("app/api-key")

func (l life) values() {
	password := *must(l.GetRandomPassword(l.ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(24), ExcludePunctuation: aws.Bool(true)}))(l).RandomPassword
	token := "11111111-aaaa-4aaa-8aaa-111111111111"
	made := must(l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{
		Name: key, ClientRequestToken: &token, SecretString: &password,
		Description: aws.String("the key of an API"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))(l)
	l.is("the token is the version", *made.VersionId == token && len(password) == 24)
	for _, id := range []string{*key, *made.ARN, (*made.ARN)[:len(*made.ARN)-7]} {
		l.is("the value is read by "+id, l.text(id, "") == password)
	}
	d := l.describe(*key)
	l.is("it is described as it was made", *d.Description == "the key of an API" && len(d.Tags) == 1 && *d.Tags[0].Value == "a" && d.RotationEnabled == nil)

	second := must(l.PutSecretValue(l.ctx, &secretsmanager.PutSecretValueInput{SecretId: key, SecretString: aws.String("second")}))(l).VersionId
	third := must(l.PutSecretValue(l.ctx, &secretsmanager.PutSecretValueInput{SecretId: key, SecretString: aws.String("third"), VersionStages: []string{"tried"}}))(l).VersionId
	l.is("a label of one's own is read", l.text(*key, "tried") == "third" && l.text(*key, "") == "second")
	must(l.UpdateSecretVersionStage(l.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: key, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: third, RemoveFromVersionId: second,
	}))(l)
	l.is("a moved label is read", l.text(*key, "") == "third" && l.text(*key, "AWSPREVIOUS") == "second")
	versions := must(l.ListSecretVersionIds(l.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: key, IncludeDeprecated: aws.Bool(true)}))(l).Versions
	l.is("three versions are listed", len(versions) == 3)
	must(l.UpdateSecret(l.ctx, &secretsmanager.UpdateSecretInput{SecretId: key, Description: aws.String("described anew")}))(l)
	must(l.TagResource(l.ctx, &secretsmanager.TagResourceInput{SecretId: key, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("test")}}}))(l)
	must(l.UntagResource(l.ctx, &secretsmanager.UntagResourceInput{SecretId: key, TagKeys: []string{"team"}}))(l)
	d = l.describe(*key)
	l.is("description and tags are changed", *d.Description == "described anew" && len(d.Tags) == 1 && *d.Tags[0].Key == "stage")
}

func (l life) policies() {
	policyFor := func(who string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)
	}
	policy := policyFor("arn:aws:iam::123456789012:root")
	l.is("the policy is valid", must(l.ValidateResourcePolicy(l.ctx, &secretsmanager.ValidateResourcePolicyInput{SecretId: key, ResourcePolicy: policy}))(l).PolicyValidationPassed)
	put := func(document *string) error {
		_, err := l.PutResourcePolicy(l.ctx, &secretsmanager.PutResourcePolicyInput{SecretId: key, ResourcePolicy: document, BlockPublicPolicy: aws.Bool(true)})
		return err
	}
	must("", put(policy))(l)
	get := func() string {
		return aws.ToString(must(l.GetResourcePolicy(l.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: key}))(l).ResourcePolicy)
	}
	l.is("the policy is as it was put", get() == *policy)
	fails[*types.MalformedPolicyDocumentException](l, "This policy has invalid syntax.", put(aws.String("{")))
	fails[*types.PublicPolicyException](l, "BlockPublicPolicy", put(policyFor("*")))
	must(l.DeleteResourcePolicy(l.ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: key}))(l)
	l.is("no policy is left", get() == "")
}

var allBytes = func() (b []byte) {
	for i := range 256 {
		b = append(b, byte(i))
	}
	return b
}()

func (l life) listsAndBinary() {
	must(l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("app/binary"), SecretBinary: allBytes}))(l)
	got := must(l.GetSecretValue(l.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/binary")}))(l)
	l.is("a binary value comes back byte by byte", bytes.Equal(got.SecretBinary, allBytes) && got.SecretString == nil)

	must(l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("other")}))(l)
	filter := []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"app/"}}}
	pages := secretsmanager.NewListSecretsPaginator(l.Client, &secretsmanager.ListSecretsInput{Filters: filter, MaxResults: aws.Int32(1), SortBy: types.SortByTypeName})
	var names []string
	for pages.HasMorePages() {
		page := must(pages.NextPage(l.ctx))(l)
		l.is("a page has one secret at most", len(page.SecretList) <= 1)
		for _, s := range page.SecretList {
			names = append(names, *s.Name)
		}
	}
	l.is("the pages have what the filter lets through", slices.Equal(names, []string{"app/api-key", "app/binary"}))
	_, err := l.ListSecrets(l.ctx, &secretsmanager.ListSecretsInput{NextToken: aws.String("made up")})
	fails[*types.InvalidNextTokenException](l, "NextToken", err)

	batch := must(l.BatchGetSecretValue(l.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*key, "app/none"}}))(l)
	l.is("many values come in one call", len(batch.SecretValues) == 1 && *batch.SecretValues[0].SecretString == "third" &&
		len(batch.Errors) == 1 && *batch.Errors[0].ErrorCode == "ResourceNotFoundException")
}

// rotate makes a secret of the program's role, rotates it, and waits until it
// is done.
func (l life) rotate(p *program, before func()) {
	l.Helper()
	name := aws.String("app/db")
	must(l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{
		Name: name, SecretString: &p.database, Tags: []types.Tag{{Key: aws.String("rota:expire"), Value: aws.String("immediately")}},
	}))(l)
	before()
	rotated := *must(l.RotateSecret(l.ctx, &secretsmanager.RotateSecretInput{
		SecretId: name, RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rota-postgres"),
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(30 days)")},
	}))(l).VersionId
	ctx, cancel := context.WithTimeout(l.ctx, time.Minute)
	defer cancel()
	for !slices.Equal(l.describe(*name).VersionIdsToStages[rotated], []string{"AWSCURRENT"}) {
		select {
		case <-ctx.Done():
			l.Fatal("the rotation is not done within a minute")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l life) rotation(p *program) {
	l.rotate(p, func() {})
	d := l.describe("app/db")
	l.is("the next rotation is planned", *d.RotationEnabled && d.LastRotatedDate.Before(*d.NextRotationDate))
	l.is("the value from before is AWSPREVIOUS", l.text("app/db", "AWSPREVIOUS") == p.database)
	if err := p.logIn(l.T, l.text("app/db", "")); err != nil {
		l.Errorf("the new password: %v", err)
	}
	must(l.CancelRotateSecret(l.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("app/db")}))(l)
	l.is("no rotation is planned any more", !*l.describe("app/db").RotationEnabled)
}

func (l life) replicas() {
	binary, region := aws.String("app/binary"), []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}
	there := func(o *secretsmanager.Options) { o.Region = "eu-west-1" }
	must(l.ReplicateSecretToRegions(l.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: binary, AddReplicaRegions: region}))(l)
	l.is("the replica has the value", bytes.Equal(must(l.GetSecretValue(l.ctx, &secretsmanager.GetSecretValueInput{SecretId: binary}, there))(l).SecretBinary, allBytes))
	put := &secretsmanager.PutSecretValueInput{SecretId: binary, SecretString: aws.String("on its own")}
	_, err := l.PutSecretValue(l.ctx, put, there)
	fails[*types.InvalidParameterException](l, "Operation not permitted on a replica secret.", err)
	must(l.RemoveRegionsFromReplication(l.ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: binary, RemoveReplicaRegions: []string{"eu-west-1"}}))(l)
	_, err = l.DescribeSecret(l.ctx, &secretsmanager.DescribeSecretInput{SecretId: binary}, there)
	fails[*types.ResourceNotFoundException](l, "", err)
	must(l.ReplicateSecretToRegions(l.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: binary, AddReplicaRegions: region}))(l)
	must(l.StopReplicationToReplica(l.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: binary}, there))(l)
	must(l.PutSecretValue(l.ctx, put, there))(l)
}

func (l life) errors() {
	get := func(id string) error {
		_, err := l.GetSecretValue(l.ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		return err
	}
	fails[*types.ResourceNotFoundException](l, "Secrets Manager can't find the specified secret.", get("app/none"))
	_, err := l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{Name: key, SecretString: aws.String("x")})
	fails[*types.ResourceExistsException](l, "the secret app/api-key already exists.", err)
	_, err = l.GetRandomPassword(l.ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(2)})
	fails[*types.InvalidParameterException](l, "Password length is too short based on the required types.", err)
	l.is("what is not modelled has its code", fails[smithy.APIError](l, "Invalid name.", get("a b")).ErrorCode() == "ValidationException")
	_, err = l.ListSecrets(l.ctx, &secretsmanager.ListSecretsInput{}, func(o *secretsmanager.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKIANOBODY", "x", "")
	})
	l.is("a stranger is none", fails[smithy.APIError](l, "The security token included in the request is invalid.", err).ErrorCode() == "UnrecognizedClientException")
}

func (l life) deletion() {
	deleted := must(l.DeleteSecret(l.ctx, &secretsmanager.DeleteSecretInput{SecretId: key, RecoveryWindowInDays: aws.Int64(7)}))(l)
	l.is("it is deleted in a week", time.Until(*deleted.DeletionDate) > 6*24*time.Hour)
	_, err := l.GetSecretValue(l.ctx, &secretsmanager.GetSecretValueInput{SecretId: key})
	fails[*types.InvalidRequestException](l, "because it was marked for deletion.", err)
	listed := must(l.ListSecrets(l.ctx, &secretsmanager.ListSecretsInput{}))(l).SecretList
	l.is("it is not listed", !slices.ContainsFunc(listed, func(s types.SecretListEntry) bool { return *s.Name == *key }))
	must(l.RestoreSecret(l.ctx, &secretsmanager.RestoreSecretInput{SecretId: key}))(l)
	l.is("it is restored", l.text(*key, "") == "third")
	must(l.DeleteSecret(l.ctx, &secretsmanager.DeleteSecretInput{SecretId: key, ForceDeleteWithoutRecovery: aws.Bool(true)}))(l)
	_, err = l.DescribeSecret(l.ctx, &secretsmanager.DescribeSecretInput{SecretId: key})
	fails[*types.ResourceNotFoundException](l, "Secrets Manager can't find the specified secret.", err)
}
