package lambda

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	smithy "github.com/aws/smithy-go/middleware"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// world is what the function sees of AWS: rota's own store behind its own
// wire API in the place of Secrets Manager, without the engine, whose part
// the test plays; a listener in the place of EventBridge Scheduler; and a
// provider in memory. RotateSecret makes the empty placeholder as AWS does:
// no function is known to this store, so any is accepted.
type world struct {
	*Function
	t         *testing.T
	store     *store.Store
	client    *secretsmanager.Client // another's than the function's
	schedules *schedules
	provider  *rotationtest.Provider
	log       *bytes.Buffer
	metrics   *bytes.Buffer

	mu    sync.Mutex
	ahead time.Duration // of the clock
	calls []string      // of the function
	reads []string      // ids of secrets whose value the function asked for
	puts  []*secretsmanager.PutSecretValueInput
	env   map[string]string
	// At the call of this number the process ends, as far as the function can
	// tell: before the call, or after it and before its answer.
	stopAt    int
	stopAfter bool
}

var errStopped = errors.New("the process ended here")

// everybody may do everything: what is granted is not what is tested here.
type everybody struct{}

func (everybody) Grant(_ context.Context, who wire.Identity) (server.Grant, error) {
	return server.FullAccess(who.Caller.Principal)
}

func (everybody) GrantOf(_ context.Context, arn string) (server.Grant, error) {
	return server.FullAccess(arn)
}

type everyKey struct{}

func (everyKey) Key(context.Context, string, string) (wire.Key, error) {
	return wire.Key{Secret: rota.StringValue("x"), Caller: rota.Caller{Principal: "arn:aws:iam::" + account + ":root", Account: account}}, nil
}

type faults struct {
	at func(point string) rotationtest.Fault
}

func (f faults) At(point string) rotationtest.Fault {
	if f.at == nil {
		return rotationtest.None
	}
	return f.at(point)
}
func (faults) Stop()         {}
func (faults) Stopped() bool { return false }

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, provider: rotationtest.NewProvider(faults{}), schedules: newSchedules(t), log: &bytes.Buffer{}, metrics: &bytes.Buffer{},
		env: map[string]string{
			SchedulerRole: roleARN, SchedulerGroup: "rota", AllowRotators: "model-*", AllowHosts: "provider", AllowAdminSecrets: "admin/*",
			"AWS_LAMBDA_FUNCTION_NAME": "rota-rotation",
		},
	}
	dir := t.TempDir()
	d := testdb.Open(t, filepath.Join(dir, "rota.db"), w.now)
	t.Cleanup(func() { _ = d.Close() })
	sealer, err := seal.Create(filepath.Join(dir, "seal.key"))
	w.must(err)
	w.store, err = store.Open(t.Context(), d, store.Config{Account: account, Region: region, Sealer: sealer, NewID: newID, Rand: rand.Reader})
	w.must(err)
	srv := httptest.NewServer(server.New(server.Config{
		Store: w.store, NewID: newID, Log: slog.New(slog.DiscardHandler), Healthy: func(context.Context) error { return nil },
		ClockHeld: func() string { return "" }, Grants: everybody{},
		Verifier: &wire.Verifier{
			Keys: everyKey{}, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return r == region },
		},
	}))
	t.Cleanup(srv.Close)
	options := secretsmanager.Options{
		Region: region, BaseEndpoint: &srv.URL, Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "x", ""),
	}
	w.client = secretsmanager.New(options)
	options.APIOptions = append(options.APIOptions, w.record)
	catalog, err := rotation.NewCatalog(w.provider.Users(), w.provider.Minting(0), w.provider.Assigning())
	w.must(err)
	getenv := func(name string) string { return w.env[name] }
	allow := AllowFrom(getenv)
	guardedCatalog, err := Guarded(catalog, allow)
	w.must(err)
	w.Function = &Function{
		Catalog: guardedCatalog, Secrets: secretsmanager.New(options), Scheduler: w.schedules.client, Allow: allow, Env: getenv,
		Now: w.now, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Metrics: w.metrics,
	}
	return w
}

