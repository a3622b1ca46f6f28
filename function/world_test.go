//go:build linux

package function_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// TestMain makes this binary the tests, the keeper and the function.
func TestMain(m *testing.M) {
	local.Keep()
	switch {
	case len(os.Args) > 1 && os.Args[1] == "linger":
		linger()
	case len(os.Args) > 1 && os.Args[1] == "serve-echo":
		serveEcho()
	case len(os.Args) > 1 && os.Args[1] == "nothing":
		return
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		behave(os.Getenv("_HANDLER"))
		return
	}
	os.Exit(m.Run())
}

const (
	account  = "123456789012"
	region   = "us-east-1"
	adminKey = "AKIAROTATESTADMIN000"
	adminArn = "arn:aws:iam::" + account + ":user/rota-admin"
	canary   = "canary-hunter2-canary"
)

var secretKey = rand.Text() + rand.Text()

// world is rota with its server and its engine, and a folder for a function.
type world struct {
	t       testing.TB
	store   *store.Store
	router  *function.Router
	server  *server.Server
	engine  *engine.Engine
	url     string
	folder  string
	log     *testlog.Buffer
	changed chan struct{}
}

var ids atomic.Int64

func newID() string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", os.Getpid(), ids.Add(1))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type sessions struct{ who *session.Directory }

func (s sessions) Session(ctx context.Context, r function.SessionRequest) (local.Session, error) {
	c, err := s.who.IssueSession(ctx, session.Request{
		Principal: session.FunctionRole(r.Account), Policy: r.Policy, Claim: r.Claim, Duration: r.Duration, Name: r.Function,
	})
	return local.Session{AccessKeyID: c.AccessKeyID, SecretAccessKey: string(c.Secret.Reveal()), SessionToken: string(c.Token.Reveal())}, err
}

// newWorld has the secrets app/key, its admin secret admin/api, and
// other/secret. The engine does not run yet.
func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, folder: t.TempDir(), log: &testlog.Buffer{}, changed: make(chan struct{}, 1)}
	d := testdb.Open(t, filepath.Join(dir, "rota.db"), time.Now)
	sealer := must(seal.Create(filepath.Join(dir, "seal.key")))
	catalog := must(rotation.NewCatalog(rotationtest.NewProvider(noFaults{}).Minting(0)))
	w.store = must(store.Open(t.Context(), d, store.Config{
		Account: account, Region: region, Sealer: sealer, NewID: newID, Rand: rand.Reader,
		Functions: function.Registry{Catalog: catalog}, Policies: server.ResourcePolicies{},
		Changed: func() {
			if w.engine != nil {
				w.engine.Wake()
			}
		},
	}))
	must(w.store.FirstPrincipals(t.Context(),
		store.FirstPrincipal{Principal: "rota-admin", PolicyName: "All", Document: allow("*"), KeyID: adminKey, Secret: rota.StringValue(secretKey)},
		store.FirstPrincipal{Principal: session.FunctionRole(account), PolicyName: "Functions", Document: allow("secretsmanager:*")},
	))
	who := session.New(w.store, sealer, rand.Reader)
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.router = &function.Router{
		InProcess: function.InProcess{Handler: &rotation.Handler{Catalog: catalog, Now: time.Now, Rand: rand.Reader}, Store: w.store},
		Store:     w.store, Remote: function.Remote{Store: w.store},
		Local: function.NewLocal(function.LocalConfig{
			Store: w.store, Host: local.Host{Now: time.Now, NewID: newID}, Endpoint: func() string { return w.url },
			Sessions: sessions{who}, Limit: 3, StepTimeout: 20 * time.Second,
		}),
	}
	w.engine = engine.New(engine.Config{
		Store: w.store, Invoker: w.router, Owner: "test", Log: log, Rand: rand.Reader, NewID: newID, StepTimeout: 20 * time.Second,
		Caller: rota.Caller{Principal: "arn:aws:iam::" + account + ":role/rota-engine", Account: account, Region: region},
	})
	keys := server.Principals{Directory: who}
	w.server = server.New(server.Config{
		Store: w.store, NewID: newID, Log: log, ClockHeld: func() string { return "" }, Grants: keys, Sessions: who, Functions: w.router,
		Healthy:  func(context.Context) error { return nil },
		Verifier: &wire.Verifier{Keys: keys, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return r == region }},
	})
	srv := httptest.NewServer(w.server)
	w.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		w.router.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the log:\n%s", w.log)
		}
	})
	w.create("admin/api", `{"token":"canary-admin-token"}`, rota.Tag{Key: "rota:serves", Value: "app/"})
	w.create("app/key", `{"username":"app","password":"`+canary+`"}`, rota.Tag{Key: "rota:admin", Value: "admin/api"})
	w.create("other/secret", "other")
	return w
}

