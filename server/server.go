// Package server answers the wire protocol with the store: routes, limits,
// who signed, health. It knows no SQL.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// MaxBody is the largest request body in bytes: the largest value (65,536
// bytes), each byte escaped in JSON as \u0000, with room for the rest.
const MaxBody = 1 << 20

// Config is what a server is made of. All of it must be set, but for Functions
// and Audit.
type Config struct {
	Store    *store.Store
	Verifier *wire.Verifier
	Grants   Grants        // what those may do who signed
	Sessions Sessions      // issues temporary credentials
	NewID    func() string // request ids
	Log      *slog.Logger  // never sees a value
	// Healthy says which part is not working, for /healthz: an error whose
	// text goes into the log, and out only as "failing".
	Healthy func(context.Context) error
	// Functions invokes functions that are not rota's own; nil: there are
	// none here.
	Functions *function.Router
	// Audit records every call; nil: none is recorded.
	Audit *Audit
	// ClockHeld says why scheduled starts and endings wait, "" if they do not.
	ClockHeld func() string
}

// Server answers requests. It is an http.Handler.
type Server struct {
	Config
	aws       map[string]operation
	own       map[string]operation
	documents documents
}

// operation is a row of the tables of operations.
type operation struct {
	// do decodes a body, does the work and encodes the answer.
	do func(ctx context.Context, q *request, body []byte) ([]byte, error)
	// reads: it changes nothing but who read what when. What does not is one
	// commit with its record.
	reads bool
}

// reads is an operation that changes nothing.
func reads(o operation) operation {
	o.reads = true
	return o
}

// New returns a server.
func New(c Config) *Server {
	s := &Server{Config: c}
	s.aws, s.own = s.awsOperations(), s.ownOperations()
	return s
}

// request is one request, and what the log tells of it: never a body, never a
// header.
type request struct {
	id        string
	operation string
	principal string

	as   rota.Caller
	gate gate
	audited
}

// caller is on whose behalf an operation runs: whoever signed, who may do
// what the policies say of this request.
func (q *request) caller(in any) rota.Caller {
	q.gate.about(in)
	c := q.as
	c.May = q.gate.may
	return c
}

// ServeHTTP is the one path of every request: method, size, signature,
// target, decode, call, error table.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		s.health(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, wire.InvokePrefix) {
		s.serveInvoke(w, r)
		return
	}
	start := time.Now()
	q := request{id: s.NewID(), audited: audited{server: s, http: r}}
	answer, err := s.answer(r, &q)
	if err = s.record(r, &q, err); err != nil {
		answer = nil
	}
	var unsent error
	if err != nil {
		unsent = wire.WriteError(w, q.id, err)
	} else {
		unsent = wire.Write(w, q.id, answer)
	}
	s.log(r, q, start, err, unsent)
}

// log writes the line of one request: an error where the server is to blame,
// all others only when they are asked for, since a line costs as much as the
// request.
func (s *Server) log(r *http.Request, q request, start time.Time, err, unsent error) {
	ctx, level := r.Context(), slog.LevelDebug
	if rota.CodeOf(err) == rota.Internal && ctx.Err() == nil {
		level = slog.LevelError
	}
	if !s.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("operation", q.operation), slog.String("request_id", q.id), slog.String("principal", q.principal),
		slog.String("source", r.RemoteAddr), slog.Duration("duration", time.Since(start)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("code", string(rota.CodeOf(err))), slog.Any("error", err))
	}
	if unsent != nil {
		attrs = append(attrs, slog.String("unsent", unsent.Error()))
	}
	s.Log.LogAttrs(ctx, level, "request", attrs...)
}

func (s *Server) answer(r *http.Request, q *request) (answer []byte, err error) {
	// A panic is the end of one request. Its text could hold a value, and
	// stays out; the stack has addresses only.
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, fmt.Errorf("panic (%T)\n%s", v, debug.Stack())
		}
	}()
	if r.Method != http.MethodPost {
		return nil, rota.E(rota.UnknownOperation, "Send requests with the method POST.")
	}
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	who, err := s.Verifier.Verify(r, body)
	if err != nil {
		return nil, err
	}
	q.principal, q.who = who.Caller.Principal, who
	service, operation, err := wire.Target(r.Header)
	if err != nil {
		return nil, err
	}
	q.operation, q.service = operation, service
	op, err := s.find(service, operation)
	if err != nil {
		return nil, err
	}
	grant, err := s.Grants.Grant(r.Context(), who)
	if err != nil {
		return nil, err
	}
	q.as = who.Caller
	q.as.RequestID, q.as.Source = q.id, r.RemoteAddr
	q.gate = s.gate(r, grant, q.as.Account, q.as.Region)
	return op.do(r.Context(), q, body)
}

func (s *Server) find(service, name string) (operation, error) {
	if service == wire.ServiceRota {
		if op, ok := s.own[name]; ok {
			return op, nil
		}
		return operation{}, rota.E(rota.UnknownOperation, "rota has no operation %s.", name)
	}
	return s.aws[name], nil // a test holds that each that the wire knows is there
}

// firstRead is how much is reserved for a body before any of it has come: who
// only says that much is coming gets no more.
const firstRead = 16 << 10

// read reads a body once. More than MaxBody is refused before it is read
// where the length is told, and at the limit where it is not.
func read(r *http.Request) ([]byte, error) { return readUpTo(r, MaxBody) }

func readUpTo(r *http.Request, limit int) ([]byte, error) {
	tooLarge := rota.E(rota.TooLarge, "The request body is larger than %d bytes.", limit)
	if r.ContentLength > int64(limit) {
		return nil, tooLarge
	}
	size := int64(512)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength, firstRead)
	}
	body := make([]byte, 0, size+1) // one more, to read the end without growing
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, tooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, rota.E(rota.Serialization, "The request body can not be read.")
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

// health answers without a signature and tells nothing of secrets.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	status, text := http.StatusOK, "ok"
	if err := s.Healthy(r.Context()); err != nil {
		status, text = http.StatusServiceUnavailable, "failing"
		s.Log.Error("health", "error", err)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": text}) // the client went away
}

// on makes an operation of AWS's from its shapes.
func on[In any, P interface {
	*In
	wire.Input
}](do func(*Server, context.Context, rota.Caller, *In) (wire.Output, error)) operation {
	return operation{do: func(ctx context.Context, q *request, body []byte) ([]byte, error) {
		var in In
		if err := wire.Decode(body, P(&in)); err != nil {
			return nil, err
		}
		c := q.caller(&in)
		out, err := perform(ctx, q, &in, func(s *Server) (wire.Output, error) { return do(s, ctx, c, &in) })
		if err != nil {
			return nil, err
		}
		return wire.Encode(out), nil
	}}
}
