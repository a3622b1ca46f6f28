package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// serveInvoke is the path of every request to the Lambda Invoke API
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
func (s *Server) serveInvoke(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	q := request{id: s.NewID(), operation: "Invoke", audited: audited{server: s, http: r, service: wire.ServiceLambda}}
	reply, err := s.invoke(w, r, &q)
	err = s.record(r, &q, err)
	var unsent error
	if err != nil {
		unsent = wire.WriteLambdaError(w, q.id, err)
	} else {
		unsent = reply.write(w, q.id)
	}
	s.log(r, q, start, err, unsent)
}

// reply is an answer of the Invoke API.
type reply struct {
	status  int
	body    []byte
	failed  bool
	log     string
	withLog bool
}

func (a reply) write(w http.ResponseWriter, id string) error {
	h := w.Header()
	if a.status != http.StatusNoContent {
		h.Set(wire.HeaderExecutedVersion, "$LATEST")
	}
	if a.failed {
		h.Set(wire.HeaderFunctionError, "Unhandled")
	}
	if a.withLog {
		h.Set(wire.HeaderLogResult, base64.StdEncoding.EncodeToString([]byte(invoke.Tail(a.log))))
	}
	return wire.WriteLambda(w, a.status, id, a.body)
}

// asked is a request to the Invoke API, read.
type asked struct {
	name    invoke.Name
	kind    string // RequestResponse, Event or DryRun
	tail    bool
	payload []byte
	context string // the client's own, a JSON object; "" for none
	secret  string // that the payload names
}

func (s *Server) invoke(w http.ResponseWriter, r *http.Request, q *request) (a reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic (%T)\n%s", v, debug.Stack())
		}
	}()
	in, err := s.readInvoke(r, q)
	if err != nil {
		return a, err
	}
	c := q.as
	c.May = q.gate.may
	arn := invoke.ARN(c.Region, c.Account, in.name.Function)
	q.in = &wire.InvokeInput{FunctionName: in.name.Function, InvocationType: in.kind, SecretId: in.secret}
	if err := c.May("lambda:InvokeFunction", rota.Resource{ARN: arn, Asked: arn}); err != nil {
		return a, err
	}
	if in.name.Account != "" && in.name.Account != c.Account || in.name.Region != "" && in.name.Region != c.Region ||
		in.name.Qualifier != "" && in.name.Qualifier != "$LATEST" || s.Functions == nil {
		return a, rota.E(rota.NotFound, "Function not found: %s:%s", arn, orLatest(in.name.Qualifier))
	}
	f, err := s.Store.Function(r.Context(), rota.Caller{Account: c.Account, Region: c.Region}, in.name.Function)
	if err != nil {
		return a, err
	}
	lent, err := s.mayTry(r.Context(), c, f, in.secret)
	if err != nil {
		return a, err
	}
	trial := function.Trial{Request: invoke.Request{ID: q.id, Payload: in.payload, Context: in.context}, Lent: lent, Named: in.secret}
	switch in.kind {
	case wire.DryRun:
		return reply{status: http.StatusNoContent}, nil
	case wire.EventInvocation:
		return reply{status: http.StatusAccepted}, s.Functions.Later(f, trial, s.told(q.id, f))
	}
	patient(w, f.Timeout)
	out, err := s.Functions.ByCaller(r.Context(), f, trial)
	if err != nil {
		var failure *invoke.Failure
		var unreachable *invoke.Unreachable
		switch {
		case errors.As(err, &unreachable):
			failure = &invoke.Failure{Type: invoke.NoAnswer, Message: unreachable.Error()}
		case !errors.As(err, &failure):
			return a, err
		}
		out.Failure = failure
	}
	a = reply{status: http.StatusOK, body: out.Payload, failed: out.Failure != nil, log: out.Log, withLog: in.tail}
	if out.Failure != nil {
		a.body = out.Failure.Answer(q.id)
	}
	return a, nil
}

func orLatest(qualifier string) string {
	if qualifier == "" {
		return "$LATEST"
	}
	return qualifier
}

