package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// bodies are requests about the secret app/db, one for each operation that
// names a secret; each could succeed at some time.
func (c *client) bodies() map[string]string {
	token := `,"ClientRequestToken":"` + newID() + `"`
	all := map[string]string{
		"CancelRotateSecret": "", "DeleteResourcePolicy": "", "DeleteSecret": "", "DescribeSecret": "", "GetResourcePolicy": "", "GetSecretValue": "",
		"ListSecretVersionIds": "", "RestoreSecret": "", "StopReplicationToReplica": "",
		"PutResourcePolicy":            `,"ResourcePolicy":` + quoted(private),
		"PutSecretValue":               `,"SecretString":"x"` + token,
		"RemoveRegionsFromReplication": `,"RemoveReplicaRegions":["eu-west-1"]`,
		"ReplicateSecretToRegions":     `,"AddReplicaRegions":[{"Region":"eu-west-1"}]`,
		"RotateSecret":                 `,"RotationLambdaARN":"` + function0 + `"` + token,
		"TagResource":                  `,"Tags":[{"Key":"a","Value":"b"}]`,
		"UntagResource":                `,"TagKeys":["a"]`,
		"UpdateSecret":                 `,"Description":"x"` + token,
		"UpdateSecretVersionStage":     `,"VersionStage":"x","MoveToVersionId":"` + c.first + `"`,
		"ValidateResourcePolicy":       `,"ResourcePolicy":` + quoted(private),
	}
	for operation, rest := range all {
		all[operation] = `{"SecretId":"app/db"` + rest + `}`
	}
	return all
}

// refused sends a request that must be refused.
func (c *client) refused(t *testing.T, operation, body, name, text string) {
	t.Helper()
	status := 400
	if name == "InternalServiceError" {
		status = 500
	}
	a := send(t, c.request(t, "secretsmanager."+operation, body))
	if a.status != status || a.typ != name || text != "" && a.text != text {
		t.Errorf("%s: got %d %s %q, want %d %s %q", operation, a.status, a.typ, a.text, status, name, text)
	}
}

func TestWhatNamesNoSecretIsNotFound(t *testing.T) {
	c := newClient(t)
	for operation, body := range c.bodies() {
		body = strings.Replace(body, "app/db", "app/none", 1)
		c.refused(t, operation, body, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
}

func TestASecretThatIsMarkedForDeletionTakesNothing(t *testing.T) {
	c := newClient(t)
	must(c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: c.name}))
	exempt := map[string]bool{"DescribeSecret": true, "ListSecretVersionIds": true, "RestoreSecret": true}
	for operation, body := range c.bodies() {
		if !exempt[operation] {
			c.refused(t, operation, body, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
		}
	}
	for operation := range exempt {
		if a := send(t, c.request(t, "secretsmanager."+operation, c.bodies()[operation])); a.status != 200 {
			t.Errorf("%s: got %s", operation, a.body)
		}
	}
	must(c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: c.name}))
	out := must(c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*c.name}}))
	equal(t, "in a batch", *out.Errors[0].ErrorCode, "InvalidRequestException")
	_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: c.name})
	equal(t, "its name", code(err), "InvalidRequestException")
}

func TestABodyThatCannotBeReadIsRefusedByEveryOperation(t *testing.T) {
	c := newClient(t)
	for _, operation := range wire.Operations() {
		c.refused(t, operation, `{"SecretId":`, "SerializationException", "")
		c.refused(t, operation, `[]`, "SerializationException", "")
	}
}

func TestAConstraintThatIsBrokenIsToldByEveryOperation(t *testing.T) {
	c := newClient(t)
	for _, operation := range wire.Operations() {
		body, want := `{}`, "Member must not be null"
		switch operation {
		case "BatchGetSecretValue", "ListSecrets":
			body, want = `{"MaxResults":0}`, "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"
		case "GetRandomPassword":
			body, want = `{"PasswordLength":4097}`, "1 validation error detected: Value '4097' at 'passwordLength' failed to satisfy constraint: Member must have value less than or equal to 4096"
		}
		a := send(t, c.request(t, "secretsmanager."+operation, body))
		if a.typ != "ValidationException" || !strings.HasSuffix(a.text, want) {
			t.Errorf("%s: got %s %q, want ValidationException … %q", operation, a.typ, a.text, want)
		}
	}
	c.refused(t, "PutResourcePolicy", `{"SecretId":""}`, "ValidationException",
		"2 validation errors detected: Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'resourcePolicy' failed to satisfy constraint: Member must not be null")
	c.refused(t, "ReplicateSecretToRegions", `{"SecretId":"app/db","AddReplicaRegions":[{"Region":"EU"},{"Region":""}]}`, "ValidationException",
		`3 validation errors detected: Value 'EU' at 'addReplicaRegions.1.member.region' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$; `+
			`Value '' at 'addReplicaRegions.2.member.region' failed to satisfy constraint: Member must have length greater than or equal to 1; `+
			`Value '' at 'addReplicaRegions.2.member.region' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$`)
}

func TestAServerWhoseDatabaseIsGoneSaysNoMoreThanThat(t *testing.T) {
	c := newClient(t)
	bodies := c.bodies()
	bodies["CreateSecret"] = createBody
	bodies["BatchGetSecretValue"] = `{"Filters":[{"Key":"name","Values":["a"]}]}`
	bodies["ListSecrets"] = `{}`
	bodies["GetRandomPassword"] = `{}`
	c.closeDatabase()
	c.random.dry.Store(true)
	for _, operation := range wire.Operations() {
		c.refused(t, operation, bodies[operation], "InternalServiceError", "An error occurred on the server side.")
	}
}

