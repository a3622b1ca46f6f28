package local

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rotahq/rota/function/invoke"
)

// The paths of the Runtime API
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
const (
	apiVersion    = "/2018-06-01"
	pathNext      = apiVersion + "/runtime/invocation/next"
	pathAnswer    = apiVersion + "/runtime/invocation/"
	pathInitError = apiVersion + "/runtime/init/error"
)

// errorMax bounds what a function says about an error, in bytes.
const errorMax = 256 << 10

// runtimeAPI is the Runtime API of one process: it hands out one invocation
// at a time and takes one answer for each.
type runtimeAPI struct {
	arn     string
	traceID string
	own     func(net.Conn) bool // whether the other end is the function's
	http    *http.Server
	address string
	closed  chan struct{}

	mu       sync.Mutex
	turn     chan struct{} // closed and made anew when something changes
	current  *invocation
	lastID   string // the last one that was answered
	initErr  *invoke.Failure
	asked    bool // next was called at least once
	strays   int  // connections of somebody else
	repeated int  // answers to what was answered
}

// invocation is one of them. What is not of the request or its deadline
// belongs to the API's lock.
type invocation struct {
	id       string
	payload  []byte
	context  string
	deadline time.Time

	given    bool // the runtime has it
	answered bool
	over     bool // the runtime asked for the next one after its answer
	answer   []byte
	failure  *invoke.Failure
}

// newRuntimeAPI listens on a free port of loopback, for this process alone.
func newRuntimeAPI(arn, traceID string, own func(net.Conn) bool) (*runtimeAPI, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	a := &runtimeAPI{arn: arn, traceID: traceID, own: own, address: l.Addr().String(), turn: make(chan struct{}), closed: make(chan struct{})}
	a.http = &http.Server{
		Handler: a, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, sync.OnceValue(func() bool { return own(c) }))
		},
	}
	a.http.ErrorLog = quiet
	go func() {
		defer close(a.closed)
		_ = a.http.Serve(l) // until close
	}()
	return a, nil
}

type peerKey struct{}

// close ends the API and every request to it.
func (a *runtimeAPI) close() {
	_ = a.http.Close()
	<-a.closed
}

// changed wakes who waits. The lock is held.
func (a *runtimeAPI) changed() {
	close(a.turn)
	a.turn = make(chan struct{})
}

// offer gives the runtime something to do. One invocation must be over before
// the next is offered.
func (a *runtimeAPI) offer(i *invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current, a.repeated = i, 0
	a.changed()
}

// await waits until done says so, which is asked under the lock, or until ctx
// or stop is over.
func (a *runtimeAPI) await(ctx context.Context, stop <-chan struct{}, done func() bool) bool {
	for {
		a.mu.Lock()
		ok, turn := done(), a.turn
		a.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-turn:
		case <-stop:
			a.mu.Lock()
			defer a.mu.Unlock()
			return done()
		case <-ctx.Done():
			return false
		}
	}
}

// ServeHTTP answers the runtime.
func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if own, ok := r.Context().Value(peerKey{}).(func() bool); !ok || !own() {
		a.mu.Lock()
		a.strays++
		a.mu.Unlock()
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusForbidden, "Forbidden", "This Runtime API is another process's.")
		return
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, pathAnswer), "/")
	switch {
	case r.URL.Path == pathNext && r.Method == http.MethodGet:
		a.next(w, r)
	case r.URL.Path == pathInitError && r.Method == http.MethodPost:
		a.initError(w, r)
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, pathAnswer) && what == "response":
		a.response(w, r, id)
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, pathAnswer) && what == "error":
		a.failed(w, r, id)
	case r.URL.Path == apiVersion+"/ping" && r.Method == http.MethodGet:
		_, _ = io.WriteString(w, "pong")
	default:
		// Extensions, telemetry and SnapStart are not here; their clients
		// take a 404 for that.
		refuse(w, http.StatusNotFound, "NotFound", "There is no such path of the Runtime API here.")
	}
}

