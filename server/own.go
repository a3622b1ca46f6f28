package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// ownOperations are rota's own.
func (s *Server) ownOperations() map[string]operation {
	own := principalOperations()
	maps.Copy(own, s.functionOperations())
	maps.Copy(own, map[string]operation{
		"Status": reads(ownOn((*Server).status)),
		"Show":   reads(ownOn((*Server).show)),
		"Expire": ownOn((*Server).expire),
		"Rotate": {do: rotateAsAWhole},

		"ExplainPolicy": reads(ownOn((*Server).explainPolicy)),
	})
	return own
}

// ownOn makes an operation of rota's own. They are plain JSON; a member that
// the operation does not know is a mistake of the caller.
func ownOn[In, Out any](do func(*Server, context.Context, rota.Caller, In) (Out, error)) operation {
	return operation{do: func(ctx context.Context, q *request, body []byte) ([]byte, error) {
		var in In
		if err := decodeStrict(body, &in); err != nil {
			return nil, rota.E(rota.Serialization, "The request body can not be read: it must be one JSON object with the members of this operation.")
		}
		c := q.caller(in)
		out, err := perform(ctx, q, in, func(s *Server) (Out, error) { return do(s, ctx, c, in) })
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}}
}

func decodeStrict(body []byte, in any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

func (s *Server) status(ctx context.Context, c rota.Caller, _ wire.StatusInput) (wire.StatusOutput, error) {
	all, err := s.Store.Overview(ctx, c)
	out := wire.StatusOutput{Secrets: []wire.SecretStatus{}, ClockHeld: s.ClockHeld()}
	if err != nil {
		return out, err
	}
	notProven, err := s.Store.AllCredentials(ctx, c, store.CredentialFilter{States: []rota.CredentialState{rota.NotProven}})
	if err != nil {
		return out, err
	}
	given := map[rota.Key]int{}
	for _, r := range notProven {
		given[r.Secret]++
	}
	for _, one := range all {
		st := statusOf(one)
		st.NotProven = given[one.Secret.Key]
		out.Secrets = append(out.Secrets, st)
	}
	return out, nil
}

// statusOf says in a word what a secret is doing.
func statusOf(one store.Status) wire.SecretStatus {
	s, t := one.Secret, one.Task
	st := wire.SecretStatus{Name: s.Name, ARN: s.ARN(), LastRotated: timePtr(s.Rotation.Last), OverlapOpen: len(one.Open), Detail: t.LastError}
	switch {
	case t.Kind != store.Idle && t.Resolve:
		st.State = "resolving"
	case t.Kind == store.Test:
		st.State = "testing"
	case t.Kind == store.Rotate && t.Attempt > 0:
		st.State = "retrying"
	case t.Kind == store.Rotate:
		st.State = "rotating"
	case s.Deleted():
		st.State = "deleted"
	case !s.Rotation.Configured:
		st.State = "by hand"
	case !s.Rotation.Enabled:
		st.State = "off"
	default:
		st.State = "idle"
	}
	if t.Kind != store.Idle {
		st.Attempt = t.Attempt + 1
	}
	if s.Rotation.Enabled || t.Kind != store.Idle {
		st.Next = timePtr(t.Due)
	}
	var until time.Time
	for _, c := range one.Open {
		if c.State == rota.Held {
			st.OverlapHeld++
		} else if c.NotBefore.After(until) {
			until = c.NotBefore
		}
	}
	st.OverlapOpenUntil = timePtr(until)
	return st
}

// How much of a journal is shown at once.
const (
	shownJournal = 50
	mostJournal  = 1000
)

func (s *Server) show(ctx context.Context, c rota.Caller, in wire.ShowInput) (wire.ShowOutput, error) {
	limit := in.MaxJournal
	if limit <= 0 {
		limit = shownJournal
	}
	one, err := s.Store.Show(ctx, c, store.ShowInput{SecretID: in.SecretId, Journal: min(limit, mostJournal), Function: in.RotationLambdaARN})
	if err != nil {
		return wire.ShowOutput{}, err
	}
	out := wire.ShowOutput{
		SecretStatus: statusOf(one.Status), Rotator: one.Secret.Rotation.Function, Plan: shownPlan(one.Plan), Problem: one.Problem,
		Versions: []wire.ShownVersion{}, Credentials: []wire.ShownCredential{}, Journal: []wire.ShownEntry{}, Readers: []wire.ShownReader{},
	}
	for _, v := range one.Versions {
		out.Versions = append(out.Versions, wire.ShownVersion{VersionId: v.ID, Labels: v.Labels, Created: v.Created, Empty: v.Kind == rota.KindNone})
	}
	for _, r := range one.Credentials {
		if r.State == rota.NotProven {
			out.NotProven++
		}
		out.Credentials = append(out.Credentials, shownCredential(r))
	}
	for _, e := range one.Journal {
		if e.Seq > in.AfterJournal { // what the caller has not seen
			out.Journal = append(out.Journal, shownEntry(e))
		}
	}
	for _, r := range one.Readers {
		out.Readers = append(out.Readers, wire.ShownReader{
			VersionId: r.Version, Principal: r.Principal, Instance: r.Instance, First: r.First, Last: r.Last, Grade: r.Grade,
		})
	}
	return out, nil
}

func shownPlan(a *store.Assignment) *wire.ShownPlan {
	if a == nil {
		return nil
	}
	out := &wire.ShownPlan{
		Rotator: a.Plan.Rotator, Settings: []wire.ShownSetting{}, Capacity: a.Capacity,
		RevocationLagSeconds: a.Plan.RevocationLag.Seconds(), CannotDetect: a.Plan.CannotDetect,
	}
	for _, one := range a.Plan.Settings {
		out.Settings = append(out.Settings, wire.ShownSetting(one))
	}
	return out
}

func shownEntry(e rota.JournalEntry) wire.ShownEntry {
	return wire.ShownEntry{
		Number: e.Seq, VersionId: e.Token, Claim: e.Claim, Attempt: e.Attempt, Step: e.Step, Started: e.Started,
		Milliseconds: e.Duration.Milliseconds(), Outcome: e.Outcome, Cause: e.Cause, Next: e.Next,
	}
}

func shownCredential(r rota.Credential) wire.ShownCredential {
	return wire.ShownCredential{
		VersionId: r.Version, Rotator: r.Rotator, Provider: r.Provider, Principal: r.Principal, ProviderId: r.ProviderID, State: string(r.State),
		Policy: r.Policy, NotBefore: timePtr(r.NotBefore), Deadline: timePtr(r.Deadline), Attempts: r.Attempts, Evidence: r.Evidence,
		Created: r.Created, Changed: r.Changed,
	}
}

// expire changes the ending of one version, and shows the row that it was
// changed in.
func (s *Server) expire(ctx context.Context, c rota.Caller, in wire.ExpireInput) (wire.ExpireOutput, error) {
	change := store.EndingChange{Now: in.Now, Hold: in.Hold, Resume: in.Resume, Until: deref(in.Until)}
	row, err := s.Store.Expire(ctx, c, in.SecretId, in.VersionId, change)
	return wire.ExpireOutput{Credential: shownCredential(row)}, err
}
