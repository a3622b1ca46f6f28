package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/rotation"
)

// trigger calls do once, when a text was written.
type trigger struct {
	testlog.Buffer
	text string
	do   func()
}

func (w *trigger) Write(p []byte) (int, error) {
	if w.do != nil && strings.Contains(string(p), w.text) {
		w.do()
		w.do = nil
	}
	return w.Buffer.Write(p)
}

// leftovers are the files that the demo left.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheDemoProvesEveryOldKeyDeadWithoutAFailedRequest(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Chdir(dir)
	var out bytes.Buffer
	log := &testlog.Buffer{}
	start := time.Now()
	if code := run(t.Context(), []string{"demo", "--json", "--overlap", "1s"}, nil, &out, log); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, log)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	var sum demoSummary
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&sum); err != nil || d.More() {
		t.Fatalf("standard output is not one line of JSON: %v", err)
	}
	if sum.Rotations != 3 || sum.ProvenDead != 3 || sum.FailedRequests != 0 || sum.Requests < 100 {
		t.Errorf("the summary is %+v", sum)
	}
	// The overlap is measured from the move of AWSCURRENT on, which is a
	// little after the time that it was promised from.
	if sum.OverlapSeconds < 0.5 || sum.OverlapSeconds > 10 || sum.TimeToDead < sum.OverlapSeconds {
		t.Errorf("overlap %.3f s, time to dead %.3f s", sum.OverlapSeconds, sum.TimeToDead)
	}
	if left := leftovers(t, dir); left != nil {
		t.Errorf("it left %v", left)
	}
	for _, want := range []string{"rotation 3 of 3", "createSecret", "finishSecret", "proven dead"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the progress does not say %q:\n%s", want, log)
		}
	}
}

func TestAnInterruptedDemoLeavesNothing(t *testing.T) {
	for _, at := range []string{"server at", "finishSecret"} {
		t.Run("at "+at, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			log := &trigger{text: at, do: cancel}
			var out bytes.Buffer
			if code := run(ctx, []string{"demo", "--json"}, nil, &out, log); code != exitInterrupted {
				t.Errorf("exit code %d, want %d", code, exitInterrupted)
			}
			if !strings.Contains(log.String(), "interrupted; everything was removed") || out.Len() != 0 {
				t.Errorf("it said %s and printed %s", log, &out)
			}
			if left := leftovers(t, dir); left != nil {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// TestTheDemoCountsFailedRequests has clients that never read the secret
// again, so that the end of the old key meets them.
func TestTheDemoCountsFailedRequests(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	subject, err := apiSubject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = subject.close(context.WithoutCancel(t.Context())) }()
	_, c := startTestNode(t, filepath.Join(t.TempDir(), "data"), newDemoRotator())
	o := demoOptions{rotations: 1, overlap: time.Second, clients: 2, every: 5 * time.Millisecond, reread: time.Hour}
	d := &demo{global: &global{streams: streams{err: &testlog.Buffer{}}}, client: c, subject: subject, options: o}
	sum, err := d.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.load.stop()
	if sum.good() || sum.FailedRequests == 0 || sum.ProvenDead != 1 {
		t.Errorf("clients that sleep through the overlap: %+v, want failed requests", sum)
	}
}

func TestWhatToTypeAfterTheDemoCanBeTyped(t *testing.T) {
	for program, want := range map[string]string{
		"rota": "rota", "./rota": "./rota", "/opt/my tools/rota": "'/opt/my tools/rota'",
		"/tmp/go-build2849/b001/exe/rota": "go run ./cmd/rota", "/root/.cache/go-build/ab/cd-d/rota": "go run ./cmd/rota",
	} {
		if got := typed(program); got != want {
			t.Errorf("started as %s it is %s, want %s", program, got, want)
		}
	}
	var out bytes.Buffer
	if err := (&global{streams: streams{out: &out}}).printSummary(demoSummary{}, demoOptions{}); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(out.String(), "echo '")
	value, _, _ := strings.Cut(rest, "'")
	if !json.Valid([]byte(value)) || strings.Contains(out.String(), "%!") {
		t.Errorf("it says\n%s", &out)
	}
}

func TestTheDemoAPIKnowsOnlyLiveKeys(t *testing.T) {
	api, err := startDemoAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer api.server.Close()
	r := newDemoRotator()
	status := func(method, path, token string, in, out any) int {
		t.Helper()
		got, err := r.send(t.Context(), method, api.url+path, token, in, out)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var k demoKey
	if got := status(http.MethodPost, "/keys", "somebody", map[string]string{"name": "n"}, nil); got != http.StatusForbidden {
		t.Errorf("anybody may mint: %d", got)
	}
	if got := status(http.MethodPost, "/keys", api.admin, map[string]string{"name": "n"}, &k); got != http.StatusCreated {
		t.Fatalf("mint: %d", got)
	}
	var list []demoKey
	if status(http.MethodGet, "/keys?name=n", api.admin, nil, &list); !slices.Equal(list, []demoKey{{ID: k.ID, Name: "n"}}) {
		t.Errorf("listed %+v, want the one key without its secret", list)
	}
	if status(http.MethodGet, "/keys?name=other", api.admin, nil, &list); len(list) != 0 {
		t.Errorf("listed %+v under another name", list)
	}
	use := func() int { return status(http.MethodGet, "/whoami", k.ID+"."+k.Secret, nil, nil) }
	if got := use(); got != http.StatusOK {
		t.Errorf("a live key: %d", got)
	}
	if got := status(http.MethodGet, "/whoami", k.ID+".wrong", nil, nil); got != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d", got)
	}
	for range 2 { // gone is success
		if err := r.Revoke(t.Context(), rotation.Request{Admin: rotation.Admin{Value: demoAdminOf(api)}}, k.ID); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d", got)
	}
}
