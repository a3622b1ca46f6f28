package wire

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

func TestEncodeWrites(t *testing.T) {
	at := time.UnixMilli(1523477145713)
	binary := rota.BinaryValue([]byte{0xfb, 0xff, 0})
	tests := []struct {
		name string
		out  Output
		want string
	}{
		{"an empty object for an operation without output", &TagResourceOutput{}, `{}`},
		{"nothing for absent members", &DescribeSecretOutput{ARN: "a"}, `{"ARN":"a"}`},
		{
			"a secret string", &GetSecretValueOutput{ARN: "a", Name: "n", VersionId: "v", SecretString: rota.StringValue(`{"p":"<é&>"}`), VersionStages: []string{"AWSCURRENT", "x"}, CreatedDate: at},
			`{"ARN":"a","Name":"n","VersionId":"v","SecretString":"{\"p\":\"<é&>\"}","VersionStages":["AWSCURRENT","x"],"CreatedDate":1523477145.713}`,
		},
		{"an empty secret string, which is a value", &GetSecretValueOutput{SecretString: rota.StringValue("")}, `{"SecretString":""}`},
		{"secret binary as base64", &GetSecretValueOutput{SecretBinary: binary}, `{"SecretBinary":"+/8A"}`},
		{"a value only in the member of its kind", &GetSecretValueOutput{SecretBinary: binary, SecretString: binary}, `{"SecretBinary":"+/8A"}`},
		{"no value for a value of no kind", &GetSecretValueOutput{}, `{}`},
		{"false, where a boolean is set", &ValidateResourcePolicyOutput{PolicyValidationPassed: ptr(false), ValidationErrors: []ValidationErrorsEntry{}}, `{"PolicyValidationPassed":false,"ValidationErrors":[]}`},
		{"an empty list, where one is set", &DescribeSecretOutput{Tags: []Tag{}}, `{"Tags":[]}`},
		{"an empty tag value", &DescribeSecretOutput{Tags: []Tag{{"k", ptr("")}, {"l", ptr("v")}}}, `{"Tags":[{"Key":"k","Value":""},{"Key":"l","Value":"v"}]}`},
		{"a map sorted by key", &DescribeSecretOutput{VersionIdsToStages: map[string][]string{"b": {"AWSPENDING"}, "a": {"AWSCURRENT", "x"}, "c": {}}}, `{"VersionIdsToStages":{"a":["AWSCURRENT","x"],"b":["AWSPENDING"],"c":[]}}`},
		{"structures and numbers", &DescribeSecretOutput{RotationEnabled: ptr(true), RotationRules: &RotationRulesType{AutomaticallyAfterDays: ptr(30)}}, `{"RotationEnabled":true,"RotationRules":{"AutomaticallyAfterDays":30}}`},
		{"an empty structure, where one is set", &DescribeSecretOutput{RotationRules: &RotationRulesType{}}, `{"RotationRules":{}}`},
		{"a password", &GetRandomPasswordOutput{RandomPassword: rota.StringValue(`a"\`)}, `{"RandomPassword":"a\"\\"}`},
		{"control characters escaped, and bytes that are not text replaced", &GetResourcePolicyOutput{ResourcePolicy: "\x00\x1f\b\f\n\r\t\x7f\u2028\xff\xe2\x28"}, "{\"ResourcePolicy\":\"\\u0000\\u001f\\u0008\\u000c\\n\\r\\t\x7f\u2028\ufffd\ufffd(\"}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(Encode(tt.out))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !json.Valid([]byte(got)) {
				t.Error("not JSON")
			}
		})
	}
}

func TestTimesAreSecondsWithMilliseconds(t *testing.T) {
	for ms, want := range map[int64]string{
		1523477145713:   "1523477145.713",
		1606262400000:   "1606262400",
		1790000000001:   "1790000000.001",
		1790000000120:   "1790000000.12",
		1790000000300:   "1790000000.3",
		1:               "0.001",
		-1500:           "-1.5",
		253402300799999: "253402300799.999",
	} {
		if got := string(appendTime(nil, time.UnixMilli(ms))); got != want {
			t.Errorf("%d ms: got %s, want %s", ms, got, want)
		}
	}
	if got := string(appendTime(nil, time.Unix(5, 999_999_999))); got != "5.999" {
		t.Errorf("a nanosecond before 6: got %s, want 5.999: never a later time than it was", got)
	}
}

// Reveal is the only way out of a value. Here it may be in three responses
// of AWS's, in what tells a new key, and where a key is derived.
func TestValuesAreRevealedOnlyWhereTheyMayBe(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`[\w.]+\.Reveal\(`)
	function := regexp.MustCompile(`(?m)^func .*\n`)
	allowed := map[string]int{
		"(out *GetSecretValueOutput) appendJSON":    2,
		"(out *SecretValueEntry) appendJSON":        2,
		"(out *GetRandomPasswordOutput) appendJSON": 1,
		"(k *signingKeys) get":                      1,
		// A key that was just made.
		"(d Disclosed) MarshalJSON() ([]byte, error) {\n": 1,
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range call.FindAllIndex(src, -1) {
			in := "the top of " + f.Name()
			for _, fn := range function.FindAll(src[:at[0]], -1) {
				in, _, _ = strings.Cut(strings.TrimPrefix(string(fn), "func "), "(b ")
				in, _, _ = strings.Cut(in, "(a ")
			}
			if allowed[in]--; allowed[in] < 0 {
				t.Errorf("%s reveals a value in %s", f.Name(), in)
			}
		}
	}
	for in, left := range allowed {
		if left > 0 {
			t.Errorf("%s reveals no value any more: mend this list", in)
		}
	}
}
