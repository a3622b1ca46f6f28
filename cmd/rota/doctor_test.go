package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotahq/rota/function/lambda"
)

// TestDoctorSaysWhatToRun: against a server in the place of Secrets Manager,
// and a listener in that of EventBridge Scheduler.
func TestDoctorSaysWhatToRun(t *testing.T) {
	n, c := startTestNode(t, t.TempDir(), newDemoRotator())
	timers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/schedules" {
			t.Errorf("doctor sends %s %s", r.Method, r.URL.Path)
		}
		_, _ = io.WriteString(w, `{"Schedules":[]}`)
	}))
	t.Cleanup(timers.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": c.keys.id, "AWS_SECRET_ACCESS_KEY": string(c.keys.secret.Reveal()), "AWS_REGION": defaultRegion, "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"), "AWS_PROFILE": "",
		lambda.SecretsEndpoint: n.url, "AWS_ENDPOINT_URL_SCHEDULER": timers.URL,
	} {
		t.Setenv(name, value)
	}
	doctor := func(want int, args ...string) (out, say string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"doctor"}, args...), nil, &stdout, &stderr); code != want {
			t.Fatalf("exit code %d, want %d: %s", code, want, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	call := func(op string, in, out any) {
		t.Helper()
		if err := c.aws(t.Context(), op, in, out); err != nil {
			t.Fatal(err)
		}
	}
	if _, say := doctor(exitUsage); !strings.Contains(say, "doctor wants --aws") {
		t.Errorf("without --aws: %s", say)
	}
	// What would be looked at in the wrong place, or not at all, is refused.
	for flag, value := range map[string]string{"--function": "rota-rotation", "--endpoint": n.url, "--credentials": "none", "--data": t.TempDir()} {
		if _, say := doctor(exitUsage, "--aws", flag, value); !strings.Contains(say, flag) {
			t.Errorf("with %s: %s", flag, say)
		}
	}
	if out, say := doctor(exitOK, "--aws"); out != "" || !strings.Contains(say, "looked at 0 secrets and 0 schedules") {
		t.Errorf("with nothing to find: %s%s", out, say)
	}
	type m map[string]any
	const token = "0a1b2c3d-1111-4111-8111-111111111111"
	call("CreateSecret", m{"Name": "app/x", "SecretString": "first", "ClientRequestToken": "11111111-1111-4111-8111-111111111111"}, nil)
	call("PutSecretValue", m{"SecretId": "app/x", "SecretString": "old", "ClientRequestToken": token, "VersionStages": []string{"rota-ends-20200101T000000Z-0a1b2c3d"}}, nil)
	out, say := doctor(exitFailed, "--aws")
	for _, want := range []string{
		"ending overdue: app/x, version " + token + "\n", "was to end at 2020-01-01T00:00:00Z and is not proven dead",
		`  $ echo '{"Step":"expireSecret","SecretId":"arn:aws:secretsmanager:`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor says\n%s\nwant %q", out, want)
		}
	}
	if !strings.Contains(say, "1 thing to mend") {
		t.Errorf("doctor says %s", say)
	}
	out, _ = doctor(exitFailed, "--aws", "--json")
	var report lambda.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Secrets != 1 || len(report.Findings) != 1 || report.Findings[0].Kind != lambda.EndingOverdue {
		t.Errorf("%s: %v", out, err)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, say := doctor(exitFailed, "--aws"); !strings.Contains(say, "no AWS region is known: set AWS_REGION") {
		t.Errorf("without a region: %s", say)
	}
}
