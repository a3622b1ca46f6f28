package remote_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/rotation"
)

var keys = remote.Keys{AccessKeyID: "AKIAX", SecretAccessKey: rota.StringValue("canary-key"), SessionToken: rota.StringValue("canary-token")}

// answering is a client of an endpoint that answers so, and counts requests.
func answering(t *testing.T, answer http.HandlerFunc) (c *remote.Client, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return remote.New(remote.Target{Function: "fn", Region: "eu-west-1", Endpoint: s.URL}, keys), asked
}

func lambdaError(status int, typ, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", typ)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"Type":"User","message":"` + message + `"}`))
	}
}

func TestWhatIsSentIsSignedForLambda(t *testing.T) {
	var got *http.Request
	c, _ := answering(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Clone(context.Background()) })
	if _, err := c.Do(t.Context(), invoke.Request{Payload: []byte(`{}`), Context: `{"custom":{}}`}); err != nil {
		t.Fatal(err)
	}
	if b, err := base64.StdEncoding.DecodeString(got.Header.Get("X-Amz-Client-Context")); err != nil || string(b) != `{"custom":{}}` {
		t.Errorf("the client's context is %q %v", b, err)
	}
	if got.URL.Path != "/2015-03-31/functions/fn/invocations" || got.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" || got.Header.Get("X-Amz-Log-Type") != "Tail" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	if a := got.Header.Get("Authorization"); !strings.Contains(a, "Credential=AKIAX/") || !strings.Contains(a, "/eu-west-1/lambda/aws4_request") || got.Header.Get("X-Amz-Security-Token") != "canary-token" {
		t.Errorf("signed %s", a)
	}
}

func TestAnswersOfAnEndpoint(t *testing.T) {
	for _, c := range []struct {
		guards  string
		answer  http.HandlerFunc
		failure string // the outcome's
		err     string
	}{
		{"an answer is one", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`"x"`)) }, "", ""},
		{"a function's error is its own words", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = w.Write([]byte(`{"errorType":"ValueError","errorMessage":"no host"}`))
		}, "ValueError: no host", ""},
		{"one that cannot be read is an error all the same", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = w.Write([]byte(`<html>`))
		}, "Unhandled: the function reported an error that is not a JSON object", ""},
		{"more than 6 MB is not read to its end", func(w http.ResponseWriter, _ *http.Request) {
			chunk := bytes.Repeat([]byte("x"), 1<<20)
			for range 64 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "Function.ResponseSizeTooLarge", ""},
		{"an accepted event is no answer", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, "", "invoke fn: the endpoint answers 202"},
		{"nobody is sent elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "", "invoke fn: "},
		{"an error of the API is told", lambdaError(403, "AccessDeniedException", "no"), "", "invoke fn: AccessDeniedException: no"},
		{"one of the server is not tried again", lambdaError(500, "ServiceException", "oops"), "", "invoke fn: ServiceException: oops"},
		{"a page of a proxy is an error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html>"))
		}, "", "invoke fn: "},
	} {
		t.Run(c.guards, func(t *testing.T) {
			client, asked := answering(t, c.answer)
			out, err := client.Invoke(t.Context(), []byte(`{}`))
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)):
				t.Errorf("got %v, want %q", err, c.err)
			case c.failure == "" && out.Failure != nil, c.failure != "" && (out.Failure == nil || !strings.HasPrefix(out.Failure.Error(), c.failure)):
				t.Errorf("got %v, want %q", out.Failure, c.failure)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the key is in %v", err)
			}
		})
	}
}

func TestTheLogComesAlong(t *testing.T) {
	c, _ := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte("a line\n")))
	})
	if out, err := c.Invoke(t.Context(), nil); err != nil || out.Log != "a line\n" {
		t.Errorf("%q %v", out.Log, err)
	}
}

func TestThrottlingIsWaitedForWithoutBlame(t *testing.T) {
	c, _ := answering(t, lambdaError(429, "TooManyRequestsException", "Rate Exceeded."))
	_, err := c.Invoke(t.Context(), nil)
	if d, ok := rotation.AskedDelay(err); !errors.Is(err, rotation.ErrNotYet) || !ok || d <= 0 || d > time.Minute {
		t.Errorf("%v", err)
	}
}

func TestNoAnswerInTimeIsATimeOut(t *testing.T) {
	hold := make(chan struct{})
	c, _ := answering(t, func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Invoke(ctx, nil)
	var f *invoke.Failure
	if !errors.As(err, &f) || f.Type != invoke.Timedout || !strings.Contains(f.Message, "may still be running") {
		t.Errorf("%v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(`{"access_key_id":"A","secret_access_key":"B","session_token":"C"}`)
	f.Add(`{"access_key_id":1}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := remote.ParseKeys(rota.StringValue(text))
		if (err == nil) != (k.AccessKeyID != "") || (err == nil) != (k.SecretAccessKey.Len() > 0) {
			t.Errorf("%q is %v %v", text, k.AccessKeyID, err)
		}
		if err != nil && err.Error() != "it is no JSON object with access_key_id and secret_access_key" {
			t.Errorf("the error says %v", err)
		}
	})
}