// next waits for an invocation, for as long as it takes. Asking for the next
// one is how a runtime says that it is done with the last.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = true
	if c := a.current; c != nil && c.given && !c.answered {
		a.mu.Unlock()
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "The invocation "+c.id+" has no answer yet.")
		return
	}
	if c := a.current; c != nil && c.answered {
		c.over = true
	}
	a.changed()
	a.mu.Unlock()

	var i *invocation
	if !a.await(r.Context(), nil, func() bool {
		if a.current == nil || a.current.given {
			return false
		}
		i = a.current
		i.given = true
		return true
	}) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", a.arn)
	h.Set("Lambda-Runtime-Trace-Id", a.traceID)
	if i.context != "" {
		h.Set("Lambda-Runtime-Client-Context", i.context)
	}
	h.Set("Content-Length", strconv.Itoa(len(i.payload)))
	_, _ = w.Write(i.payload) // a runtime that is gone exits too
}

// response takes the function's answer, whole or streamed.
func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request, id string) {
	if !a.mayAnswer(w, id) {
		return
	}
	body, err := readAll(r.Body, invoke.MaxPayload)
	switch {
	case errors.Is(err, errTooLarge):
		a.settle(id, nil, &invoke.Failure{Type: invoke.TooLarge, Message: invoke.MsgTooLarge})
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
		return
	case err != nil:
		a.settle(id, nil, &invoke.Failure{Type: "Runtime.TruncatedResponse", Message: "the function's answer broke off"})
		refuse(w, http.StatusBadRequest, "TruncatedResponse", "The answer broke off.")
		return
	}
	var f *invoke.Failure
	if typ := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); typ != "" {
		// A stream that failed half way says so in its trailers.
		text, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			text = nil
		}
		f = invoke.ParseFailure(text, typ)
	}
	accept(w, a.settle(id, body, f))
}

// failed takes the function's error.
func (a *runtimeAPI) failed(w http.ResponseWriter, r *http.Request, id string) {
	if !a.mayAnswer(w, id) {
		return
	}
	accept(w, a.settle(id, nil, readFailure(r)))
}

func readFailure(r *http.Request) *invoke.Failure {
	body, err := readAll(r.Body, errorMax)
	if err != nil {
		body = nil
	}
	f := invoke.ParseFailure(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	if errors.Is(err, errTooLarge) {
		f.Message = fmt.Sprintf("the function's error is too large to be read: it may have %d bytes", errorMax)
	}
	return f
}

// initError takes the error of a runtime that could not start.
func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	f := readFailure(r)
	a.mu.Lock()
	if a.initErr == nil {
		a.initErr = f
	}
	a.changed()
	a.mu.Unlock()
	accept(w, true)
}

// mayAnswer refuses an answer to what is not in flight.
func (a *runtimeAPI) mayAnswer(w http.ResponseWriter, id string) bool {
	a.mu.Lock()
	c := a.current
	ok := c != nil && c.id == id && c.given && !c.answered
	again := !ok && id != "" && id == a.lastID
	if again {
		a.repeated++
	}
	a.mu.Unlock()
	switch {
	case ok:
		return true
	case again:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "The invocation "+id+" has its answer.")
	default:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	}
	return false
}

// settle keeps the first answer of an invocation.
func (a *runtimeAPI) settle(id string, answer []byte, f *invoke.Failure) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.current
	if c == nil || c.id != id || c.answered {
		a.repeated++
		return false
	}
	c.answered, c.answer, c.failure = true, answer, f
	a.lastID = id
	a.changed()
	return true
}

func accept(w http.ResponseWriter, ok bool) {
	if !ok {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "The invocation has its answer.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, typ, message string) {
	b, err := json.Marshal(map[string]string{"errorType": typ, "errorMessage": message})
	if err != nil {
		b = nil // two strings always encode
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

var errTooLarge = errors.New("too large")

// readAll reads a body of at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, err
}
