package lambda

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// TestTheEndpointIsTheOneThatGoesBeforeTheOthers: where each client sends its
// requests, with which of the variables set.
func TestTheEndpointIsTheOneThatGoesBeforeTheOthers(t *testing.T) {
	var asked []string
	listen := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked = append(asked, name)
			w.WriteHeader(http.StatusBadRequest)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	all, service, ours := listen("AWS_ENDPOINT_URL"), listen("AWS_ENDPOINT_URL_SECRETS_MANAGER"), listen("SECRETS_MANAGER_ENDPOINT")
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		guards             string
		all, service, ours string
		secrets            string // who is asked for secrets; AWS_ENDPOINT_URL, where set, is asked for schedules
	}{
		{"one for all services", all, "", "", "AWS_ENDPOINT_URL"},
		{"the service's own goes before it", all, service, "", "AWS_ENDPOINT_URL_SECRETS_MANAGER"},
		{"and the one of AWS's rotation functions before both", all, service, ours, "SECRETS_MANAGER_ENDPOINT"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", c.all)
			t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", c.service)
			t.Setenv(SecretsEndpoint, c.ours)
			asked = nil
			secrets, schedules, err := Clients(t.Context(), os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err == nil {
				t.Error("an endpoint that refuses everything answered")
			}
			if _, err := schedules.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{}); err == nil {
				t.Error("an endpoint that refuses everything answered")
			}
			if len(asked) != 2 || asked[0] != c.secrets || asked[1] != "AWS_ENDPOINT_URL" {
				t.Errorf("asked were %q, want %s and AWS_ENDPOINT_URL", asked, c.secrets)
			}
		})
	}
}
