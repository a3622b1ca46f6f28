package server

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota/rotation/rotationtest"
)

// told is a list of regions in one line each.
func told(list []types.ReplicationStatusType) string {
	var out []string
	for _, r := range list {
		out = append(out, strings.TrimSpace(strings.Join([]string{*r.Region, string(r.Status), *r.KmsKeyId, aws.ToString(r.StatusMessage)}, " ")))
	}
	return strings.Join(out, ", ")
}

func regions(names ...string) (out []types.ReplicaRegionType) {
	for _, n := range names {
		name, key, _ := strings.Cut(n, "=")
		r := types.ReplicaRegionType{Region: &name}
		if key != "" {
			r.KmsKeyId = &key
		}
		out = append(out, r)
	}
	return out
}

// readIn is the value of app/db in a region.
func (c *client) readIn(t *testing.T, region string) string {
	t.Helper()
	out, err := c.sdkIn(region).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: c.name})
	if err != nil {
		return code(err)
	}
	return aws.ToString(out.SecretString)
}

var replicationTests = map[string]operationTest{
	"ReplicateSecretToRegions": func(t *testing.T, ctx Ctx, c *client) {
		must(c.sdkIn(elsewhere).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: c.name, SecretString: aws.String("other")}))
		out := must(c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there+"=alias/k", elsewhere)}))
		equal(t, "ARN", *out.ARN, *c.arn)
		equal(t, "the answer", told(out.ReplicationStatus), "eu-west-1 InProgress alias/k, ap-south-1 InProgress alias/aws/secretsmanager")
		equal(t, "what became of it", told(c.describe(t).ReplicationStatus),
			"eu-west-1 InSync alias/k Replication succeeded, ap-south-1 Failed alias/aws/secretsmanager Replication failed: Secret name app/db already exists in region ap-south-1.")
		equal(t, "the copy", c.readIn(t, there), valueTwo)
		equal(t, "the other", c.readIn(t, elsewhere), "other")
		d := must(c.sdkIn(there).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: c.name}))
		equal(t, "its ARN", *d.ARN, strings.Replace(*c.arn, region, there, 1))
		equal(t, "its key", *d.KmsKeyId, "alias/k")
		equal(t, "its primary", *d.PrimaryRegion, region)
		equal(t, "its regions", len(d.ReplicationStatus), 0)

		must(c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: c.name, AddReplicaRegions: regions(elsewhere), ForceOverwriteReplicaSecret: true,
		}))
		equal(t, "overwritten", c.readIn(t, elsewhere), valueTwo)
		must(c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("third")}))
		equal(t, "followed", c.readIn(t, there)+" "+c.readIn(t, elsewhere), "third third")
		if told := c.describe(t).ReplicationStatus[0].LastAccessedDate; told == nil {
			t.Error("the primary does not tell when the replica was read")
		}
		_, err := c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(region)})
		equal(t, "its own region", code(err), "InvalidParameterException")
	},
	"RemoveRegionsFromReplication": func(t *testing.T, ctx Ctx, c *client) {
		must(c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there, elsewhere)}))
		equal(t, "a copy", c.readIn(t, elsewhere), valueTwo)
		_, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name})
		equal(t, "deleting a primary", err.Error()[strings.Index(err.Error(), "You can't"):], "You can't delete secret "+*c.arn+" that still has replica regions [eu-west-1, ap-south-1].")
		out := must(c.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: c.name, RemoveReplicaRegions: []string{there}}))
		equal(t, "ARN", *out.ARN, *c.arn)
		equal(t, "the other is left", told(out.ReplicationStatus), "ap-south-1 InSync alias/aws/secretsmanager Replication succeeded")
		equal(t, "removed", c.readIn(t, there), "ResourceNotFoundException")
		a := send(t, c.request(t, "secretsmanager.RemoveRegionsFromReplication", `{"SecretId":"app/db","RemoveReplicaRegions":["ap-south-1","sa-east-1"]}`))
		equal(t, "the answer when nothing is left", a.body, `{"ARN":"`+*c.arn+`","ReplicationStatus":[]}`)
		must(c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: c.name}))
	},
	"StopReplicationToReplica": func(t *testing.T, ctx Ctx, c *client) {
		must(c.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there)}))
		away := c.sdkIn(there)
		out := must(away.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: c.name}))
		equal(t, "ARN", *out.ARN, strings.Replace(*c.arn, region, there, 1))
		must(away.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("apart")}))
		equal(t, "the promoted one", c.readIn(t, there), "apart")
		equal(t, "the former primary", c.readIn(t, region), valueTwo)
		if d := c.describe(t); d.PrimaryRegion != nil || d.ReplicationStatus != nil {
			t.Errorf("the former primary tells of %v and %v", d.PrimaryRegion, d.ReplicationStatus)
		}
	},
}

