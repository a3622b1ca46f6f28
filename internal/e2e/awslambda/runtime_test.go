//go:build servers

package awslambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:rota-rotation"

// runtimeAPI is the service's side of the Lambda Runtime API, an instrument of
// this test, for one process: it hands it one event at a time
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
type runtimeAPI struct {
	address string
	events  chan event
	over    chan struct{} // closed at the end of the test
	first   sync.Once
	ready   chan struct{} // closed when the process asks for its first event

	mu      sync.Mutex
	n       int
	waiting map[string]chan result
}

type event struct {
	id       string
	payload  []byte
	deadline time.Time
}

// result is what a process answered.
type result struct {
	payload []byte
	failure *failure
}

// failure is the error that a function tells.
type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (f *failure) Error() string { return f.Type + ": " + f.Message }

func newRuntimeAPI(t testing.TB) *runtimeAPI {
	t.Helper()
	r := &runtimeAPI{events: make(chan event), over: make(chan struct{}), ready: make(chan struct{}), waiting: map[string]chan result{}}
	srv := httptest.NewServer(r)
	t.Cleanup(func() {
		close(r.over) // a process may still ask, and would be waited for
		srv.Close()
	})
	r.address = strings.TrimPrefix(srv.URL, "http://")
	return r
}

const version = "/2018-06-01/runtime/"

func (r *runtimeAPI) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	path, ok := strings.CutPrefix(q.URL.Path, version)
	switch {
	case !ok:
		http.NotFound(w, q)
	case path == "invocation/next":
		r.first.Do(func() { close(r.ready) })
		select {
		case e := <-r.events:
			h := w.Header()
			h.Set("Lambda-Runtime-Aws-Request-Id", e.id)
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN)
			h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
			h.Set("Content-Type", "application/json")
			_, _ = w.Write(e.payload)
		case <-q.Context().Done():
		case <-r.over:
		}
	default:
		id, what, _ := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/")
		body, err := io.ReadAll(q.Body)
		r.mu.Lock()
		to := r.waiting[id]
		r.mu.Unlock()
		if err != nil || to == nil {
			http.Error(w, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`, http.StatusBadRequest)
			return
		}
		res := result{payload: body}
		if what == "error" {
			res.failure = &failure{}
			if err := json.Unmarshal(body, res.failure); err != nil {
				res.failure.Message = err.Error()
			}
		}
		to <- res
		w.WriteHeader(http.StatusAccepted)
	}
}

// patience is how long one step may take: an emulated processor is slow.
const patience = 2 * time.Minute

// invoke sends an event and waits for the answer, or until the process is
// gone: then died is true.
func (r *runtimeAPI) invoke(ev rota.Event, gone <-chan struct{}) (answer map[string]any, died bool, err error) {
	payload, err := json.Marshal(ev)
	if err != nil {
		return nil, false, err
	}
	to := make(chan result, 1)
	r.mu.Lock()
	r.n++
	e := event{id: fmt.Sprintf("%08d-0000-4000-8000-000000000000", r.n), payload: payload, deadline: time.Now().Add(patience)}
	r.waiting[e.id] = to
	r.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case r.events <- e:
	case <-gone:
		return nil, true, nil
	case <-late.C:
		return nil, false, fmt.Errorf("nobody took the event %s", ev.Step)
	}
	select {
	case res := <-to:
		if res.failure != nil {
			return nil, false, res.failure
		}
		return answer, false, json.Unmarshal(res.payload, &answer)
	case <-gone:
		return nil, true, nil
	case <-late.C:
		return nil, false, fmt.Errorf("no answer to %s", ev.Step)
	}
}
