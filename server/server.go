// Package server answers the wire protocol with the store: routes, limits,
// who signed, health. It knows no SQL.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// maxBody is the largest request body: the largest value (65,536 bytes), each
// byte escaped in JSON as \u0000, with room for the rest.
const maxBody = 1 << 20

// Config is what a server is made of.
type Config struct {
	Store    *store.Store
	Verifier *wire.Verifier
	NewID    func() string // request ids
	Log      *slog.Logger  // never sees a value
	// Healthy says what is wrong, for /healthz; nil error: nothing.
	Healthy func(context.Context) error
	// ClockHeld says why scheduled starts and endings wait, "" if they do not.
	ClockHeld func() string
}

// Server answers requests. It is an http.Handler.
type Server struct {
	Config
	aws map[string]operation
	own map[string]operation
}

// operation decodes a body, does the work and encodes the answer.
type operation func(ctx context.Context, c rota.Caller, body []byte) ([]byte, error)

// New returns a server.
func New(c Config) *Server {
	s := &Server{Config: c}
	s.aws, s.own = s.awsOperations(), s.ownOperations()
	return s
}

// ServeHTTP is the one path of every request: method, size, signature,
// target, decode, call, error table.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		s.health(w, r)
		return
	}
	id := s.NewID()
	start := time.Now()
	operation, body, err := s.answer(r, id)
	if err != nil {
		err = errors.Join(err, wire.WriteError(w, id, err))
	} else {
		err = wire.Write(w, id, body)
	}
	if err != nil && rota.CodeOf(err) == rota.Internal {
		s.Log.Error("request", "operation", operation, "request_id", id, "error", err)
	} else if s.Log.Enabled(r.Context(), slog.LevelDebug) {
		s.Log.Debug("request", "operation", operation, "request_id", id, "duration", time.Since(start), "code", string(rota.CodeOf(err)))
	}
}

func (s *Server) answer(r *http.Request, id string) (operation string, answer []byte, err error) {
	if r.Method != http.MethodPost {
		return "", nil, rota.E(rota.UnknownOperation, "Send requests with the method POST.")
	}
	body, err := read(r)
	if err != nil {
		return "", nil, err
	}
	who, err := s.Verifier.Verify(r, body)
	if err != nil {
		return "", nil, err
	}
	service, operation, err := wire.Target(r.Header)
	if err != nil {
		return "", nil, err
	}
	c := who.Caller
	c.RequestID, c.Source = id, r.RemoteAddr
	ops := s.aws
	if service == wire.ServiceRota {
		ops = s.own
	}
	op, ok := ops[operation]
	if !ok {
		if service == wire.Service {
			return operation, nil, rota.E(rota.InvalidRequest, "This release of rota does not have the operation %s.", operation)
		}
		return operation, nil, rota.E(rota.UnknownOperation, "rota has no operation %s.", operation)
	}
	answer, err = op(r.Context(), c, body)
	return operation, answer, err
}

// read reads a body once; more than maxBody is refused before it is read
// where the length is told, and at the limit where it is not.
func read(r *http.Request) ([]byte, error) {
	tooLarge := rota.E(rota.TooLarge, "The request body is larger than %d bytes.", maxBody)
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	size := int64(512)
	if r.ContentLength > 0 {
		size = r.ContentLength
	}
	body := make([]byte, 0, size+1)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxBody:
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
	status, answer := http.StatusOK, map[string]string{"status": "ok"}
	if err := s.Healthy(r.Context()); err != nil {
		status, answer = http.StatusServiceUnavailable, map[string]string{"status": "failing"}
		s.Log.Error("health", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client went away
}

// on makes an operation of AWS's from its shapes.
func on[In any, P interface {
	*In
	wire.Input
}](do func(context.Context, rota.Caller, *In) (wire.Output, error)) operation {
	return func(ctx context.Context, c rota.Caller, body []byte) ([]byte, error) {
		var in In
		if err := wire.Decode(body, P(&in)); err != nil {
			return nil, err
		}
		out, err := do(ctx, c, &in)
		if err != nil {
			return nil, err
		}
		return wire.Encode(out), nil
	}
}

// ownOn makes an operation of rota's own; a member that it does not know is
// a mistake of the caller.
func ownOn[In, Out any](do func(context.Context, rota.Caller, In) (Out, error)) operation {
	return func(ctx context.Context, c rota.Caller, body []byte) ([]byte, error) {
		var in In
		if err := decodeStrict(body, &in); err != nil {
			return nil, rota.E(rota.Serialization, "The request body can not be read: it must be a JSON object with the members of this operation.")
		}
		out, err := do(ctx, c, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}
