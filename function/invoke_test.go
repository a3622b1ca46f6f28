//go:build linux

package function_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// client is the real SDK with somebody's key.
func (w *world) client(id, secret string) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

func (w *world) admin() *lambda.Client { return w.client(adminKey, secretKey) }

// user makes a user who may do what a policy says.
func (w *world) user(name, document string) *lambda.Client {
	w.t.Helper()
	must(w.store.CreatePrincipal(w.t.Context(), rota.Caller{}, name))
	if err := w.store.PutPrincipalPolicy(w.t.Context(), rota.Caller{}, name, "p", document, true); err != nil {
		w.t.Fatal(err)
	}
	k := must(w.store.CreateAccessKey(w.t.Context(), rota.Caller{}, name))
	return w.client(k.ID, string(k.Secret.Reveal()))
}

func fn(name string) *string { return &name }

func TestTheInvokeAPIAnswersAsLambdaDoes(t *testing.T) {
	w := newWorld(t)
	w.register("x", 20*time.Second)
	for _, name := range []string{"fn", "fn:$LATEST", fnARN, account + ":function:fn"} {
		out, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn(name), Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if out.StatusCode != 200 || string(out.Payload) != `{"a":1}` || out.FunctionError != nil || *out.ExecutedVersion != "$LATEST" {
			t.Errorf("%s: %d %s %v", name, out.StatusCode, out.Payload, out.FunctionError)
		}
	}
	out, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != 204 || len(out.Payload) > 0 {
		t.Errorf("DryRun: %v %v", out, err)
	}
	if n := len(w.wrote("attempts")); n != 0 {
		t.Errorf("%d invocations were rotations", n)
	}
	w.nothingLeft()
}

func TestAFunctionsErrorIsAnAnswerWithAHeader(t *testing.T) {
	w := newWorld(t)
	w.register("exits testSecret", 20*time.Second)
	event := []byte(`{"Step":"testSecret","SecretId":"app/key","ClientRequestToken":"t"}`)
	out, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), Payload: event, LogType: types.LogTypeTail})
	if err != nil || out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" {
		t.Fatalf("%v %v", out, err)
	}
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	if want := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + id + ` Error: Runtime exited with error: exit status 4"}`; id == "" || string(out.Payload) != want {
		t.Errorf("got %s", out.Payload)
	}
	if log, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); string(log) != "no more\n" {
		t.Errorf("its log is %q", log)
	}
	w.mend() // now it does the step: with credentials for the secret, in which no rotation runs
	out, err = w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), Payload: event})
	if err != nil || !strings.Contains(string(out.Payload), "the secret is not in rotation") {
		t.Errorf("%s %v", out.Payload, err)
	}
}

// TestAFunctionIsToldWhichRequestItIsAndByWhom: the id is the one that the
// caller has, and the client's context comes through a remote function too.
func TestAFunctionIsToldWhichRequestItIsAndByWhom(t *testing.T) {
	w := newWorld(t)
	w.register("tells", 20*time.Second)
	w.remotely(w.url, 20*time.Second)
	client := base64.StdEncoding.EncodeToString([]byte("{ \"custom\":\n{\"a\":\"b c\"} }"))
	for _, name := range []string{"fn", "there"} {
		out, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, ClientContext: &client})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
		var got [2]string
		if err := json.Unmarshal(out.Payload, &got); err != nil || got[1] != `{"custom":{"a":"b c"}}` {
			t.Errorf("%s is told %s", name, out.Payload)
		}
		if name == "fn" && (id == "" || got[0] != id) {
			t.Errorf("it is told the id %q, and the caller %q", got[0], id)
		}
	}
}