// readInvoke reads and verifies a request.
func (s *Server) readInvoke(r *http.Request, q *request) (in asked, err error) {
	if r.Method != http.MethodPost {
		return in, rota.E(rota.UnknownOperation, "Send requests with the method POST.")
	}
	path := r.URL.EscapedPath()
	escaped, ok := strings.CutSuffix(strings.TrimPrefix(path, wire.InvokePrefix), wire.InvokeSuffix)
	if !ok {
		return in, rota.E(rota.UnknownOperation, "Of Lambda's API only Invoke is here.")
	}
	if in.payload, err = readUpTo(r, invoke.MaxPayload); err != nil {
		if errors.Is(err, rota.TooLarge) {
			err = rota.E(rota.TooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", invoke.MaxPayload)
		}
		return in, err
	}
	if err := s.admitTo(r, q, in.payload); err != nil {
		return in, err
	}
	name, err := url.PathUnescape(escaped)
	if err == nil {
		in.name, ok = invoke.ParseName(name)
	}
	if err != nil || !ok {
		return in, rota.E(rota.Validation, "The name of the function is neither a name nor an ARN of one.")
	}
	if query := r.URL.Query().Get("Qualifier"); query != "" {
		in.name.Qualifier = query
	}
	switch in.kind = r.Header.Get(wire.HeaderInvocationType); in.kind {
	case "":
		in.kind = wire.RequestResponse
	case wire.RequestResponse, wire.EventInvocation, wire.DryRun:
	default:
		return in, rota.E(rota.Validation, "%s is RequestResponse, Event or DryRun.", wire.HeaderInvocationType)
	}
	switch r.Header.Get(wire.HeaderLogType) {
	case "", "None":
	case "Tail":
		in.tail = true
	default:
		return in, rota.E(rota.Validation, "%s is None or Tail.", wire.HeaderLogType)
	}
	if in.context, err = clientContext(r.Header.Get(wire.HeaderClientContext)); err != nil {
		return in, err
	}
	if in.kind != wire.RequestResponse {
		in.context = "" // Lambda passes it on where somebody waits, and nowhere else
	}
	return in, in.read()
}

// clientContext reads what a client tells of itself: on one line, as it has to
// fit into a header.
func clientContext(header string) (string, error) {
	if len(header) > invoke.MaxContext {
		return "", rota.E(rota.Validation, "%s has at most %d bytes of base64.", wire.HeaderClientContext, invoke.MaxContext)
	}
	if header == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(header)
	var object map[string]json.RawMessage
	var line bytes.Buffer
	if err != nil || json.Unmarshal(b, &object) != nil || json.Compact(&line, b) != nil {
		return "", rota.E(rota.Serialization, "Client context must be a valid Base64-encoded JSON object.")
	}
	return line.String(), nil
}

// read looks at the payload, which is any JSON; of a rotation event it names
// the secret.
func (in *asked) read() error {
	if len(in.payload) == 0 {
		in.payload = []byte("{}")
	}
	if in.kind == "Event" && len(in.payload) > invoke.MaxEvent {
		return rota.E(rota.TooLarge, "Request must be smaller than %d bytes for the InvokeFunction operation", invoke.MaxEvent)
	}
	if !json.Valid(in.payload) {
		return rota.E(rota.Serialization, "Could not parse request body into json")
	}
	var event rota.Event
	if json.Unmarshal(in.payload, &event) == nil {
		in.secret = event.SecretID
	}
	return nil
}

// admitTo verifies who asks, as answer does for the other services.
func (s *Server) admitTo(r *http.Request, q *request, body []byte) error {
	who, err := s.Verifier.VerifyPath(r, body, wire.ServiceLambda)
	if err != nil {
		return err
	}
	q.principal, q.who = who.Caller.Principal, who
	grant, err := s.Grants.Grant(r.Context(), who)
	if err != nil {
		return err
	}
	q.as = who.Caller
	q.as.RequestID, q.as.Source = q.id, r.RemoteAddr
	q.gate = s.gate(r, grant, q.as.Account, q.as.Region)
	return nil
}

// mayTry says for which secret a command gets credentials. They are rota's to
// give: so who has a step tried must be allowed to have the secret rotated.
func (s *Server) mayTry(ctx context.Context, c rota.Caller, f store.Function, secret string) (string, error) {
	if secret == "" || f.Kind == store.RemoteFunction || function.Elsewhere(f) {
		return "", nil
	}
	return s.Store.Allowed(ctx, c, "RotateSecret", secret)
}

// patient lets a connection wait for a function.
func patient(w http.ResponseWriter, timeout time.Duration) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // a writer of tests has none
	_ = c.SetWriteDeadline(time.Now().Add(timeout + time.Minute))
}

// told logs what came of an invocation that nobody waited for.
func (s *Server) told(id string, f store.Function) func(invoke.Outcome, error) {
	return func(out invoke.Outcome, err error) {
		if err == nil && out.Failure != nil {
			err = out.Failure
		}
		if err != nil {
			s.Log.LogAttrs(context.Background(), slog.LevelWarn, "an asynchronous invocation failed", slog.String("function", f.Name), slog.String("request_id", id), slog.Any("error", err))
		}
	}
}