func allow(actions ...string) string { return session.Allow(actions, "*") }

type noFaults struct{}

func (noFaults) At(string) rotationtest.Fault { return rotationtest.None }
func (noFaults) Stop()                        {}
func (noFaults) Stopped() bool                { return false }

func (w *world) create(name, value string, tags ...rota.Tag) {
	w.t.Helper()
	must(w.store.CreateSecret(w.t.Context(), rota.Caller{}, store.CreateSecretInput{
		Name: name, ClientRequestToken: newID(), Value: rota.StringValue(value), Tags: tags,
	}))
}

// register makes this binary the function fn.
func (w *world) register(handler string, timeout time.Duration) {
	w.t.Helper()
	w.registerIn(handler, `{"API_TOKEN":"canary-of-the-environment"}`, timeout)
}

func (w *world) registerIn(handler, env string, timeout time.Duration) {
	w.t.Helper()
	exe := must(os.Executable())
	must(w.store.PutFunction(w.t.Context(), rota.Caller{}, store.Function{
		Name: "fn", Env: rota.StringValue(env),
		Definition: store.Definition{Kind: store.LocalFunction, Timeout: timeout, Command: []string{exe}, Folder: w.folder, Handler: handler, Memory: 2 << 30},
	}, func() error { return nil }))
}

const fnARN = "arn:aws:lambda:" + region + ":" + account + ":function:fn"

// rotate asks for a rotation by the function fn, and runs the engine until
// the test ends.
func (w *world) rotate() (token string) {
	w.t.Helper()
	arn := fnARN
	out := must(w.store.RotateSecret(w.t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
	w.run()
	return out.VersionID
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.engine.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
}

const patience = 60 * time.Second

// until looks until what it waits for is there.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not within %s; the journal:\n%s", what, patience, strings.Join(w.journal(), "\n"))
		}
	}
}

func (w *world) secret() rota.Secret {
	return must(w.store.DescribeSecret(w.t.Context(), rota.Caller{}, store.DescribeSecretInput{SecretID: "app/key"}))
}

func (w *world) password() string {
	v := must(w.store.GetSecretValue(w.t.Context(), rota.Caller{}, store.GetSecretValueInput{SecretID: "app/key"}))
	var doc struct{ Username, Password string }
	if err := json.Unmarshal(v.Value.Reveal(), &doc); err != nil || doc.Username != "app" {
		w.t.Errorf("AWSCURRENT is no value of this secret: %v", err)
	}
	return doc.Password
}

// journal is the entries, oldest first: step, outcome, cause, next.
func (w *world) journal() (lines []string) {
	entries := must(w.store.JournalOf(context.Background(), rota.Caller{}, "app/key", 100, 0))
	for _, e := range entries {
		lines = append([]string{fmt.Sprintf("%s %s: %s -> %s", e.Step, e.Outcome, e.Cause, e.Next)}, lines...)
	}
	return lines
}

// wrote are the lines of a file in the function's folder.
func (w *world) wrote(file string) []string {
	b, err := os.ReadFile(filepath.Join(w.folder, file))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

func (w *world) mend() {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, "mended"), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// nothingLeft checks that no process of the function is left: by its
// environment, its arguments, or its working directory.
func (w *world) nothingLeft() {
	w.t.Helper()
	for _, p := range must(os.ReadDir("/proc")) {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", p.Name())
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if bytes.Contains(cmdline, []byte(w.folder)) || bytes.Contains(env, []byte("LAMBDA_TASK_ROOT="+w.folder)) || cwd == w.folder {
			w.t.Errorf("process %d is left: %q", pid, cmdline)
		}
	}
}
