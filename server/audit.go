package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// Audit is where calls are recorded. A call that changed something has its
// record in the same commit, in the store's outbox; every other one is
// appended to the log before its answer leaves.
type Audit struct {
	Log *audit.Log
	// Require says that a call which cannot be recorded fails. Otherwise the
	// server's own log says that it was not.
	Require bool
	// Stuck says why what is in the outbox does not reach the log, nil if it
	// does: then nothing more is changed by calls.
	Stuck func() error
}

// audited is what the record of a request is made of.
type audited struct {
	server   *Server
	http     *http.Request
	who      wire.Identity // zero while nobody is proven
	service  string
	in, out  any // decoded, and to be encoded
	recorded bool
}

// perform does a call. One that writes is a single commit with its record.
func perform[Out any](ctx context.Context, q *request, in any, do func(*Server) (Out, error)) (out Out, err error) {
	s := q.server
	q.in = in
	if s.Audit == nil || s.readOnly(q.operation) {
		out, err = do(s)
		q.out = out
		return out, err
	}
	if err := s.Audit.Stuck(); err != nil && s.Audit.Require {
		return out, unrecorded(err)
	}
	var refused error
	err = s.Store.Update(ctx, q.operation, func(in *store.Store) error {
		if out, refused = do(s.within(in)); refused != nil && !store.Keeps(refused) {
			return refused
		}
		e := s.event(q, out, refused)
		return in.Tell(ctx, store.OutboxRow{Kind: store.ToAudit, ID: e.ID, Body: encodeEvent(e)})
	})
	if err != nil {
		return out, err
	}
	q.recorded = true
	return out, refused
}

// within is the server on a part of the store, for one call.
func (s *Server) within(in *store.Store) *Server {
	part := &Server{Config: s.Config, aws: s.aws, own: s.own}
	part.Store = in
	return part
}

// record appends the record of a request, unless it has one, and returns what
// is to be answered.
func (s *Server) record(r *http.Request, q *request, err error) error {
	if s.Audit == nil || q.recorded {
		return err
	}
	e := s.event(q, q.out, err)
	events := [][]byte{encodeEvent(e)}
	if batch, ok := q.out.(*wire.BatchGetSecretValueOutput); ok && err == nil {
		events = s.eachOf(events, e, batch)
	}
	// Who went away has asked all the same.
	failed := s.Audit.Log.Append(context.WithoutCancel(r.Context()), events...)
	switch {
	case failed == nil:
		return err
	case s.Audit.Require:
		return errors.Join(unrecorded(failed), err)
	}
	s.Log.LogAttrs(r.Context(), slog.LevelError, "a call was not recorded", slog.String("request_id", q.id), slog.String("operation", q.operation),
		slog.String("principal", q.principal), slog.Any("error", failed))
	return err
}

// unrecorded is the failure of a call that could not be recorded.
func unrecorded(err error) error {
	return &rota.Error{
		Code: rota.Internal, Op: "record the call", Err: err,
		Hint: "let rota write its audit folder, and give it room; rota serve --audit=best-effort goes on without records",
	}
}

// readOnly says whether an operation changes nothing. No two of AWS's and rota's
// own have one name.
func (s *Server) readOnly(name string) bool { return s.aws[name].reads || s.own[name].reads }

func encodeEvent(e audit.Event) []byte { return e.AppendJSON(make([]byte, 0, 1536)) }

// event is the record of a request: who asked for what and what came of it.
func (s *Server) event(q *request, out any, err error) audit.Event {
	r := q.http
	e := audit.Event{
		ID: s.NewID(), RequestID: q.id, Name: q.operation, Source: audit.Source, Type: audit.APICall, Time: s.Store.Now(),
		Account: q.who.Caller.Account, Region: q.who.Caller.Region, Identity: identity(q.who), SourceIP: addressOf(r.RemoteAddr), UserAgent: r.UserAgent(),
	}
	switch q.service {
	case wire.ServiceRota:
		e.Source = audit.OwnSource
	case wire.ServiceLambda:
		e.Source = "lambda.amazonaws.com"
	}
	if q.who.AccessKeyID == "" {
		// Nothing of such a request is proven, and what it says of itself may
		// be anything: only a name that is known is repeated.
		e.Account, e.Region = s.Store.Place()
		if service, operation, terr := wire.Target(r.Header); terr == nil && service == wire.Service {
			e.Name = operation
		}
	}
	if e.Name == "" {
		e.Name = "Unknown"
	}
	e.ReadOnly = s.readOnly(e.Name)
	if r.TLS != nil {
		e.TLS = audit.TLS{Version: tls.VersionName(r.TLS.Version), CipherSuite: tls.CipherSuiteName(r.TLS.CipherSuite)}
	}
	e.Additional.Text("sessionName", q.who.Caller.Instance) // of temporary credentials
	requested(&e.Request, q.in)
	if err != nil {
		e.ErrorCode, e.ErrorMessage = wire.ErrorName(err), wire.ErrorText(err)
		if q.service == wire.ServiceLambda {
			e.ErrorCode = wire.LambdaErrorName(err)
		}
		return e
	}
	answered(&e, out)
	return e
}

// eachOf adds a record of GetSecretValue for each secret of a batch, as
// CloudTrail has them
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html).
func (s *Server) eachOf(events [][]byte, e audit.Event, batch *wire.BatchGetSecretValueOutput) [][]byte {
	e.Name = "GetSecretValue"
	one := func(secretID string) audit.Event {
		e := e
		e.ID, e.Request, e.Additional = s.NewID(), audit.Members{}, audit.Members{}
		e.Request.Text("secretId", secretID)
		return e
	}
	for _, v := range batch.SecretValues {
		e := one(v.ARN)
		delivered(&e, v.ARN, v.VersionId)
		events = append(events, encodeEvent(e))
	}
	for _, failed := range batch.Errors {
		e := one(failed.SecretId)
		e.ErrorCode, e.ErrorMessage = failed.ErrorCode, failed.Message
		events = append(events, encodeEvent(e))
	}
	return events
}

// identity is who asked, as CloudTrail tells it
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
func identity(who wire.Identity) audit.Identity {
	if who.AccessKeyID == "" {
		return audit.Identity{Type: "Unknown"}
	}
	i := audit.Identity{ARN: who.Caller.Principal, AccountID: who.Caller.Account, AccessKeyID: who.AccessKeyID}
	p := strings.SplitN(who.Caller.Principal, ":", 6)
	kind, name, _ := strings.Cut(p[len(p)-1], "/")
	switch kind {
	case "user":
		i.Type, i.UserName = "IAMUser", name[strings.LastIndexByte(name, '/')+1:]
	case "role":
		i.Type = "Role"
	case "assumed-role":
		i.Type = "AssumedRole"
	case "root":
		i.Type = "Root"
	default:
		i.Type = "Unknown"
	}
	return i
}
