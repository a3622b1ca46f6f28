//go:build servers

package awslambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

const (
	account   = "123456789012"
	region    = "us-east-1"
	accessKey = "AKIAROTATEST"
	secretKey = "canary-of-the-secret-access-key"
)

// cloud is what stands in the place of AWS: rota's own store behind its own
// wire API, and a listener for EventBridge Scheduler.
//
// It is rota serve without the engine. The engine would run the rotation by
// itself, and RotateSecret of rota serve refuses functions that it does not
// know; this store knows none and takes any, makes the empty placeholder
// AWSPENDING as AWS does, and leaves the steps to whoever plays the service:
// this test.
type cloud struct {
	store     *store.Store
	client    *secretsmanager.Client
	secrets   string // addresses
	scheduler string

	mu        sync.Mutex
	back      time.Duration // how far the store's clock is behind
	schedules map[string]schedule
}

// schedule is one of EventBridge Scheduler, as far as it is read here.
type schedule struct {
	ScheduleExpression, ActionAfterCompletion string
	Target                                    struct{ Arn, RoleArn, Input string }
}

// everybody may do everything: what is granted is not what is tested here.
type everybody struct{}

func (everybody) Grant(_ context.Context, who wire.Identity) (server.Grant, error) {
	return server.FullAccess(who.Caller.Principal)
}

func (everybody) GrantOf(_ context.Context, arn string) (server.Grant, error) {
	return server.FullAccess(arn)
}

type oneKey struct{}

func (oneKey) Key(_ context.Context, id, _ string) (wire.Key, error) {
	if id != accessKey {
		return wire.Key{}, rota.NotFound
	}
	return wire.Key{Secret: rota.StringValue(secretKey), Caller: rota.Caller{Principal: "arn:aws:iam::" + account + ":root", Account: account}}, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{schedules: map[string]schedule{}}
	dir := t.TempDir()
	d := testdb.Open(t, filepath.Join(dir, "rota.db"), c.now)
	t.Cleanup(func() { _ = d.Close() })
	sealer, err := seal.Create(filepath.Join(dir, "seal.key"))
	must(t, err)
	c.store, err = store.Open(t.Context(), d, store.Config{Account: account, Region: region, Sealer: sealer, NewID: newID, Rand: rand.Reader})
	must(t, err)
	srv := httptest.NewServer(server.New(server.Config{
		Store: c.store, NewID: newID, Log: slog.New(slog.DiscardHandler), Healthy: func(context.Context) error { return nil },
		ClockHeld: func() string { return "" }, Grants: everybody{},
		Verifier: &wire.Verifier{
			Keys: oneKey{}, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return r == region },
		},
	}))
	t.Cleanup(srv.Close)
	timers := httptest.NewServer(http.HandlerFunc(c.serveScheduler))
	t.Cleanup(timers.Close)
	c.secrets, c.scheduler = strings.TrimPrefix(srv.URL, "http://"), strings.TrimPrefix(timers.URL, "http://")
	c.client = secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(-c.back)
}

// serveScheduler answers CreateSchedule and UpdateSchedule.
func (c *cloud) serveScheduler(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var s schedule
	name, ours := strings.CutPrefix(r.URL.Path, "/schedules/")
	if err != nil || !ours || json.Unmarshal(b, &s) != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, exists := c.schedules[name]
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost && exists:
		w.Header().Set("X-Amzn-ErrorType", "ConflictException")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"Message":"Schedule `+name+` already exists."}`)
	case r.Method == http.MethodPost || r.Method == http.MethodPut && exists:
		c.schedules[name] = s
		_, _ = io.WriteString(w, `{"ScheduleArn":"arn:aws:scheduler:us-east-1:123456789012:schedule/rota/`+name+`"}`)
	default:
		w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"Message":"Schedule `+name+` does not exist."}`)
	}
}

// fire takes the schedules whose event is about the secret, and returns the
// events. Each deletes itself, as it must say.
func (c *cloud) fire(t testing.TB, arn string) (events []rota.Event) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range c.schedules {
		var ev rota.Event
		must(t, json.Unmarshal([]byte(s.Target.Input), &ev))
		if ev.SecretID != arn {
			continue
		}
		if s.ActionAfterCompletion != "DELETE" || s.Target.Arn != functionARN || s.Target.RoleArn != roleARN || !strings.HasPrefix(s.ScheduleExpression, "at(") {
			t.Errorf("the schedule %s is %+v", name, s)
		}
		delete(c.schedules, name)
		if !slices.Contains(events, ev) {
			events = append(events, ev)
		}
	}
	return events
}

// due waits for the time of an ending, which its label has in whole seconds.
func (c *cloud) due(t testing.TB, arn, version string) {
	t.Helper()
	for _, l := range c.labels(t, arn)[version] {
		if at, ok := rota.ParseEndsLabel(l); ok {
			<-time.After(time.Until(at))
		}
	}
}

// put makes a secret and returns its ARN.
func (c *cloud) put(t testing.TB, name string, v map[string]any, tags ...string) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(string(b))}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	out, err := c.client.CreateSecret(t.Context(), in)
	must(t, err)
	return *out.ARN
}

// get reads a value.
func (c *cloud) get(t testing.TB, arn, label string) (fields map[string]any) {
	t.Helper()
	out, err := c.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: &label})
	must(t, err)
	must(t, json.Unmarshal([]byte(*out.SecretString), &fields))
	return fields
}

func (c *cloud) labels(t testing.TB, arn string) map[string][]string {
	t.Helper()
	out, err := c.client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
	must(t, err)
	return out.VersionIdsToStages
}

func (c *cloud) versionOf(t testing.TB, arn, label string) string {
	t.Helper()
	for v, labels := range c.labels(t, arn) {
		if slices.Contains(labels, label) {
			return v
		}
	}
	return ""
}

// rotate is RotateSecret: it returns what the service sends with each step.
func (c *cloud) rotate(t testing.TB, arn string) rota.Event {
	t.Helper()
	out, err := c.client.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &arn, RotationLambdaARN: aws.String(functionARN)})
	must(t, err)
	who := rota.Caller{Account: account, Region: region}
	sec, err := c.store.DescribeSecret(t.Context(), who, store.DescribeSecretInput{SecretID: arn})
	must(t, err)
	task, err := c.store.Task(t.Context(), sec.Key)
	must(t, err)
	return rota.Event{SecretID: arn, ClientRequestToken: *out.VersionId, RotationToken: task.RotationToken}
}

// longAgo makes the last change of the secret half an hour old: as if so long
// had passed.
func (c *cloud) longAgo(t testing.TB, arn string) {
	t.Helper()
	set := func(d time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.back = d
	}
	set(30 * time.Minute)
	defer set(0)
	_, err := c.client.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &arn, Tags: []types.Tag{{Key: aws.String("touched"), Value: aws.String("")}}})
	must(t, err)
}
