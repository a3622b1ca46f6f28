package wire

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestDecodeRefusesInTheWordsOfAWS(t *testing.T) {
	const one, two = "1 validation error detected: ", "2 validation errors detected: "
	const failed = " failed to satisfy constraint: "
	const mark = "c4n4ry"
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name, body string
		in         Input
		want       string
	}{
		{"an absent required member", `{}`, &GetSecretValueInput{}, one + "Value null at 'secretId'" + failed + "Member must not be null"},
		{"a required member that is null", `{"SecretId":null}`, &GetSecretValueInput{}, one + "Value null at 'secretId'" + failed + "Member must not be null"},
		{"an empty required member", `{"SecretId":""}`, &GetSecretValueInput{}, one + "Value '' at 'secretId'" + failed + "Member must have length greater than or equal to 1"},
		{"a token that is too short", `{"Name":"a","ClientRequestToken":"x"}`, &CreateSecretInput{}, one + "Value 'x' at 'clientRequestToken'" + failed + "Member must have length greater than or equal to 32"},
		{"text that is too long, with its beginning only", `{"SecretId":"` + long(2049) + `"}`, &GetSecretValueInput{}, one + "Value '" + long(1024) + "...' at 'secretId'" + failed + "Member must have length less than or equal to 2048"},
		{"text that is too long, cut between two characters", `{"SecretId":"` + long(1023) + strings.Repeat("é", 1026) + `"}`, &GetSecretValueInput{}, one + "Value '" + long(1023) + "...' at 'secretId'" + failed + "Member must have length less than or equal to 2048"},
		{"two members, in the order of the model", `{"VersionStage":"","SecretId":""}`, &GetSecretValueInput{}, two + "Value '' at 'secretId'" + failed + "Member must have length greater than or equal to 1; Value '' at 'versionStage'" + failed + "Member must have length greater than or equal to 1"},
		{"two constraints of one member", `{"SecretId":"a","RotationRules":{"Duration":"1 hour"}}`, &RotateSecretInput{}, two + "Value '1 hour' at 'rotationRules.duration'" + failed + "Member must have length less than or equal to 3; Value '1 hour' at 'rotationRules.duration'" + failed + "Member must satisfy regular expression pattern: [0-9]+h"},
		{"a pattern that matches a part only", `{"SecretId":"a","RotationRules":{"Duration":"3hx"}}`, &RotateSecretInput{}, one + "Value '3hx' at 'rotationRules.duration'" + failed + "Member must satisfy regular expression pattern: [0-9]+h"},
		{"a pattern before a line feed", `{"SecretId":"a","RemoveReplicaRegions":["eu-west-1\n"]}`, &RemoveRegionsFromReplicationInput{}, one + "Value '[eu-west-1\n]' at 'removeReplicaRegions'" + failed + `Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$]`},
		{"an unknown filter key, by its place in the list", `{"Filters":[{"Key":"name"},{"Key":"colour"}]}`, &ListSecretsInput{}, one + "Value 'colour' at 'filters.2.member.key'" + failed + "Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]"},
		{"an empty list of filter values", `{"Filters":[{"Key":"name","Values":[]}]}`, &ListSecretsInput{}, one + "Value '[]' at 'filters.1.member.values'" + failed + "Member must have length greater than or equal to 1"},
		{"an unknown order", `{"SortOrder":"up","SortBy":""}`, &ListSecretsInput{}, two + "Value 'up' at 'sortOrder'" + failed + "Member must satisfy enum value set: [asc, desc]; Value '' at 'sortBy'" + failed + "Member must satisfy enum value set: [created-date, last-accessed-date, last-changed-date, name]"},
		{"a number below its range", `{"MaxResults":0}`, &ListSecretsInput{}, one + "Value '0' at 'maxResults'" + failed + "Member must have value greater than or equal to 1"},
		{"a number above its range", `{"PasswordLength":4097}`, &GetRandomPasswordInput{}, one + "Value '4097' at 'passwordLength'" + failed + "Member must have value less than or equal to 4096"},
		{"a nested number", `{"SecretId":"a","RotationRules":{"AutomaticallyAfterDays":1001}}`, &RotateSecretInput{}, one + "Value '1001' at 'rotationRules.automaticallyAfterDays'" + failed + "Member must have value less than or equal to 1000"},
		{"an element of a list of texts, with all constraints of the element", `{"SecretIdList":["a",""]}`, &BatchGetSecretValueInput{}, one + "Value '[a, ]' at 'secretIdList'" + failed + "Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1]"},
		{"null in a list of texts", `{"SecretIdList":["a",null]}`, &BatchGetSecretValueInput{}, one + "Value '[a]' at 'secretIdList'" + failed + "Member must satisfy constraint: [Member must not be null]"},
		{"null in a list of structures", `{"SecretId":"a","Tags":[{"Key":"k"},null]}`, &TagResourceInput{}, one + "Value null at 'tags.2.member'" + failed + "Member must not be null"},
		{"a list that is too long", `{"SecretId":"a","SecretString":"s","VersionStages":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q","r","s","t","u"]}`, &PutSecretValueInput{}, one + "Value '[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u]' at 'versionStages'" + failed + "Member must have length less than or equal to 20"},
		{"an empty list of structures", `{"SecretId":"a","AddReplicaRegions":[]}`, &ReplicateSecretToRegionsInput{}, one + "Value '[]' at 'addReplicaRegions'" + failed + "Member must have length greater than or equal to 1"},
		{"a tag without a name", `{"SecretId":"a","Tags":[{"Key":"","Value":""}]}`, &TagResourceInput{}, one + "Value '' at 'tags.1.member.key'" + failed + "Member must have length greater than or equal to 1"},
		{"a secret string that is too long, without showing it", `{"SecretId":"a","SecretString":"` + mark + long(65536) + `"}`, &PutSecretValueInput{}, one + "Value at 'secretString'" + failed + "Member must have length less than or equal to 65536"},
		{"a secret string whose bytes are too many, though its characters are not", `{"SecretId":"a","SecretString":"` + strings.Repeat("é", 32769) + `"}`, &PutSecretValueInput{}, one + "Value at 'secretString'" + failed + "Member must have length less than or equal to 65536"},
		{"secret binary that is too long, without showing it", `{"SecretId":"a","SecretBinary":"` + base64.StdEncoding.EncodeToString([]byte(mark+long(65536))) + `"}`, &PutSecretValueInput{}, one + "Value at 'secretBinary'" + failed + "Member must have length less than or equal to 65536"},
		{"a rotation token, without showing it", `{"SecretId":"a","RotationToken":"` + mark + `!"}`, &PutSecretValueInput{}, two + "Value at 'rotationToken'" + failed + "Member must have length greater than or equal to 36; Value at 'rotationToken'" + failed + `Member must satisfy regular expression pattern: ^[a-zA-Z0-9\-]+$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode([]byte(tt.body), tt.in)
			var e *rota.Error
			if !errors.As(err, &e) || e.Code != rota.Validation || e.Message != tt.want {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			if strings.Contains(err.Error(), mark) {
				t.Error("the error holds the value")
			}
		})
	}
}

// Most of these are the store's: it has AWS's own sentence for them.
func TestDecodeLetsPass(t *testing.T) {
	tests := []struct {
		name, body string
		in         Input
	}{
		{"an absent ClientRequestToken", `{"SecretId":"a","SecretString":"s"}`, &PutSecretValueInput{}},
		{"no value at all", `{"SecretId":"a"}`, &PutSecretValueInput{}},
		{"an empty secret string", `{"SecretId":"a","SecretString":""}`, &PutSecretValueInput{}},
		{"empty secret binary", `{"SecretId":"a","SecretBinary":""}`, &PutSecretValueInput{}},
		{"both values", `{"Name":"a","SecretString":"s","SecretBinary":"AA=="}`, &CreateSecretInput{}},
		{"the characters of a name", `{"Name":"a name with spaces & more"}`, &CreateSecretInput{}},
		{"the characters of a secret id", `{"SecretId":"!"}`, &GetSecretValueInput{}},
		{"the recovery window", `{"SecretId":"a","RecoveryWindowInDays":0}`, &DeleteSecretInput{}},
		{"text of as many characters as the model allows, in more bytes", `{"SecretId":"` + strings.Repeat("é", 2048) + `","TagKeys":["` + strings.Repeat("é", 128) + `"]}`, &UntagResourceInput{}},
		{"a secret string of exactly the limit", `{"SecretId":"a","SecretString":"` + strings.Repeat("x", 65536) + `"}`, &PutSecretValueInput{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Decode([]byte(tt.body), tt.in); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASmallRequestCannotMakeAHugeError(t *testing.T) {
	body := `{"SecretId":"a","Tags":[` + strings.Repeat(`{"Key":""},`, 9999) + `{"Key":""}]}`
	err := Decode([]byte(body), &TagResourceInput{})
	if !errors.Is(err, rota.Validation) || len(err.Error()) > 10_000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	if want := "32 validation errors detected: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %.60s, want %s", err, want)
	}
}