func TestAValueThatDoesNotOpenIsADecryptionFailure(t *testing.T) {
	c := newClient(t)
	key := must(c.store.DescribeSecret(t.Context(), principalHere, store.DescribeSecretInput{SecretID: *c.name})).Key
	if err := c.driver.Update(t.Context(), func(tx store.Tx) error {
		v, _, err := tx.Version(key, c.second)
		if err != nil {
			return err
		}
		v.Blob[len(v.Blob)-1] ^= 1
		return tx.PutVersion(v)
	}); err != nil {
		t.Fatal(err)
	}
	again := `"ClientRequestToken":"` + c.second + `","SecretString":"` + valueTwo + `"}`
	for operation, body := range map[string]string{
		"GetSecretValue": `{"SecretId":"app/db"}`,
		"PutSecretValue": `{"SecretId":"app/db",` + again,
		"UpdateSecret":   `{"SecretId":"app/db",` + again,
		"CreateSecret":   `{"Name":"app/db",` + again,
	} {
		c.refused(t, operation, body, "DecryptionFailure", "")
	}
	out := must(c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*c.name}}))
	equal(t, "in a batch", *out.Errors[0].ErrorCode, "DecryptionFailure")
}

func TestQuotasAreKept(t *testing.T) {
	c := newClient(t)
	labels := []string{}
	for i := range 18 {
		labels = append(labels, fmt.Sprint("label", i))
	}
	must(c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("x"), VersionStages: labels}))
	c.refused(t, "UpdateSecretVersionStage", c.bodies()["UpdateSecretVersionStage"], "LimitExceededException", "")
	for range 97 { // 100 versions
		must(c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("x"), VersionStages: labels[:1]}))
	}
	c.refused(t, "PutSecretValue", c.bodies()["PutSecretValue"], "LimitExceededException", "")
	c.refused(t, "UpdateSecret", strings.Replace(c.bodies()["UpdateSecret"], `"Description"`, `"SecretString"`, 1), "LimitExceededException", "")
}

func TestWhatIsInUseIsNotUsedAgain(t *testing.T) {
	c := newClient(t)
	c.refused(t, "CreateSecret", `{"Name":"app/db","SecretString":"x","ClientRequestToken":"`+newID()+`"}`,
		"ResourceExistsException", "The operation failed because the secret app/db already exists.")
	c.refused(t, "UpdateSecret", `{"SecretId":"app/db","SecretString":"x","ClientRequestToken":"`+c.first+`"}`,
		"ResourceExistsException", "You can't use ClientRequestToken "+c.first+" because that value is already in use for a version of secret "+*c.arn+".")
}

func TestAFunctionThatCannotBeInvokedIsRefusedAndNothingIsSaved(t *testing.T) {
	c := newClient(t)
	body := strings.Replace(c.bodies()["RotateSecret"], function0, function0+"-unknown", 1)
	c.refused(t, "RotateSecret", body, "AccessDeniedException",
		"Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	if d := c.describe(t); d.RotationEnabled != nil || d.RotationLambdaARN != nil {
		t.Errorf("saved: %v %v", d.RotationEnabled, d.RotationLambdaARN)
	}
}

func TestParametersThatContradictEachOtherAreRefused(t *testing.T) {
	c := newClient(t)
	for _, test := range []struct{ operation, body, name, text string }{
		{"GetRandomPassword", `{"PasswordLength":3}`, "InvalidParameterException", "Password length is too short based on the required types."},
		{"ListSecrets", `{"Filters":[{"Key":"name"}]}`, "InvalidParameterException", "Invalid filter values for key: name"},
		{"BatchGetSecretValue", `{}`, "InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both."},
		{"BatchGetSecretValue", `{"Filters":[{"Key":"name","Values":["a"]}],"NextToken":"x"}`, "InvalidNextTokenException", ""},
		{"ListSecretVersionIds", `{"SecretId":"app/db","NextToken":"x"}`, "InvalidNextTokenException", ""},
		{"StopReplicationToReplica", `{"SecretId":"app/db"}`, "InvalidRequestException", ""},
		{"ValidateResourcePolicy", `{"ResourcePolicy":"{"}`, "MalformedPolicyDocumentException", "This policy has invalid syntax."},
		{"PutResourcePolicy", `{"SecretId":"app/db","ResourcePolicy":"{"}`, "MalformedPolicyDocumentException", "This policy has invalid syntax."},
		{"CreateSecret", `{"Name":"app/x"}`, "InvalidRequestException", "You must provide a ClientRequestToken value. We recommend a UUID-type value."},
		{"RotateSecret", `{"SecretId":"app/db"}`, "InvalidParameterException", "You must provide a ClientRequestToken value. We recommend a UUID-type value."},
		{"UpdateSecretVersionStage", `{"SecretId":"app/db","VersionStage":"x"}`, "InvalidParameterException", ""},
		{"TagResource", `{"SecretId":"app/db","Tags":[{"Key":"a"},{"Key":"a"}]}`, "InvalidParameterException", "The tag key a is given more than once."},
		{"DeleteSecret", `{"SecretId":"app/db","RecoveryWindowInDays":6}`, "InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."},
	} {
		c.refused(t, test.operation, test.body, test.name, test.text)
	}
}
