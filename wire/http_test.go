package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestTargetReads(t *testing.T) {
	tests := []struct {
		name               string
		headers            []string
		service, operation string // "" for UnknownOperationException
	}{
		{"an operation of AWS", []string{"secretsmanager.GetSecretValue"}, "secretsmanager", "GetSecretValue"},
		{"an operation of rota", []string{"rota.Status"}, "rota", "Status"},
		{"no operation without the header", nil, "", ""},
		{"no operation that AWS does not have", []string{"secretsmanager.GetSecret"}, "", ""},
		{"no operation in another case", []string{"secretsmanager.getSecretValue"}, "", ""},
		{"no operation of another service", []string{"AWSSecurityTokenService.GetSecretValue"}, "", ""},
		{"no operation of a service with a version", []string{"secretsmanager_20171017.GetSecretValue"}, "", ""},
		{"no operation without a dot", []string{"secretsmanager"}, "", ""},
		{"no operation of rota without a name", []string{"rota."}, "", ""},
		{"no operation of rota with other characters", []string{"rota.a/b"}, "", ""},
		{"no operation of rota with two dots", []string{"rota.a.b"}, "", ""},
		{"no operation when there are two", []string{"secretsmanager.GetSecretValue", "secretsmanager.DeleteSecret"}, "", ""},
		{"no operation when there are two in one line", []string{"secretsmanager.GetSecretValue,secretsmanager.DeleteSecret"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			service, operation, err := Target(http.Header{"X-Amz-Target": tt.headers})
			if service != tt.service || operation != tt.operation {
				t.Errorf("got %q %q %v", service, operation, err)
			}
			if unknown := tt.service == ""; errors.Is(err, rota.UnknownOperation) != unknown || !unknown && err != nil {
				t.Errorf("got the error %v", err)
			}
		})
	}
	_, _, err := Target(http.Header{"X-Amz-Target": {strings.Repeat("x", 100_000)}})
	if len(err.Error()) > 2000 {
		t.Errorf("a long header comes back whole: %d bytes", len(err.Error()))
	}
}

func TestOperationsAreACopyOfThe23(t *testing.T) {
	ops := Operations()
	if len(ops) != 23 {
		t.Fatalf("got %d", len(ops))
	}
	ops[0] = ""
	if Operations()[0] == "" {
		t.Error("a caller can change the list")
	}
}

func TestWriteAnswersWithTheBodyAndNothingElse(t *testing.T) {
	w := httptest.NewRecorder()
	if err := Write(w, "id-1", Encode(&RestoreSecretOutput{ARN: "a", Name: "n"})); err != nil {
		t.Fatal(err)
	}
	h := w.Result().Header
	if w.Code != 200 || w.Body.String() != `{"ARN":"a","Name":"n"}` ||
		h.Get("Content-Type") != "application/x-amz-json-1.1" || h.Get("x-amzn-requestid") != "id-1" ||
		h.Get("Content-Length") != "22" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v %s", w.Code, h, w.Body)
	}
}