func TestEventIsAcceptedAndRunsLater(t *testing.T) {
	w := newWorld(t)
	w.register("exits testSecret", 20*time.Second)
	out, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: fn("fn"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"Step":"testSecret","SecretId":"app/key"}`),
	})
	if err != nil || out.StatusCode != 202 || len(out.Payload) > 0 {
		t.Fatalf("%v %v", out, err)
	}
	w.until("its failure in the server's log", func() bool {
		return strings.Contains(w.log.String(), "an asynchronous invocation failed") && strings.Contains(w.log.String(), "exit status 4")
	})
	w.nothingLeft()
}

func TestErrorsOfTheInvokeAPI(t *testing.T) {
	w := newWorld(t)
	w.register("x", 20*time.Second)
	mayAll := w.user("all", session.Allow([]string{"lambda:InvokeFunction", "secretsmanager:RotateSecret"}, "*"))
	mayFn := w.user("one", session.Allow([]string{"lambda:InvokeFunction"}, fnARN))
	mayNot := w.user("none", session.Allow([]string{"secretsmanager:*"}, "*"))
	rotation := []byte(`{"Step":"testSecret","SecretId":"app/key","ClientRequestToken":"t"}`)
	for _, c := range []struct {
		guards string
		client *lambda.Client
		in     lambda.InvokeInput
		code   string
		status int
		text   string
	}{
		{"a function that is not registered is 404", mayAll, lambda.InvokeInput{FunctionName: fn("none")}, "ResourceNotFoundException", 404, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:none:$LATEST"},
		{"so is a version", mayAll, lambda.InvokeInput{FunctionName: fn("fn"), Qualifier: fn("7")}, "ResourceNotFoundException", 404, "Function not found: " + fnARN + ":7"},
		{"and another account's", mayAll, lambda.InvokeInput{FunctionName: fn("210987654321:function:fn")}, "ResourceNotFoundException", 404, "Function not found: "},
		{"what is not JSON is no payload", mayAll, lambda.InvokeInput{FunctionName: fn("fn"), Payload: []byte("{")}, "InvalidRequestContentException", 400, "Could not parse request body into json"},
		{
			"more than 6 MB is too large", mayAll,
			lambda.InvokeInput{FunctionName: fn("fn"), Payload: bytes.Repeat([]byte("1"), 6_291_557)},
			"RequestTooLargeException", 413, "Request must be smaller than 6291556 bytes for the InvokeFunction operation",
		},
		{
			"more than 1 MB is too large for an event", mayAll,
			lambda.InvokeInput{FunctionName: fn("fn"), Payload: bytes.Repeat([]byte("1"), 1<<20+1), InvocationType: types.InvocationTypeEvent},
			"RequestTooLargeException", 413, "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
		},
		{"who may not invoke is refused", mayNot, lambda.InvokeInput{FunctionName: fn("fn")}, "AccessDeniedException", 403, "is not authorized to perform: lambda:InvokeFunction on resource: " + fnARN},
		{"whether it exists or not", mayNot, lambda.InvokeInput{FunctionName: fn("none")}, "AccessDeniedException", 403, "is not authorized to perform: lambda:InvokeFunction"},
		{"a right to one function is none to another", mayFn, lambda.InvokeInput{FunctionName: fn("other")}, "AccessDeniedException", 403, "is not authorized to perform: lambda:InvokeFunction"},
		{"a step is tried only by who may have the secret rotated", mayFn, lambda.InvokeInput{FunctionName: fn("fn"), Payload: rotation}, "AccessDeniedException", 403, "is not authorized to perform: secretsmanager:RotateSecret on resource: app/key"},
		{"a stranger is refused", w.client("AKIASTRANGER00000000", "x"), lambda.InvokeInput{FunctionName: fn("fn")}, "UnrecognizedClientException", 403, "The security token included in the request is invalid."},
		{"a wrong key is refused", w.client(adminKey, "x"), lambda.InvokeInput{FunctionName: fn("fn")}, "InvalidSignatureException", 403, "The request signature we calculated does not match"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			_, err := c.client.Invoke(t.Context(), &c.in)
			var api smithy.APIError
			var res *smithyhttp.ResponseError
			if !errors.As(err, &api) || !errors.As(err, &res) || api.ErrorCode() != c.code || res.HTTPStatusCode() != c.status || !strings.Contains(api.ErrorMessage(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	if out, err := mayFn.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), Payload: []byte(`"x"`)}); err != nil || string(out.Payload) != `"x"` {
		t.Errorf("who may invoke this one: %v", err)
	}
}

func TestRequestsThatTheSDKNeverSends(t *testing.T) {
	w := newWorld(t)
	w.register("x", 20*time.Second)
	for _, c := range []struct {
		guards, method, path, service string
		header                        [2]string
		status                        int
	}{
		{"another operation of Lambda is not here", "POST", "/2015-03-31/functions/fn/versions", "lambda", [2]string{}, 404},
		{"GET invokes nothing", "GET", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{}, 404},
		{"a signature for Secrets Manager is none for Lambda", "POST", "/2015-03-31/functions/fn/invocations", wire.Service, [2]string{}, 403},
		{"an unknown kind of invocation is refused", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Invocation-Type", "Later"}, 400},
		{"an unknown kind of log is refused", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Log-Type", "All"}, 400},
		{"a client's context that is no base64 is refused", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Client-Context", "{}"}, 400},
		{"one that is no object too", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Client-Context", "WzFd"}, 400},
		{"and one that is too long", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(`{"a":"` + strings.Repeat("x", 2678) + `"}`))}, 400},
		{"one that just fits is taken", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{"X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(`{"a":"` + strings.Repeat("x", 2677) + `"}`))}, 200},
		{"what is no name is refused", "POST", "/2015-03-31/functions/a%20b/invocations", "lambda", [2]string{}, 400},
		{"a path upwards is refused", "POST", "/2015-03-31/functions/..%2F..%2Fx/invocations", "lambda", [2]string{}, 400},
		{"a request without a payload is {}", "POST", "/2015-03-31/functions/fn/invocations", "lambda", [2]string{}, 200},
	} {
		t.Run(c.guards, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.header[0] != "" {
				req.Header.Set(c.header[0], c.header[1])
			}
			wire.Sign(req, nil, adminKey, secretKey, region, c.service, time.Now())
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("answered %s", res.Status)
			}
		})
	}
	unsigned, err := http.Post(w.url+"/2015-03-31/functions/fn/invocations", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = unsigned.Body.Close()
	if unsigned.StatusCode != 403 || unsigned.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
		t.Errorf("unsigned: %s", unsigned.Status)
	}
}

func TestWhereAllProcessesAreTakenCallersAreToldToComeBack(t *testing.T) {
	w := newWorld(t)
	w.register("never-answers testSecret", 20*time.Second)
	hang := []byte(`{"Step":"testSecret","SecretId":"app/key"}`)
	for range 3 {
		must(w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), InvocationType: types.InvocationTypeEvent, Payload: hang}))
	}
	w.until("three hanging functions", func() bool { return len(w.wrote("misbehaved")) == 3 })
	_, err := w.admin().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: fn("fn")})
	var busy *types.TooManyRequestsException
	if !errors.As(err, &busy) || aws.ToString(busy.RetryAfterSeconds) != "1" {
		t.Errorf("got %v", err)
	}
	w.router.Close()
	w.nothingLeft()
}

// remotely registers the function there, which is fn through the Invoke API.
func (w *world) remotely(endpoint string, timeout time.Duration) {
	w.t.Helper()
	w.create("rota/there", `{"access_key_id":"`+adminKey+`","secret_access_key":"`+secretKey+`"}`)
	must(w.store.PutFunction(w.t.Context(), rota.Caller{}, store.Function{Name: "there", Definition: store.Definition{
		Kind: store.RemoteFunction, Timeout: timeout, Target: "fn", TargetRegion: region, Endpoint: endpoint, Credentials: "rota/there",
	}}, func() error { return nil }))
}

func TestAFunctionBehindTheInvokeAPIRotates(t *testing.T) {
	w := newWorld(t)
	w.register("exits setSecret", 20*time.Second)
	w.remotely(w.url, 20*time.Second)
	arn := strings.TrimSuffix(fnARN, "fn") + "there"
	token := must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn})).VersionID
	w.run()
	w.until("the failure of the first attempt, with its log", func() bool {
		return strings.Contains(strings.Join(w.journal(), "\n"), "Error: Runtime exited with error: exit status 4; its log ends: no more")
	})
	w.mend()
	w.until("the rotation", func() bool { return w.secret().VersionOf(rota.Current) == token && !w.secret().Rotation.Last.IsZero() })
	if w.password() == canary {
		t.Error("the password is the old one")
	}
	if steps := w.wrote("attempts"); !slices.Equal(steps[len(steps)-4:], []string{"createSecret", "setSecret", "testSecret", "finishSecret"}) {
		t.Errorf("it was sent %v", steps)
	}
}

// leaking is an Invoke API whose function tells a value of the secret: in its
// error and in its log.
func leaking(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte("current "+canary+"\nadmin canary-admin-token\n")))
		_, _ = w.Write([]byte(`{"errorType":"Leaky","errorMessage":"` + canary + ` is the password"}`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestNoValueReachesACallerOrTheLogThroughAFunctionElsewhere: one that is lent
// no credentials can know values all the same. Who invokes it may do that and
// nothing else.
func TestNoValueReachesACallerOrTheLogThroughAFunctionElsewhere(t *testing.T) {
	for _, c := range []struct {
		guards, name string
		register     func(w *world)
	}{
		{"a remote function", "there", func(w *world) { w.remotely(leaking(t), 20*time.Second) }},
		{"a command for the secrets of another server", "fn", func(w *world) {
			w.registerIn("prints-secrets testSecret", `{"SECRETS_MANAGER_ENDPOINT":"`+w.url+`","AWS_ACCESS_KEY_ID":"`+adminKey+`","AWS_SECRET_ACCESS_KEY":"`+secretKey+`"}`, 20*time.Second)
		}},
	} {
		t.Run(c.guards, func(t *testing.T) {
			w := newWorld(t)
			c.register(w)
			caller := w.user("invokes", session.Allow([]string{"lambda:InvokeFunction"}, "*"))
			in := lambda.InvokeInput{FunctionName: &c.name, Payload: []byte(`{"Step":"testSecret","SecretId":"app/key","ClientRequestToken":"t"}`), LogType: types.LogTypeTail}
			out, err := caller.Invoke(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			log, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
			in.InvocationType = types.InvocationTypeEvent
			must(caller.Invoke(t.Context(), &in))
			w.until("the failure in the server's log", func() bool { return strings.Contains(w.log.String(), "an asynchronous invocation failed") })
			for where, text := range map[string]string{"the answer": string(out.Payload), "the end of its log": string(log), "the server's log": w.log.String()} {
				if strings.Contains(text, canary) || strings.Contains(text, "canary-admin-token") {
					t.Errorf("a value is in %s", where)
				}
				if !strings.Contains(text, "[secret]") {
					t.Errorf("%s tells nothing: %s", where, text)
				}
			}
		})
	}
}

func TestWhatARemoteFunctionCannotDoIsInTheJournal(t *testing.T) {
	for _, c := range []struct {
		guards, cause string
		handler       string
		endpoint      func(w *world) string
		timeout       time.Duration
		credentials   string
	}{
		{guards: "nobody listens", cause: "createSecret failed: invoke fn: the endpoint did not answer: connection refused", endpoint: func(*world) string { return "http://127.0.0.1:1" }},
		{
			guards: "it does not answer in time", cause: "createSecret failed: Sandbox.Timedout: no answer of fn within 1.", handler: "never-answers createSecret",
			timeout: 1500 * time.Millisecond,
		},
		{guards: "the function is not there", cause: "createSecret failed: invoke fn: ResourceNotFoundException: Function not found: " + fnARN + ":$LATEST"},
		{guards: "the key is wrong", cause: "createSecret failed: invoke fn: InvalidSignatureException: ", handler: "x", credentials: `{"access_key_id":"` + adminKey + `","secret_access_key":"wrong"}`},
		{guards: "the secret holds no key", cause: "createSecret failed: the secret rota/there with the credentials of the function there: it is no JSON object with access_key_id", handler: "x", credentials: `x`},
	} {
		t.Run(c.guards, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.handler != "" {
				w.register(c.handler, 20*time.Second)
			}
			endpoint, timeout := w.url, 20*time.Second
			if c.endpoint != nil {
				endpoint = c.endpoint(w)
			}
			if c.timeout != 0 {
				timeout = c.timeout
			}
			w.remotely(endpoint, timeout)
			if c.credentials != "" {
				must(w.store.PutSecretValue(t.Context(), rota.Caller{}, store.PutSecretValueInput{SecretID: "rota/there", ClientRequestToken: newID(), Value: rota.StringValue(c.credentials)}))
			}
			arn := strings.TrimSuffix(fnARN, "fn") + "there"
			must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
			w.run()
			w.until("the failure", func() bool { return strings.Contains(strings.Join(w.journal(), "\n"), c.cause) })
			if text := strings.Join(w.journal(), "\n") + w.log.String(); strings.Contains(text, secretKey) || strings.Contains(text, url.QueryEscape(secretKey)) {
				t.Error("the key is in the journal or the log")
			}
		})
	}
}

// TestRotasOwnAWSCredentialsGoToAWSAndOnlyWhereThatIsWanted: also for a
// function that was registered before that was asked.
func TestRotasOwnAWSCredentialsGoToAWSAndOnlyWhereThatIsWanted(t *testing.T) {
	for _, c := range []struct {
		guards, endpoint string
		wanted           bool // rota serve --ambient-aws
		cause            string
	}{
		{"not where nobody asked for it", "", false, "This server signs for no function with its own AWS credentials"},
		{"not to an address that somebody chose", "http://127.0.0.1:1", true, "With an endpoint of its own a remote function needs a secret"},
		{"to AWS where it is wanted", "", true, "signed with its own"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			w := newWorld(t)
			if c.wanted {
				w.router.Remote.Ambient = func(context.Context, remote.Target) (*remote.Client, error) {
					return nil, errors.New("signed with its own")
				}
			}
			f := store.Function{Name: "there", Definition: store.Definition{
				Kind: store.RemoteFunction, Timeout: 20 * time.Second, Target: "fn", TargetRegion: region, Endpoint: c.endpoint,
			}}
			if err := w.router.Check(f); (err == nil) != (c.cause == "signed with its own") || err != nil && !strings.Contains(err.Error(), c.cause) {
				t.Errorf("registering it: %v", err)
			}
			must(w.store.PutFunction(t.Context(), rota.Caller{}, f, func() error { return nil }))
			arn := strings.TrimSuffix(fnARN, "fn") + "there"
			must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
			w.run()
			w.until("the failure", func() bool { return strings.Contains(strings.Join(w.journal(), "\n"), "createSecret failed: "+c.cause) })
		})
	}
}
