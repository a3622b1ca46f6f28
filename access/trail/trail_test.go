package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
	"github.com/rotahq/rota/store/storetest"
)

// world is a store, its logs and a trail between them, as one process has
// them.
type world struct {
	t      testing.TB
	folder string
	sealer *seal.Sealer
	ids    int
	said   strings.Builder

	driver *sqlite.Driver
	hooks  *storetest.Hooks
	store  *store.Store
	logs   map[string]*audit.Log
	trail  *Trail
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir()}
	var err error
	if w.sealer, err = seal.Create(filepath.Join(w.folder, "seal.key")); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("%08d-0000-4000-8000-000000000000", w.ids)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	ctx := context.Background()
	var err error
	w.driver = testdb.Open(w.t, filepath.Join(w.folder, "rota.db"), time.Now)
	w.hooks = &storetest.Hooks{Driver: w.driver}
	w.logs = map[string]*audit.Log{}
	for _, kind := range []string{store.ToAudit, store.ToEvents} {
		l, err := audit.Open(filepath.Join(w.folder, kind), audit.Options{})
		w.must(err)
		w.logs[kind] = l
	}
	w.store, err = store.Open(ctx, w.hooks, store.Config{
		Account: storetest.Account, Region: storetest.Region, Sealer: w.sealer, NewID: w.newID, Rand: zeros{},
		Tell: Events{NewID: w.newID}.Row, Outgoing: func() { w.trail.Wake() },
	})
	w.must(err)
	w.trail = New(w.store, w.logs, slog.New(slog.NewTextHandler(&w.said, nil)))
}

// zeros is no randomness.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// stop ends the process without delivering anything.
func (w *world) stop() {
	for _, l := range w.logs {
		w.must(l.Close())
	}
	w.must(w.driver.Close())
}

// tell commits n rows, every third one of a label.
func (w *world) tell(n int) (want map[string][]string) {
	w.t.Helper()
	want = map[string][]string{}
	var rows []store.OutboxRow
	for i := range n {
		r := store.OutboxRow{Kind: store.ToAudit, ID: w.newID()}
		member := "eventID"
		if i%3 == 2 {
			r.Kind, member = store.ToEvents, "id"
		}
		r.Body = []byte(`{"` + member + `":"` + r.ID + `"}`)
		rows = append(rows, r)
		want[r.Kind] = append(want[r.Kind], r.ID)
	}
	w.must(w.store.Tell(context.Background(), rows...))
	return want
}

// delivered are the ids in the logs, by kind.
func (w *world) delivered() map[string][]string {
	w.t.Helper()
	out := map[string][]string{}
	for kind := range w.logs {
		for _, e := range w.events(kind) {
			out[kind] = append(out[kind], fmt.Sprint(e["eventID"], e["id"]))
		}
	}
	for _, ids := range out {
		for i := range ids {
			ids[i] = strings.ReplaceAll(ids[i], "<nil>", "")
		}
	}
	return out
}

func (w *world) events(kind string) (out []map[string]any) {
	w.t.Helper()
	dir := filepath.Join(w.folder, kind)
	_, err := audit.Verify(dir, audit.Head{})
	w.must(err)
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	w.must(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		w.must(err)
		for l := range strings.Lines(string(b)) {
			var line struct{ Event map[string]any }
			w.must(json.Unmarshal([]byte(l), &line))
			out = append(out, line.Event)
		}
	}
	return out
}

func (w *world) deliverAll() {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.trail.Deliver(w.t.Context())
		w.must(err)
	}
}

func (w *world) left() int {
	w.t.Helper()
	rows, err := w.store.Outbox(context.Background(), 10_000)
	w.must(err)
	return len(rows)
}

var errStop = errors.New("stopped")

