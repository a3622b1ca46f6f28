package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
)

func ptr[T any](v T) *T { return &v }

// values compares secret values without showing them.
var values = cmp.Comparer(rota.Value.Equal)

func TestDecodeReads(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	tests := []struct {
		name, body string
		in, want   Input
	}{
		{
			"every kind of member",
			`{"SecretId":"a","RotationRules":{"AutomaticallyAfterDays":30,"Duration":"3h"},"RotateImmediately":false,
			  "ExternalSecretRotationMetadata":[{"Key":"k","Value":"v"},{"Key":"l","Value":"w"}]}`,
			&RotateSecretInput{},
			&RotateSecretInput{
				SecretId: "a", RotationRules: &RotationRulesType{AutomaticallyAfterDays: ptr(30), Duration: "3h"},
				RotateImmediately:              ptr(false),
				ExternalSecretRotationMetadata: []ExternalSecretRotationMetadataItem{{"k", "v"}, {"l", "w"}},
			},
		},
		{
			"absent booleans and numbers as nil, not as false and 0",
			`{}`, &GetRandomPasswordInput{}, &GetRandomPasswordInput{},
		},
		{
			"a number that is given, also in other spellings of a whole one",
			`{"PasswordLength":1e2}`, &GetRandomPasswordInput{}, &GetRandomPasswordInput{PasswordLength: ptr(100)},
		},
		{
			"zero and negative numbers where the model has no range",
			`{"SecretId":"a","RecoveryWindowInDays":-7}`, &DeleteSecretInput{}, &DeleteSecretInput{SecretId: "a", RecoveryWindowInDays: ptr(-7)},
		},
		{
			"an empty text that differs from an absent one",
			`{"SecretId":"a","Description":"","KmsKeyId":""}`,
			&UpdateSecretInput{}, &UpdateSecretInput{SecretId: "a", Description: ptr(""), KmsKeyId: ptr("")},
		},
		{
			"an empty secret string, which is the store's to refuse",
			`{"SecretId":"a","SecretString":""}`,
			&PutSecretValueInput{}, &PutSecretValueInput{SecretId: "a", SecretString: rota.StringValue("")},
		},
		{
			"a secret string with escapes",
			`{"SecretId":"a","SecretString":"{\"p\":\"\u00E9\ud83D\uDE00\/\\\b\f\n\r\t\"}"}`,
			&PutSecretValueInput{}, &PutSecretValueInput{SecretId: "a", SecretString: rota.StringValue("{\"p\":\"é😀/\\\b\f\n\r\t\"}")},
		},
		{
			"secret binary from base64",
			`{"SecretId":"a","SecretBinary":"AAH/"}`,
			&PutSecretValueInput{}, &PutSecretValueInput{SecretId: "a", SecretBinary: rota.BinaryValue([]byte{0, 1, 255})},
		},
		{
			"null as absent, at every depth",
			`{"SecretId":"a","RotationRules":null,"ClientRequestToken":null,"RotateImmediately":null,"ExternalSecretRotationMetadata":[{"Key":null,"Value":"v"}]}`,
			&RotateSecretInput{},
			&RotateSecretInput{SecretId: "a", ExternalSecretRotationMetadata: []ExternalSecretRotationMetadataItem{{"", "v"}}},
		},
		{
			"names with their case: another spelling is another, unknown, member",
			`{"SecretId":"a","secretid":"b","versionId":5,"VERSIONSTAGE":[]}`, &GetSecretValueInput{}, &GetSecretValueInput{SecretId: "a"},
		},
		{
			"past unknown members of any shape",
			`{"x":{"y":["]}",{"\"}":null}]},"z":-1.5e+3,"SecretId":"a","w":"\\","v":true}`, &GetSecretValueInput{}, &GetSecretValueInput{SecretId: "a"},
		},
		{
			"the last of a member that is given twice",
			`{"SecretId":"a","VersionId":5,"SecretId":"b","VersionId":"` + token + `"}`,
			&GetSecretValueInput{}, &GetSecretValueInput{SecretId: "b", VersionId: token},
		},
		{
			"a last null as absent, whatever came before",
			`{"SecretId":"a","VersionStage":"x","VersionStage":null}`, &GetSecretValueInput{}, &GetSecretValueInput{SecretId: "a"},
		},
		{
			"nothing of a first structure when there is a second, not even its mistakes",
			`{"SecretId":"a","RotationRules":{"Duration":"never","AutomaticallyAfterDays":1},"RotationRules":{"Duration":"3h"}}`,
			&RotateSecretInput{}, &RotateSecretInput{SecretId: "a", RotationRules: &RotationRulesType{Duration: "3h"}},
		},
		{
			"a name with escapes",
			`{"Secret\u0049d":"a"}`, &GetSecretValueInput{}, &GetSecretValueInput{SecretId: "a"},
		},
		{
			"space anywhere",
			" \r\n\t{ \"SecretId\" : \"a\" , \"Tags\" : [ { \"Key\" : \"k\" } , { \"Key\" : \"l\" , \"Value\" : \"\" } ] } ",
			&TagResourceInput{}, &TagResourceInput{SecretId: "a", Tags: []Tag{{Key: "k"}, {Key: "l", Value: ptr("")}}},
		},
		{
			"an empty list that differs from an absent one",
			`{"SecretId":"a","TagKeys":[ ]}`, &UntagResourceInput{}, &UntagResourceInput{SecretId: "a", TagKeys: []string{}},
		},
		{
			"into a structure that was used before, leaving nothing of that",
			`{"SecretId":"a"}`, &GetSecretValueInput{VersionId: token}, &GetSecretValueInput{SecretId: "a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Decode([]byte(tt.body), tt.in); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, tt.in, values); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeRefusesWithSerializationException(t *testing.T) {
	const mark = "c4n4ry"
	tests := []struct {
		name, body string
		in         Input
		want       string
	}{
		{"no body", ``, &GetSecretValueInput{}, "The request body is not valid JSON."},
		{"what is not JSON", `{"SecretId":'a'}`, &GetSecretValueInput{}, "The request body is not valid JSON."},
		{"a body that is cut off", `{"SecretId":"a"`, &GetSecretValueInput{}, "The request body is not valid JSON."},
		{"two values", `{} {}`, &GetSecretValueInput{}, "The request body is not valid JSON."},
		{"bytes that are not UTF-8", "{\"SecretId\":\"\xff\"}", &GetSecretValueInput{}, "The request body is not valid JSON."},
		{"a body of null", `null`, &GetSecretValueInput{}, "Unexpected null."},
		{"a body that is a list", `[]`, &GetSecretValueInput{}, "Start of list found where not expected"},
		{"a body that is text", `"a"`, &GetSecretValueInput{}, "Unexpected STRING_VALUE where a structure or list was expected."},
		{"a number for text", `{"SecretId":5}`, &GetSecretValueInput{}, "NUMBER_VALUE can not be converted to a String"},
		{"true for text", `{"SecretId":true}`, &GetSecretValueInput{}, "TRUE_VALUE can not be converted to a String"},
		{"a structure for text", `{"SecretId":{}}`, &GetSecretValueInput{}, "Start of structure or map found where not expected."},
		{"a list for text", `{"SecretId":["a"]}`, &GetSecretValueInput{}, "Start of list found where not expected"},
		{"text for a number", `{"MaxResults":"5"}`, &ListSecretsInput{}, "STRING_VALUE can not be converted to an Integer"},
		{"a fraction for a number", `{"MaxResults":5.5}`, &ListSecretsInput{}, "NUMBER_VALUE can not be converted to an Integer"},
		{"a number past all bounds", `{"PasswordLength":1e400}`, &GetRandomPasswordInput{}, "NUMBER_VALUE can not be converted to a Long"},
		{"false for a number", `{"PasswordLength":false}`, &GetRandomPasswordInput{}, "FALSE_VALUE can not be converted to a Long"},
		{"text for a boolean", `{"IncludeSpace":"true"}`, &GetRandomPasswordInput{}, "STRING_VALUE can not be converted to an Boolean"},
		{"text for a structure", `{"SecretId":"a","RotationRules":"x"}`, &RotateSecretInput{}, "Unexpected STRING_VALUE where a structure or list was expected."},
		{"text for a list", `{"SecretId":"a","TagKeys":"x"}`, &UntagResourceInput{}, "Unexpected STRING_VALUE where a structure or list was expected."},
		{"text for a list of structures", `{"SecretId":"a","Tags":"x"}`, &TagResourceInput{}, "Unexpected STRING_VALUE where a structure or list was expected."},
		{"a number in a list of texts", `{"SecretId":"a","TagKeys":["x",5]}`, &UntagResourceInput{}, "NUMBER_VALUE can not be converted to a String"},
		{"a list in a list of structures", `{"SecretId":"a","Tags":[[]]}`, &TagResourceInput{}, "Start of list found where not expected"},
		{"a number for a secret value", `{"SecretId":"a","SecretString":12345}`, &PutSecretValueInput{}, "NUMBER_VALUE can not be converted to a String"},
		{"true for secret binary", `{"SecretId":"a","SecretBinary":true}`, &PutSecretValueInput{}, "TRUE_VALUE can not be converted to a Blob"},
		{"secret binary that is not base64", `{"SecretId":"a","SecretBinary":"` + mark + `!"}`, &PutSecretValueInput{}, "A value can not be converted to a Blob: it is not base64"},
		{"a secret with the first half of a surrogate pair", `{"SecretId":"a","SecretString":"` + mark + `\ud83d"}`, &PutSecretValueInput{}, "A string holds half a surrogate pair."},
		{"a secret with the second half only", `{"SecretId":"a","SecretString":"` + mark + `\ude00"}`, &PutSecretValueInput{}, "A string holds half a surrogate pair."},
		{"a secret with a half before another escape", `{"SecretId":"a","SecretString":"` + mark + `\ud83d\u0041"}`, &PutSecretValueInput{}, "A string holds half a surrogate pair."},
		{"a wrong type before a broken constraint", `{"SecretId":"","VersionId":5}`, &GetSecretValueInput{}, "NUMBER_VALUE can not be converted to a String"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode([]byte(tt.body), tt.in)
			var e *rota.Error
			if !errors.As(err, &e) || e.Code != rota.Serialization || e.Message != tt.want {
				t.Fatalf("got %v, want the message %q", err, tt.want)
			}
			if strings.Contains(err.Error(), mark) {
				t.Error("the error holds the value")
			}
		})
	}
}
