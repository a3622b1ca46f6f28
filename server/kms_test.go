package server

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// TestTheDefaultKeyIsNotShown however it was named: AWS's clients take a key
// that is shown for one that somebody chose.
func TestTheDefaultKeyIsNotShown(t *testing.T) {
	const alias, arn = "alias/aws/secretsmanager", "arn:aws:kms:us-east-1:123456789012:alias/aws/secretsmanager"
	c := newClient(t)
	shown := func(id *string) string {
		t.Helper()
		return aws.ToString(must(c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: id})).KmsKeyId)
	}
	for _, key := range []string{alias, arn} {
		made := must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/" + newID()), KmsKeyId: &key}))
		equal(t, "of a secret made with "+key, shown(made.ARN), "")
		must(c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: c.name, KmsKeyId: aws.String("alias/mine")}))
		equal(t, "one of mine", shown(c.name), "alias/mine")
		must(c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: c.name, KmsKeyId: &key}))
		equal(t, "of a secret that was given "+key, shown(c.name), "")
	}
}