// TestWhateverStopsItEachRowIsDeliveredOnceAndInOrder stops the process before
// and after each commit that empties the outbox, and each log before it is
// written; then the next process goes on, or the same.
func TestWhateverStopsItEachRowIsDeliveredOnceAndInOrder(t *testing.T) {
	const rows = 2*page + 50 // three pages
	for _, c := range []struct {
		what string
		stop func(w *world, at int)
	}{
		{"before the commit", func(w *world, at int) {
			n := 0
			w.hooks.Before = func() error {
				if n++; n == at {
					return errStop
				}
				return nil
			}
		}},
		{"after the commit", func(w *world, at int) {
			n := 0
			w.hooks.After = func() error {
				if n++; n == at {
					return errStop
				}
				return nil
			}
		}},
	} {
		for at := 1; at <= 3; at++ {
			for _, again := range []string{"the next process", "the same process"} {
				t.Run(fmt.Sprintf("%s of page %d, and %s goes on", c.what, at, again), func(t *testing.T) {
					w := newWorld(t)
					want := w.tell(rows)
					c.stop(w, at)
					var err error
					for range at {
						_, err = w.trail.Deliver(t.Context())
					}
					if !errors.Is(err, errStop) {
						t.Fatalf("it was not stopped: %v", err)
					}
					w.hooks.Before, w.hooks.After = nil, nil
					if again == "the next process" {
						w.stop()
						w.start()
					}
					more := w.tell(7)
					w.deliverAll()
					for kind, ids := range more {
						want[kind] = append(want[kind], ids...)
					}
					if diff := cmp.Diff(want, w.delivered()); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					if n := w.left(); n != 0 {
						t.Errorf("%d rows are left", n)
					}
				})
			}
		}
	}
	for _, kind := range []string{store.ToAudit, store.ToEvents} {
		t.Run("the log of "+kind+" can not be written", func(t *testing.T) {
			w := newWorld(t)
			want := w.tell(20)
			w.must(w.logs[kind].Close())
			for range 3 {
				if _, err := w.trail.Deliver(t.Context()); err == nil {
					t.Fatal("it was delivered")
				}
			}
			if n := w.left(); n != 20 {
				t.Errorf("%d rows are left", n)
			}
			w.stop()
			w.start()
			w.deliverAll()
			if diff := cmp.Diff(want, w.delivered()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRunDeliversWhenItIsWokenAndTriesAgainEachSecond, in simulated time.
func TestRunDeliversWhenItIsWokenAndTriesAgainEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		folder := t.TempDir()
		l, err := audit.Open(folder, audit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		tr := New(o, map[string]*audit.Log{store.ToAudit: l}, slog.New(slog.NewTextHandler(&said, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { tr.Run(ctx); close(done) }()
		synctest.Wait()
		looked := o.looks()
		time.Sleep(time.Hour)
		if n := o.looks(); n != looked {
			t.Errorf("without anything to do it looked %d times", n-looked)
		}
		o.add(2)
		tr.Wake()
		time.Sleep(rest)
		synctest.Wait()
		if o.left() != 0 || tr.Stuck() != nil {
			t.Errorf("%d rows are left, %v", o.left(), tr.Stuck())
		}

		// What fails is said once, tried again each second, and goes on.
		o.fail(errStop)
		o.add(1)
		tr.Wake()
		time.Sleep(time.Second)
		synctest.Wait()
		looked = o.looks()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := o.looks() - looked; n != 10 || !errors.Is(tr.Stuck(), errStop) {
			t.Errorf("it looked %d times in ten seconds and says %v", n, tr.Stuck())
		}
		o.fail(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if o.left() != 0 || tr.Stuck() != nil {
			t.Errorf("%d rows are left, %v", o.left(), tr.Stuck())
		}
		if n := strings.Count(said.String(), "level=ERROR"); n != 1 || !strings.Contains(said.String(), "goes on") {
			t.Errorf("it said %s", said.String())
		}

		// What comes last is delivered before the end.
		o.add(page + 1)
		cancel()
		<-done
		if o.left() != 0 {
			t.Errorf("%d rows are left at the end", o.left())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Verify(folder, audit.Head{})
		if err != nil || r.Records != 2+1+page+1 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

// outbox is an Outbox in memory, since a database can not be opened in
// simulated time and made to fail there.
type outbox struct {
	mu     sync.Mutex
	rows   []store.OutboxRow
	last   int64
	looked int
	err    error
}

func (o *outbox) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range n {
		o.last++
		id := fmt.Sprint(o.last)
		o.rows = append(o.rows, store.OutboxRow{Seq: o.last, Kind: store.ToAudit, ID: id, Body: []byte(`{"eventID":"` + id + `"}`)})
	}
}

func (o *outbox) fail(err error) { o.mu.Lock(); defer o.mu.Unlock(); o.err = err }
func (o *outbox) left() int      { o.mu.Lock(); defer o.mu.Unlock(); return len(o.rows) }
func (o *outbox) looks() int     { o.mu.Lock(); defer o.mu.Unlock(); return o.looked }

func (o *outbox) Outbox(_ context.Context, limit int) ([]store.OutboxRow, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looked++
	return o.rows[:min(limit, len(o.rows))], o.err
}

func (o *outbox) Delivered(_ context.Context, upTo int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.rows) > 0 && o.rows[0].Seq <= upTo {
		o.rows = o.rows[1:]
	}
	return o.err
}

// TestRowsWithoutALogAreDroppedAndThatIsSaid: auditing was turned off.
func TestRowsWithoutALogAreDroppedAndThatIsSaid(t *testing.T) {
	w := newWorld(t)
	w.tell(9)
	w.must(w.logs[store.ToAudit].Close())
	delete(w.logs, store.ToAudit)
	w.deliverAll()
	if got := w.delivered(); len(got[store.ToEvents]) != 3 || w.left() != 0 {
		t.Errorf("delivered was %v, %d are left", got, w.left())
	}
	if !strings.Contains(w.said.String(), "records=6") {
		t.Errorf("it said %s", w.said.String())
	}
}

// TestWhatTheStoreDoesIsToldInTheTwoShapes, and never with a value.
func TestWhatTheStoreDoesIsToldInTheTwoShapes(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	made, err := w.store.CreateSecret(ctx, storetest.Caller, store.CreateSecretInput{Name: "app/db", ClientRequestToken: "v1", Value: rota.StringValue("canary-value")})
	w.must(err)
	fn := storetest.Lambda
	_, err = w.store.RotateSecret(ctx, storetest.Caller, store.RotateSecretInput{SecretID: "app/db", ClientRequestToken: "v2", RotationLambdaARN: &fn})
	w.must(err)
	_, err = w.store.PutSecretValue(ctx, storetest.Caller, store.PutSecretValueInput{SecretID: "app/db", ClientRequestToken: "v3", Value: rota.StringValue("canary-value")})
	w.must(err)
	w.deliverAll()

	var told []string
	for _, e := range w.events(store.ToAudit) {
		extra, _ := e["additionalEventData"].(map[string]any)
		told = append(told, fmt.Sprintf("%v %v %v, %v; %v; %v", e["eventName"], extra["VersionId"], e["eventSource"], e["eventType"], e["errorMessage"], extra["Cause"]))
		if e["requestID"] != "Rotation-"+made.ARN+"-v2" || extra["SecretId"] != made.ARN || e["awsRegion"] != storetest.Region {
			t.Errorf("%v", e)
		}
	}
	by := storetest.Caller.Principal
	want := []string{
		"RotationStarted v2 secretsmanager.amazonaws.com, AwsServiceEvent; <nil>; asked for by " + by,
		"RotationAbandoned v2 secretsmanager.amazonaws.com, AwsServiceEvent; a new AWSCURRENT value was written; <nil>",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var labels []string
	for _, e := range w.events(store.ToEvents) {
		detail, _ := e["detail"].(map[string]any)
		labels = append(labels, fmt.Sprintf("%v %v %v=%v", e["detail-type"], detail["name"], detail["labelUpdated"], detail["versionId"]))
	}
	if diff := cmp.Diff([]string{"Secret Label Updated app/db AWSCURRENT=v1", "Secret Label Updated app/db AWSCURRENT=v3"}, labels); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, kind := range []string{store.ToAudit, store.ToEvents} {
		if text := fmt.Sprint(w.events(kind)); strings.Contains(text, "canary") {
			t.Errorf("a value is told: %s", text)
		}
	}
	if _, ok := (Events{NewID: w.newID, NoAudit: true}).Row(store.Happening{What: store.RotationStarted}); ok {
		t.Error("without auditing a rotation is told")
	}
	own, _ := Events{NewID: w.newID}.Row(store.Happening{What: store.CredentialProvenDead, Cause: "refused"})
	if !strings.Contains(string(own.Body), `"eventSource":"rota"`) || strings.Contains(string(own.Body), "errorMessage") {
		t.Errorf("%s", own.Body)
	}
}
