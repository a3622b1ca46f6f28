package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/wire"
)

// client is the AWS SDK with what each test starts from: the secret app/db,
// described as "first", with the tag team=a and two values.
type client struct {
	*secretsmanager.Client
	*world
	first, second string // versions
	key           string // an access key of somebody's, where a test makes one
	name, arn     *string
}

const (
	valueOne = "canary-value-one"
	valueTwo = "canary-value-two"
)

func newClient(t *testing.T) *client {
	t.Helper()
	w := newWorld(t)
	c := &client{Client: w.sdk(), world: w, name: aws.String("app/db"), first: newID(), second: newID()}
	made := must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: c.name, SecretString: aws.String(valueOne), ClientRequestToken: &c.first, Description: aws.String("first"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	must(c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String(valueTwo), ClientRequestToken: &c.second}))
	c.arn = made.ARN
	return c
}

// must stops the test at an error; the test of that operation says more.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// code is the name of the error that a call answered.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// second is the error of a call whose answer does not matter.
func second[T any](_ T, err error) error { return err }

// justNow is true of what happened since the test began.
func justNow(t *testing.T, what string, at *time.Time) {
	t.Helper()
	if at == nil || time.Since(*at) < -time.Second || time.Since(*at) > time.Minute {
		t.Errorf("%s: got %v, want a moment ago", what, at)
	}
}

// today is true of the date of a read, which is a day without a time.
func today(t *testing.T, what string, at *time.Time) {
	t.Helper()
	if at == nil || time.Since(*at) < 0 || time.Since(*at) > 24*time.Hour+time.Minute || !at.Equal(at.Truncate(24*time.Hour)) {
		t.Errorf("%s: got %v, want today's date", what, at)
	}
}

func (c *client) describe(t *testing.T) *secretsmanager.DescribeSecretOutput {
	t.Helper()
	return must(c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: c.name}))
}

type (
	Ctx = context.Context
	// operationTest is about one operation, with a client of its own.
	operationTest = func(*testing.T, Ctx, *client)
)

