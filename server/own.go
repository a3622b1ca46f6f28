package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// ownOperations are rota's own.
func (s *Server) ownOperations() map[string]operation {
	return map[string]operation{
		"Status": ownOn(s.status),
		"Show":   ownOn(s.show),
		"Expire": ownOn(s.expire),
	}
}

// ownOn makes an operation of rota's own. They are plain JSON; a member that
// the operation does not know is a mistake of the caller.
func ownOn[In, Out any](do func(context.Context, rota.Caller, In) (Out, error)) operation {
	return func(ctx context.Context, c rota.Caller, body []byte) ([]byte, error) {
		var in In
		if err := decodeStrict(body, &in); err != nil {
			return nil, rota.E(rota.Serialization, "The request body can not be read: it must be one JSON object with the members of this operation.")
		}
		out, err := do(ctx, c, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
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
	var out wire.ShowOutput
	d, err := s.Store.DescribeSecret(ctx, c, store.DescribeSecretInput{SecretID: in.SecretId})
	if err != nil {
		return out, err
	}
	one := store.Status{Secret: d}
	if one.Task, err = s.Store.Task(ctx, d.Key); err != nil && rota.CodeOf(err) != rota.NotFound {
		return out, err
	}
	rows, err := s.Store.Credentials(ctx, c, d.ARN())
	if err != nil {
		return out, err
	}
	out.Credentials = []wire.ShownCredential{}
	notProven := 0
	for _, r := range rows {
		if r.State.Open() {
			one.Open = append(one.Open, r)
		}
		if r.State == rota.NotProven {
			notProven++
		}
		out.Credentials = append(out.Credentials, shownCredential(r))
	}
	out.SecretStatus = statusOf(one)
	out.NotProven = notProven
	out.Rotator = d.Rotation.Function
	if err := s.showVersions(ctx, c, d, &out); err != nil {
		return out, err
	}
	if err := s.showJournal(ctx, c, d, in, &out); err != nil {
		return out, err
	}
	readers, err := s.Store.Readers(ctx, c, d.ARN())
	out.Readers = []wire.ShownReader{}
	for _, r := range readers {
		out.Readers = append(out.Readers, wire.ShownReader{
			VersionId: r.Version, Principal: r.Principal, Instance: r.Instance, First: r.First, Last: r.Last, Grade: r.Grade,
		})
	}
	return out, err
}

func (s *Server) showVersions(ctx context.Context, c rota.Caller, d rota.Secret, out *wire.ShowOutput) error {
	out.Versions = []wire.ShownVersion{}
	token := ""
	for {
		page, err := s.Store.ListSecretVersionIds(ctx, c, store.ListSecretVersionIDsInput{SecretID: d.ARN(), IncludeDeprecated: true, MaxResults: 100, NextToken: token})
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			out.Versions = append(out.Versions, wire.ShownVersion{VersionId: v.ID, Labels: v.Labels, Created: v.Created, Empty: v.Kind == rota.KindNone})
		}
		if token = page.NextToken; token == "" {
			return nil
		}
	}
}

// showJournal shows the newest entries, or what came after the one that the
// caller has seen.
func (s *Server) showJournal(ctx context.Context, c rota.Caller, d rota.Secret, in wire.ShowInput, out *wire.ShowOutput) error {
	limit := in.MaxJournal
	if limit <= 0 {
		limit = shownJournal
	}
	entries, err := s.Store.JournalOf(ctx, c, d.ARN(), min(limit, mostJournal), 0)
	if err != nil {
		return err
	}
	out.Journal = []wire.ShownEntry{}
	slices.Reverse(entries)
	for _, e := range entries {
		if e.Seq <= in.AfterJournal {
			continue
		}
		out.Journal = append(out.Journal, wire.ShownEntry{
			Number: e.Seq, VersionId: e.Token, Claim: e.Claim, Attempt: e.Attempt, Step: e.Step, Started: e.Started,
			Milliseconds: e.Duration.Milliseconds(), Outcome: e.Outcome, Cause: e.Cause, Next: e.Next,
		})
	}
	return nil
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
	var out wire.ExpireOutput
	version, err := s.oneOpen(ctx, c, in)
	if err != nil {
		return out, err
	}
	change := store.EndingChange{Now: in.Now, Hold: in.Hold, Resume: in.Resume, Until: deref(in.Until)}
	if err := s.Store.SetEnding(ctx, c, in.SecretId, version, change); err != nil {
		return out, err
	}
	rows, err := s.Store.Credentials(ctx, c, in.SecretId)
	if err != nil {
		return out, err
	}
	var last rota.Credential
	for _, r := range rows {
		if r.Version == version && !r.Changed.Before(last.Changed) {
			last = r
		}
	}
	out.Credential = shownCredential(last)
	return out, nil
}

// oneOpen is the version that is meant: the one named, else the only one whose
// ending is open. "" lets the store say that there is none, or which.
func (s *Server) oneOpen(ctx context.Context, c rota.Caller, in wire.ExpireInput) (string, error) {
	if in.VersionId != "" {
		return in.VersionId, nil
	}
	rows, err := s.Store.Credentials(ctx, c, in.SecretId)
	if err != nil {
		return "", err
	}
	version := ""
	for _, r := range rows {
		if !r.State.Open() || r.Version == version {
			continue
		}
		if version != "" {
			return "", nil
		}
		version = r.Version
	}
	return version, nil
}
