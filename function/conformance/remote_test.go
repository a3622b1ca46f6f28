package conformance_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/remote"
)

// TestAFunctionBehindAnInvokeEndpointIsTested: it finds Secrets Manager where
// its environment says, with one key for all of its invocations.
func TestAFunctionBehindAnInvokeEndpointIsTested(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String() // free, and as good as kept
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	at := conformance.Endpoint{URL: "http://" + address, Region: conformance.Region, AccessKeyID: "AKIAEMULATED", SecretAccessKey: "emulated"}
	for defect, broken := range map[string][]string{"": nil, "tests nothing": {"test-tests", "waits-for-it"}} {
		c := sampleConfig(t, defect)
		d := &door{open: "first-password"}
		f := sample{d, defect}
		emulator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/2015-03-31/functions/function/invocations" {
				t.Errorf("invoked at %s", r.URL.Path)
			}
			event, err := io.ReadAll(r.Body)
			if err == nil {
				err = f.handle(r.Context(), at, event)
			}
			if err == nil {
				return
			}
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_ = json.NewEncoder(w).Encode(map[string]string{"errorType": "Error", "errorMessage": err.Error()})
		}))
		c.Function = conformance.Remote(remote.New(
			remote.Target{Function: "function", Region: conformance.Region, Endpoint: emulator.URL},
			remote.Keys{AccessKeyID: "AKIAANYBODY", SecretAccessKey: rota.StringValue("x")},
		))
		c.Provider, c.Listen, c.AccessKeyID, c.SecretAccessKey = d.provider(), address, at.AccessKeyID, at.SecretAccessKey
		run(t, c, broken...)
		emulator.Close()
	}
}