// record is a middleware of the SDK: it sees every call that the function
// makes to Secrets Manager.
func (w *world) record(stack *smithy.Stack) error {
	return stack.Initialize.Add(smithy.InitializeMiddlewareFunc("record", func(
		ctx context.Context, in smithy.InitializeInput, next smithy.InitializeHandler,
	) (smithy.InitializeOutput, smithy.Metadata, error) {
		op := middleware.GetOperationName(ctx)
		w.mu.Lock()
		w.calls = append(w.calls, op)
		if get, ok := in.Parameters.(*secretsmanager.GetSecretValueInput); ok {
			w.reads = append(w.reads, *get.SecretId)
		}
		if put, ok := in.Parameters.(*secretsmanager.PutSecretValueInput); ok {
			w.puts = append(w.puts, put)
		}
		stop := w.stopAt > 0 && len(w.calls) >= w.stopAt
		done := !stop || w.stopAfter && len(w.calls) == w.stopAt
		w.mu.Unlock()
		if done {
			out, meta, err := next.HandleInitialize(ctx, in)
			if !stop {
				return out, meta, err
			}
		}
		return smithy.InitializeOutput{}, smithy.Metadata{}, errStopped
	}), smithy.After)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// now is the clock of the store and of the function; signatures are of the
// real time.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// put makes a secret.
func (w *world) put(name string, v rota.Value, tags ...string) {
	w.t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(string(v.Reveal()))}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	_, err := w.client.CreateSecret(w.t.Context(), in)
	w.must(err)
}

// rotate is RotateSecret: it returns the token.
func (w *world) rotate(name string) string {
	w.t.Helper()
	out, err := w.client.RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name, RotationLambdaARN: aws.String(functionARN)})
	w.must(err)
	return *out.VersionId
}

func (w *world) describe(name string) rota.Secret {
	w.t.Helper()
	out, err := w.client.DescribeSecret(w.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
	w.must(err)
	s, err := described(out)
	w.must(err)
	return s
}

func (w *world) value(name, label string) rota.Value {
	w.t.Helper()
	out, err := w.client.GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name, VersionStage: &label})
	w.must(err)
	return rota.StringValue(*out.SecretString)
}

// invoke is Lambda's part: the ARN is in the context, and RotationToken is
// the one of the rotation that runs.
func (w *world) invoke(step rota.Step, name, version string) (Answer, error) {
	w.t.Helper()
	return w.invokeIn(w.t.Context(), step, name, version)
}

func (w *world) invokeIn(ctx context.Context, step rota.Step, name, version string) (Answer, error) {
	w.t.Helper()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: functionARN})
	ev := rota.Event{Step: step, SecretID: name, ClientRequestToken: version}
	if sec, err := w.store.DescribeSecret(ctx, rota.Caller{Account: account, Region: region}, store.DescribeSecretInput{SecretID: name}); err == nil {
		ev.SecretID = sec.ARN()
		task, err := w.store.Task(ctx, sec.Key)
		w.must(err)
		ev.RotationToken = task.RotationToken
	}
	return w.Handle(ctx, ev)
}

var fourSteps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// steps runs the four steps, each times times.
func (w *world) steps(name, token string, times int) {
	w.t.Helper()
	for _, s := range fourSteps {
		for range times {
			if _, err := w.invoke(s, name, token); err != nil {
				w.t.Fatalf("%s: %v", s, err)
			}
		}
	}
	if got := w.describe(name).VersionOf(rota.Current); got != token {
		w.t.Fatalf("AWSCURRENT is on %s, want %s", got, token)
	}
	w.good(name)
}

// good checks that the provider accepts AWSCURRENT.
func (w *world) good(name string) {
	w.t.Helper()
	if !w.provider.Accepts(w.value(name, rota.Current)) {
		w.t.Fatal("the provider does not accept AWSCURRENT")
	}
}

// fails wants an error of the type that Lambda is told, with the text.
func fails(t *testing.T, err error, typ, text string) {
	t.Helper()
	var told messages.InvokeResponse_Error
	if !errors.As(err, &told) || told.Type != typ || !strings.Contains(told.Message, text) {
		t.Errorf("error %v (type %s), want %s with %q", err, told.Type, typ, text)
	}
}

// planned lists the times of the schedules that exist, by the version they
// end.
func (w *world) planned() (out []string) {
	for _, b := range w.schedules.have {
		input := b["Target"].(map[string]any)["Input"].(string)
		_, version, _ := strings.Cut(input, `"ClientRequestToken":"`)
		out = append(out, fmt.Sprintf("%.8s %s", version, b["ScheduleExpression"]))
	}
	return out
}
