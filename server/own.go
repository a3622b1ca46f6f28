package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

func decodeStrict(body []byte, in any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(in)
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
		if c.NotBefore.After(until) {
			until = c.NotBefore
		}
	}
	st.OverlapOpenUntil = timePtr(until)
	return st
}

const shownJournal = 50

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

func (s *Server) showJournal(ctx context.Context, c rota.Caller, d rota.Secret, in wire.ShowInput, out *wire.ShowOutput) error {
	limit := in.MaxJournal
	if limit <= 0 || limit > 1000 {
		limit = shownJournal
	}
	entries, err := s.Store.JournalOf(ctx, c, d.ARN(), limit, 0)
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

func (s *Server) expire(ctx context.Context, c rota.Caller, in wire.ExpireInput) (wire.ExpireOutput, error) {
	var out wire.ExpireOutput
	asked := 0
	for _, set := range []bool{in.Now, in.Hold, in.Resume, in.Until != nil} {
		if set {
			asked++
		}
	}
	if asked != 1 {
		return out, rota.E(rota.InvalidParameter, "Give exactly one of Now, Hold, Resume and Until.")
	}
	change := store.EndingChange{Now: in.Now, Hold: in.Hold, Resume: in.Resume, Until: deref(in.Until)}
	if err := s.Store.SetEnding(ctx, c, in.SecretId, in.VersionId, change); err != nil {
		return out, err
	}
	rows, err := s.Store.Credentials(ctx, c, in.SecretId)
	if err != nil {
		return out, err
	}
	// The row that was changed last is the one.
	var last rota.Credential
	for _, r := range rows {
		if (in.VersionId == "" || r.Version == in.VersionId) && !r.Changed.Before(last.Changed) {
			last = r
		}
	}
	if last.ID == "" {
		return out, fmt.Errorf("the ledger has no row of %s after its ending was changed", in.SecretId)
	}
	out.Credential = shownCredential(last)
	return out, nil
}