func TestEveryOperationAnswersTheAWSSDK(t *testing.T) {
	tests := map[string]operationTest{
		"CreateSecret": func(t *testing.T, ctx Ctx, c *client) {
			id := newID()
			out := must(c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
				Name: aws.String("app/new"), SecretBinary: []byte{0, 1, 2}, ClientRequestToken: &id, KmsKeyId: aws.String("alias/x"), Type: aws.String("SomePartner"),
			}))
			equal(t, "name", *out.Name, "app/new")
			equal(t, "version", *out.VersionId, id)
			if !strings.HasPrefix(*out.ARN, "arn:aws:secretsmanager:"+region+":"+account+":secret:app/new-") {
				t.Errorf("ARN %s", *out.ARN)
			}
			d := must(c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: out.ARN}))
			equal(t, "key", aws.ToString(d.KmsKeyId), "alias/x")
			equal(t, "type", aws.ToString(d.Type), "SomePartner")
			_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
				Name: aws.String("app/both"), SecretBinary: []byte{1}, SecretString: aws.String("1"),
			})
			equal(t, "both values", code(err), "InvalidParameterException")
		},
		"PutSecretValue": func(t *testing.T, ctx Ctx, c *client) {
			id := newID()
			out := must(c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
				SecretId: c.name, SecretBinary: []byte{7}, ClientRequestToken: &id, VersionStages: []string{"MINE"},
			}))
			equal(t, "version", *out.VersionId, id)
			equal(t, "stages", strings.Join(out.VersionStages, " "), "MINE")
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("other"), ClientRequestToken: &id})
			equal(t, "the same token with another value", code(err), "ResourceExistsException")
			_, err = c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("app/none"), SecretString: aws.String("x")})
			equal(t, "unknown", code(err), "ResourceNotFoundException")
		},
		"GetSecretValue": func(t *testing.T, ctx Ctx, c *client) {
			out := must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.name}))
			equal(t, "current", aws.ToString(out.SecretString), valueTwo)
			equal(t, "version", aws.ToString(out.VersionId), c.second)
			equal(t, "stages", strings.Join(out.VersionStages, " "), "AWSCURRENT")
			equal(t, "binary", len(out.SecretBinary), 0)
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			justNow(t, "created", out.CreatedDate)
			out = must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.arn, VersionStage: aws.String("AWSPREVIOUS")}))
			equal(t, "previous", aws.ToString(out.SecretString), valueOne)
			out = must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.name, VersionId: &c.first}))
			equal(t, "by version", aws.ToString(out.SecretString), valueOne)
			must(c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretBinary: []byte{0, 255}}))
			out = must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.name}))
			if !bytes.Equal(out.SecretBinary, []byte{0, 255}) || out.SecretString != nil {
				t.Errorf("a binary value came back as %v and %v", out.SecretBinary, out.SecretString)
			}
			_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/none")})
			equal(t, "unknown", code(err), "ResourceNotFoundException")
		},
		"BatchGetSecretValue": func(t *testing.T, ctx Ctx, c *client) {
			out := must(c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*c.name, "app/none"}}))
			if len(out.SecretValues) != 1 || len(out.Errors) != 1 {
				t.Fatalf("%d values and %d errors, want one each", len(out.SecretValues), len(out.Errors))
			}
			v := out.SecretValues[0]
			equal(t, "value", aws.ToString(v.SecretString), valueTwo)
			equal(t, "ARN", *v.ARN, *c.arn)
			equal(t, "name", *v.Name, *c.name)
			equal(t, "version", *v.VersionId, c.second)
			equal(t, "stages", strings.Join(v.VersionStages, " "), "AWSCURRENT")
			justNow(t, "created", v.CreatedDate)
			equal(t, "error", aws.ToString(out.Errors[0].ErrorCode), "ResourceNotFoundException")
			equal(t, "whose", aws.ToString(out.Errors[0].SecretId), "app/none")
			equal(t, "and why", aws.ToString(out.Errors[0].Message), "Secrets Manager can't find the specified secret.")
			for name, team := range map[string]string{"app/b": "b", "app/ab": "ab", "a": "c"} {
				must(c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
					Name: &name, SecretString: aws.String("x"), Tags: []types.Tag{{Key: aws.String("team"), Value: &team}},
				}))
			}
			filtered := func(max int32, values ...string) *secretsmanager.BatchGetSecretValueOutput {
				return must(c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{
					Filters: []types.Filter{{Key: types.FilterNameStringTypeTagValue, Values: values}}, MaxResults: &max,
				}))
			}
			var found []string
			for _, v := range filtered(20, "a").SecretValues {
				found = append(found, *v.Name)
			}
			slices.Sort(found)
			equal(t, "by filter", strings.Join(found, " "), "app/ab app/db")
			page := filtered(1, "a")
			equal(t, "on a page", len(page.SecretValues), 1)
			equal(t, "with more behind it", page.NextToken != nil, true)
		},
		"UpdateSecret": func(t *testing.T, ctx Ctx, c *client) {
			id := newID()
			out := must(c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{
				SecretId: c.name, Description: aws.String(""), SecretString: aws.String("third"), ClientRequestToken: &id, KmsKeyId: aws.String("alias/y"),
			}))
			equal(t, "version", aws.ToString(out.VersionId), id)
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			d := c.describe(t)
			equal(t, "description", aws.ToString(d.Description), "")
			equal(t, "key", aws.ToString(d.KmsKeyId), "alias/y")
			equal(t, "stages", strings.Join(d.VersionIdsToStages[id], " "), "AWSCURRENT")
			_, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: c.name, SecretBinary: []byte{1}, SecretString: aws.String("1")})
			equal(t, "both values", code(err), "InvalidParameterException")
		},
		"UpdateSecretVersionStage": func(t *testing.T, ctx Ctx, c *client) {
			out := must(c.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: c.name, VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &c.second, MoveToVersionId: &c.first,
			}))
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			equal(t, "stages", strings.Join(c.describe(t).VersionIdsToStages[c.first], " "), "AWSCURRENT")
		},
		"DescribeSecret": func(t *testing.T, ctx Ctx, c *client) {
			d := c.describe(t)
			equal(t, "name", *d.Name, *c.name)
			equal(t, "ARN", *d.ARN, *c.arn)
			equal(t, "description", *d.Description, "first")
			equal(t, "tag", *d.Tags[0].Key+"="+*d.Tags[0].Value, "team=a")
			equal(t, "current", strings.Join(d.VersionIdsToStages[c.second], " "), "AWSCURRENT")
			equal(t, "previous", strings.Join(d.VersionIdsToStages[c.first], " "), "AWSPREVIOUS")
			if d.RotationEnabled != nil || d.RotationRules != nil || d.LastAccessedDate != nil || d.DeletedDate != nil || d.KmsKeyId != nil {
				t.Errorf("members without a value are there: %+v", d)
			}
			justNow(t, "created", d.CreatedDate)
			justNow(t, "changed", d.LastChangedDate)
			must(c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there + "=alias/k")}))
			d = c.describe(t)
			equal(t, "replica", told(d.ReplicationStatus), "eu-west-1 InSync alias/k Replication succeeded")
			equal(t, "primary", *d.PrimaryRegion, region)
			equal(t, "the replica was not read", d.ReplicationStatus[0].LastAccessedDate == nil, true)
			c.readIn(t, there)
			today(t, "the replica was read", c.describe(t).ReplicationStatus[0].LastAccessedDate)
		},
		"ListSecrets": func(t *testing.T, ctx Ctx, c *client) {
			must(c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("app/a")}))
			must(c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("other")}))
			var names []string
			pages := secretsmanager.NewListSecretsPaginator(c, &secretsmanager.ListSecretsInput{
				Filters:    []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"app/"}}},
				MaxResults: aws.Int32(1), SortBy: types.SortByTypeName, SortOrder: types.SortOrderTypeDesc,
			})
			for pages.HasMorePages() {
				for _, s := range must(pages.NextPage(ctx)).SecretList {
					names = append(names, *s.Name)
					if *s.Name == *c.name {
						equal(t, "stages", strings.Join(s.SecretVersionsToStages[c.second], " "), "AWSCURRENT")
						equal(t, "ARN", *s.ARN, *c.arn)
						equal(t, "description", *s.Description, "first")
						equal(t, "tag", *s.Tags[0].Key+"="+*s.Tags[0].Value, "team=a")
						d := c.describe(t)
						equal(t, "created", *s.CreatedDate, *d.CreatedDate)
						equal(t, "changed", *s.LastChangedDate, *d.LastChangedDate)
					}
				}
			}
			equal(t, "names", strings.Join(names, " "), "app/db app/a")
			_, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{NextToken: aws.String("mine")})
			equal(t, "a token of another's", code(err), "InvalidNextTokenException")
			must(c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name}))
			equal(t, "deleted left out", len(must(c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})).SecretList), 2)
			equal(t, "deleted asked for", len(must(c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})).SecretList), 3)
		},
		"ListSecretVersionIds": func(t *testing.T, ctx Ctx, c *client) {
			must(c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("third")}))
			out := must(c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: c.name}))
			equal(t, "versions with a label", len(out.Versions), 2)
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			for _, v := range out.Versions {
				justNow(t, "created", v.CreatedDate)
				equal(t, "never read", v.LastAccessedDate == nil, true)
			}
			must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.name, VersionId: &c.first}))
			out = must(c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: c.name, IncludeDeprecated: aws.Bool(true)}))
			equal(t, "all versions", len(out.Versions), 3)
			equal(t, "oldest", *out.Versions[0].VersionId, c.first)
			equal(t, "its stages", len(out.Versions[0].VersionStages), 0)
			today(t, "its last read", out.Versions[0].LastAccessedDate)
			equal(t, "the stages of the next", strings.Join(out.Versions[1].VersionStages, " "), "AWSPREVIOUS")
			equal(t, "key", strings.Join(out.Versions[0].KmsKeyIds, " "), "DefaultEncryptionKey")
		},
		"DeleteSecret": func(t *testing.T, ctx Ctx, c *client) {
			out := must(c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name, RecoveryWindowInDays: aws.Int64(7)}))
			if d := time.Until(*out.DeletionDate); d < 6*24*time.Hour || d > 7*24*time.Hour {
				t.Errorf("deleted in %s, want 7 days", d)
			}
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: c.name})
			equal(t, "its value", code(err), "InvalidRequestException")
			must(c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name, ForceDeleteWithoutRecovery: aws.Bool(true)}))
			_, err = c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: c.name})
			equal(t, "deleted with force", code(err), "ResourceNotFoundException")
		},
		"RestoreSecret": func(t *testing.T, ctx Ctx, c *client) {
			must(c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name}))
			out := must(c.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: c.name}))
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
			if d := c.describe(t); d.DeletedDate != nil {
				t.Errorf("still deleted at %s", d.DeletedDate)
			}
		},
		"TagResource": func(t *testing.T, ctx Ctx, c *client) {
			must(c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: c.name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}, {Key: aws.String("x")}}}))
			d := c.describe(t)
			equal(t, "tags", len(d.Tags), 2)
			equal(t, "overwritten", *d.Tags[0].Value, "b")
			_, err := c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: c.name, Tags: []types.Tag{{Key: aws.String("rota:expire"), Value: aws.String("some day")}}})
			equal(t, "a setting that nobody could use", code(err), "InvalidParameterException")
		},
		"UntagResource": func(t *testing.T, ctx Ctx, c *client) {
			must(c.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: c.name, TagKeys: []string{"team"}}))
			if d := c.describe(t); d.Tags == nil || len(d.Tags) != 0 {
				t.Errorf("tags are %v, want [] once all are gone", d.Tags)
			}
		},
		"RotateSecret": func(t *testing.T, ctx Ctx, c *client) {
			id := c.rotatable(t)
			token := newID()
			out := must(c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
				SecretId: id, RotationLambdaARN: aws.String(function0), ClientRequestToken: &token,
				RotationRules:                  &types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)"), Duration: aws.String("2h")},
				ExternalSecretRotationMetadata: []types.ExternalSecretRotationMetadataItem{{Key: aws.String("expire"), Value: aws.String("immediately")}},
				ExternalSecretRotationRoleArn:  aws.String("arn:aws:iam::123456789012:role/r"),
			}))
			equal(t, "version", *out.VersionId, token)
			equal(t, "name", *out.Name, *id)
			d := must(c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id}))
			equal(t, "ARN", *out.ARN, *d.ARN)
			equal(t, "enabled", *d.RotationEnabled, true)
			equal(t, "function", *d.RotationLambdaARN, function0)
			equal(t, "schedule", *d.RotationRules.ScheduleExpression, "rate(10 days)")
			equal(t, "window", *d.RotationRules.Duration, "2h")
			equal(t, "the metadata's key", *d.ExternalSecretRotationMetadata[0].Key, "expire")
			equal(t, "metadata", *d.ExternalSecretRotationMetadata[0].Value, "immediately")
			equal(t, "role", *d.ExternalSecretRotationRoleArn, "arn:aws:iam::123456789012:role/r")
			equal(t, "pending", strings.Join(d.VersionIdsToStages[token], " "), "AWSPENDING")
			if d.NextRotationDate == nil {
				t.Error("there is no next rotation")
			}
			_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: c.name})
			equal(t, "without a function", code(err), "InvalidRequestException")

			test := newID()
			must(c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
				SecretId: c.rotatableAs(t, "app/later"), RotationLambdaARN: aws.String(function0), ClientRequestToken: &test,
				RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(5)}, RotateImmediately: aws.Bool(false),
			}))
			d = must(c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("app/later")}))
			equal(t, "days", *d.RotationRules.AutomaticallyAfterDays, 5)
			if next := time.Until(*d.NextRotationDate); next < 4*24*time.Hour || next > 6*24*time.Hour {
				t.Errorf("the next rotation is in %s, want 5 days", next)
			}
			copied := must(c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/later"), VersionId: &test}))
			equal(t, "what a test is about, without a rotation", *copied.SecretString, string(rotationtest.KeyValue("k0", "s0").Reveal()))
		},
		"CancelRotateSecret": func(t *testing.T, ctx Ctx, c *client) {
			id := c.rotatable(t)
			must(c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
				SecretId: id, RotationLambdaARN: aws.String(function0), RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
			}))
			out := must(c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: id}))
			equal(t, "name", *out.Name, *id)
			d := must(c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id}))
			equal(t, "ARN", *out.ARN, *d.ARN)
			equal(t, "the version that was not finished", strings.Join(d.VersionIdsToStages[aws.ToString(out.VersionId)], " "), "AWSPENDING")
			equal(t, "enabled", *d.RotationEnabled, false)
			equal(t, "days", *d.RotationRules.AutomaticallyAfterDays, 30)
		},
		"GetRandomPassword": func(t *testing.T, ctx Ctx, c *client) {
			yes := aws.Bool(true)
			draw := func(in secretsmanager.GetRandomPasswordInput) string {
				return *must(c.GetRandomPassword(ctx, &in)).RandomPassword
			}
			// Where all others are excluded each character must be of the class
			// that is left; a password of 40 is of all that were not.
			const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
			const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
			for chars, in := range map[string]secretsmanager.GetRandomPasswordInput{
				lower:       {ExcludeUppercase: yes, ExcludeNumbers: yes, ExcludePunctuation: yes},
				upper:       {ExcludeLowercase: yes, ExcludeNumbers: yes, ExcludePunctuation: yes},
				digits:      {ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludePunctuation: yes},
				punctuation: {ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludeNumbers: yes},
				" ":         {ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludeNumbers: yes, ExcludePunctuation: yes, IncludeSpace: yes},
				"7":         {ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludePunctuation: yes, ExcludeCharacters: aws.String("012345689")},
			} {
				in.PasswordLength = aws.Int64(40)
				if got := draw(in); len(got) != 40 || strings.Trim(got, chars) != "" {
					t.Errorf("got %d characters with %q, want 40 of %q", len(got), strings.Trim(got, chars), chars)
				}
			}
			all := draw(secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(5), IncludeSpace: yes})
			for _, class := range []string{lower, upper, digits, punctuation, " "} {
				equal(t, "a password of 5 has one of "+class, strings.ContainsAny(all, class), true)
			}
			equal(t, "too short for all", code(second(c.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(1)}))), "InvalidParameterException")
			equal(t, "where not all must be there", len(draw(secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(1), RequireEachIncludedType: aws.Bool(false)})), 1)
		},
	}
	maps.Copy(tests, policyTests)
	maps.Copy(tests, replicationTests)
	have := slices.Sorted(maps.Keys(New(Config{}).aws))
	if known := wire.Operations(); !slices.Equal(have, known) {
		t.Errorf("the server has %v, and the service model %v", have, known)
	}
	if tested := slices.Sorted(maps.Keys(tests)); !slices.Equal(have, tested) {
		t.Errorf("the server has %v, and tested are %v", have, tested)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if err, ok := recover().(error); ok {
					t.Fatal(err)
				}
			}()
			test(t, t.Context(), newClient(t))
		})
	}
}

// rotatable makes a secret that holds a key of the provider.
func (c *client) rotatable(t *testing.T) *string {
	t.Helper()
	return c.rotatableAs(t, "app/key")
}

func (c *client) rotatableAs(t *testing.T, name string) *string {
	t.Helper()
	c.provider.AddKey("k0", "by hand", "s0")
	must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: aws.String(string(rotationtest.KeyValue("k0", "s0").Reveal())),
	}))
	return &name
}
