package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/access/trail"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
	"github.com/rotahq/rota/wire"
)

const (
	account   = "123456789012"
	region    = "us-east-1"
	keyID     = "AKIAROTATEST"
	there     = "eu-west-1" // served as well
	elsewhere = "ap-south-1"
	secretKey = "canary-of-the-secret-access-key"
	principal = "arn:aws:iam::" + account + ":user/rota-admin"
	function0 = "arn:aws:lambda:" + region + ":" + account + ":function:rota-model-keys"
)

// world is a server with a real store, and with a provider in memory whose
// keys it can rotate.
type world struct {
	*Server
	url      string
	store    *store.Store
	provider *rotationtest.Provider
	log      *testlog.Buffer
	sick     atomic.Bool
	engine   *engine.Engine
	driver   *sqlite.Driver
	random   source
	grants   *grants
	trail    *trail.Trail
	audited  *audit.Log
	events   *audit.Log
	folder   string // audit and events are in it

	closeDatabase func() // may be called again
}

// noFaults is a provider that never fails.
type noFaults struct{}

func (noFaults) At(string) rotationtest.Fault { return rotationtest.None }
func (noFaults) Stop()                        {}
func (noFaults) Stopped() bool                { return false }

type oneKey struct{}

// Key is the administrator's, or that of a user of the same name as the id.
func (oneKey) Key(_ context.Context, id, _ string) (wire.Key, error) {
	arn, ok := principal, id == keyID
	if name, user := strings.CutPrefix(id, userKey); user {
		arn, ok = arnOf(name), true
	}
	if !ok {
		return wire.Key{}, rota.NotFound
	}
	return wire.Key{Secret: rota.StringValue(secretKey), Caller: rota.Caller{Principal: arn, Account: account}}, nil
}

// userKey begins the access key ids of users other than the administrator.
const userKey = "AKIAUSER"

func arnOf(user string) string { return "arn:aws:iam::" + account + ":user/" + user }

// grants are the principals: the administrator, and who a test adds.
type grants struct {
	mu sync.Mutex
	of map[string]Grant
}

func newGrants(t testing.TB) *grants {
	t.Helper()
	all, err := FullAccess(principal)
	if err != nil {
		t.Fatal(err)
	}
	return &grants{of: map[string]Grant{principal: all}}
}

func (g *grants) Grant(ctx context.Context, who wire.Identity) (Grant, error) {
	return g.GrantOf(ctx, who.Caller.Principal)
}

func (g *grants) GrantOf(_ context.Context, arn string) (Grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of, ok := g.of[arn]
	if !ok {
		return of, rota.NotFound
	}
	return of, nil
}

var ids atomic.Int64

func newID() string { return fmt.Sprintf("%08d-0000-4000-8000-000000000000", ids.Add(1)) }

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	d := testdb.Open(t, filepath.Join(dir, "rota.db"), time.Now)
	sealer, err := seal.Create(filepath.Join(dir, "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{provider: rotationtest.NewProvider(noFaults{}), log: &testlog.Buffer{}, driver: d, grants: newGrants(t)}
	catalog, err := rotation.NewCatalog(w.provider.Minting(0))
	if err != nil {
		t.Fatal(err)
	}
	w.store, err = store.Open(t.Context(), d, store.Config{
		Account: account, Region: region, Regions: []string{there, elsewhere}, Sealer: sealer, NewID: newID, Rand: &w.random,
		Functions: function.Registry{Catalog: catalog}, Policies: ResourcePolicies{}, Tell: trail.Events{NewID: newID}.Row,
		Changed: func() {
			if w.engine != nil {
				w.engine.Wake()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.openTrail(t, dir, log)
	w.engine = engine.New(engine.Config{
		Store: w.store, Owner: "test", Log: log, Rand: rand.Reader, NewID: newID, Caller: rota.Caller{Account: account, Region: region},
		Invoker: function.InProcess{Handler: &rotation.Handler{Catalog: catalog, Now: time.Now, Rand: rand.Reader}, Store: w.store},
	})
	w.Server = New(Config{
		Store: w.store, NewID: newID, Log: log, ClockHeld: func() string { return "" }, Grants: w.grants, Sessions: session.New(w.store, sealer, rand.Reader),
		Functions: &function.Router{Store: w.store, Remote: function.Remote{Store: w.store, Ambient: func(context.Context, remote.Target) (*remote.Client, error) {
			return nil, errors.New("no test signs with the machine's own key")
		}}},
		Audit: &Audit{Log: w.audited, Require: true, Stuck: w.trail.Stuck},
		Healthy: func(context.Context) error {
			if w.sick.Load() {
				return fmt.Errorf("the database does not answer")
			}
			return nil
		},
		Verifier: &wire.Verifier{
			Keys: oneKey{}, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return slices.Contains(w.store.Regions(), r) },
		},
	})
	var handler http.Handler = w.Server
	if _, measured := t.(*testing.B); !measured {
		handler = exercised.record(t.Name(), handler)
	}
	srv := httptest.NewServer(handler)
	w.url = srv.URL
	closed := sync.OnceValue(d.Close)
	w.closeDatabase = func() {
		if err := closed(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		srv.Close()
		w.closeDatabase()
	})
	return w
}

// source is the store's randomness, which a test can end.
type source struct{ dry atomic.Bool }

func (s *source) Read(b []byte) (int, error) {
	if s.dry.Load() {
		return 0, io.ErrUnexpectedEOF
	}
	return rand.Read(b)
}

// runEngine lets the world rotate.
func (w *world) runEngine(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// sdk is AWS's own client, which never tries twice here.
func (w *world) sdk() *secretsmanager.Client { return w.sdkIn(region) }

func (w *world) sdkIn(region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: &w.url, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secretKey, ""),
	})
}

// request is a signed request.
func (w *world) request(t testing.TB, target, body string) *http.Request {
	t.Helper()
	return w.requestIn(t, region, target, body)
}

func (w *world) requestIn(t testing.TB, region, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", wire.ContentType)
	r.Header.Set("X-Amz-Target", target)
	wire.Sign(r, []byte(body), keyID, secretKey, region, wire.Service, time.Now())
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	typ    string // of an error
	text   string
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(b)}
	var e struct {
		Type string `json:"__type"`
		Text string `json:"Message"`
	}
	if res.StatusCode != http.StatusOK && json.Unmarshal(b, &e) == nil {
		a.typ, a.text = e.Type, e.Text // encoding/json takes message as well
	}
	return a
}

// own calls one of rota's own operations, which must succeed.
func (w *world) own(t testing.TB, operation string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	a := send(t, w.request(t, "rota."+operation, string(body)))
	if a.status != http.StatusOK {
		t.Fatalf("rota.%s: %d %s", operation, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), out); err != nil {
		t.Fatalf("rota.%s: %v", operation, err)
	}
}

// until asks again until f says that it is done.
func until(t *testing.T, what string, f func() (done bool, seen any)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		done, seen := f()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen; last seen: %+v", what, seen)
		case <-tick.C:
		}
	}
}

// quiet is the log at the level that rota serve has by itself.
func quiet(w *world) *slog.Logger { return slog.New(slog.NewTextHandler(w.log, nil)) }