func TestAReplicaIsReadOnly(t *testing.T) {
	c := newClient(t)
	must(c.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there)}))
	reading := []string{"DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "ValidateResourcePolicy"}
	bodies := c.bodies()
	for _, operation := range slices.Sorted(maps.Keys(bodies)) { // reads leave a date that others show
		body := bodies[operation]
		if operation == "StopReplicationToReplica" {
			continue // the one change that is made there
		}
		a := send(t, c.requestIn(t, there, "secretsmanager."+operation, body))
		if slices.Contains(reading, operation) {
			if a.status != 200 {
				t.Errorf("%s: %s", operation, a.body)
			}
			continue
		}
		want := "Operation not permitted on a replica secret. Call must be made in primary secret's region."
		if a.typ != "InvalidParameterException" || a.text != want {
			t.Errorf("%s: got %s %q, want InvalidParameterException %q", operation, a.typ, a.text, want)
		}
	}
	equal(t, "the value", c.readIn(t, there), valueTwo)
	must(c.sdkIn(there).UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: c.name, KmsKeyId: aws.String("alias/there")}))
	equal(t, "the key, which alone may change", told(c.describe(t).ReplicationStatus), "eu-west-1 InSync alias/there Replication succeeded")
}

func TestToOverwriteASecretTakesTheRightToDeleteIt(t *testing.T) {
	c := newClient(t)
	away := c.sdkIn(there)
	must(away.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: c.name, SecretString: aws.String("precious")}))
	here := strings.Replace(statement("Allow", []string{"secretsmanager:*"}, ""), `"Resource":"*"`, `"Resource":"arn:aws:secretsmanager:`+region+`:*:secret:*"`, 1)
	overwrite := `{"SecretId":"app/db","AddReplicaRegions":[{"Region":"` + there + `"}],"ForceOverwriteReplicaSecret":true}`
	a := c.user(t, "ann", here).asks(t, region, "secretsmanager.ReplicateSecretToRegions", overwrite)
	equal(t, "without a right there", a.typ, "AccessDeniedException")
	equal(t, "what is there", c.readIn(t, there), "precious")
	must(away.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{
		SecretId: c.name, ResourcePolicy: aws.String(statement("Deny", []string{"secretsmanager:DeleteSecret"}, `,"Principal":"*"`)),
	}))
	a = c.user(t, "ann", statement("Allow", []string{"*"}, "")).asks(t, region, "secretsmanager.ReplicateSecretToRegions", overwrite)
	equal(t, "against its policy", a.typ, "AccessDeniedException")
	equal(t, "what is there then", c.readIn(t, there), "precious")
}

func TestTheRegionOfTheSignatureDecidesWhichSecretIsMeant(t *testing.T) {
	c := newClient(t)
	away := c.sdkIn(there)
	made := must(away.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: c.name, SecretString: aws.String("away")}))
	equal(t, "its ARN", strings.HasPrefix(*made.ARN, "arn:aws:secretsmanager:"+there+":"), true)
	equal(t, "here", c.readIn(t, region), valueTwo)
	equal(t, "there", c.readIn(t, there), "away")
	equal(t, "elsewhere", c.readIn(t, elsewhere), "ResourceNotFoundException")
	_, err := away.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: c.arn})
	equal(t, "the ARN of another region", code(err), "ResourceNotFoundException")
	equal(t, "a list", len(must(away.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})).SecretList), 1)
	_, err = c.sdkIn("sa-east-1").ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	equal(t, "a region that is not served", code(err), "InvalidSignatureException")
	if want := "Credential should be scoped to a valid region, not 'sa-east-1'."; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestARotationInAnotherRegionWorksAndReplicatesHome(t *testing.T) {
	c := newClient(t)
	c.runEngine(t)
	c.provider.AddKey("k0", "by hand", "s0")
	away, name := c.sdkIn(there), aws.String("app/key")
	must(away.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: name, SecretString: aws.String(string(rotationtest.KeyValue("k0", "s0").Reveal())), AddReplicaRegions: regions(region),
	}))
	token := newID()
	must(away.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: name, ClientRequestToken: &token, RotationLambdaARN: aws.String(strings.Replace(function0, region, there, 1)),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	}))
	var there, here *secretsmanager.GetSecretValueOutput
	until(t, "the rotation", func() (bool, any) {
		there = must(away.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: name}))
		return *there.VersionId == token, there.VersionStages
	})
	here = must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: name}))
	equal(t, "version at home", *here.VersionId, token)
	equal(t, "value at home", *here.SecretString, *there.SecretString)
}
