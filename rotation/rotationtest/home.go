package rotationtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Home is a home in memory: an instrument for testing what runs in a home,
// not a store to keep secrets in. It is a small and strict Secrets Manager:
// of what the service allows it does only what is promised, and of what it
// may do it does the worst. A version without a label is gone at once, where
// the service purges it some day; a placeholder cannot be read; a put without
// the rotation token is refused; every label rule is an error and not a
// guess (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
//
// Each call is a point at which it can be told to fail: "home read" for what
// only reads, "home put", "home label", "home timer" and "home record" for
// what writes.
type Home struct {
	mu     sync.Mutex
	points Points
	aws    bool
	byName map[string]*secret
	rows   []rota.Credential
	checks map[string]bool
	timers map[string]time.Time // by version
}

type secret struct {
	rota.Secret
	values        map[string]rota.Value // every version; zero for a placeholder
	rotationToken string
}

// The identity of everything in a Home.
const (
	Account = "123456789012"
	Region  = "us-east-1"
)

// NewHome returns an empty home with a ledger, as rota serve has one: the
// version that gains AWSCURRENT is not ended any more.
func NewHome(points Points) *Home {
	return &Home{points: points, byName: map[string]*secret{}, checks: map[string]bool{}, timers: map[string]time.Time{}}
}

// NewHomeOnAWS returns an empty home without a ledger: all that survives is
// in versions, labels and timers.
func NewHomeOnAWS(points Points) *Home {
	h := NewHome(points)
	h.aws = true
	return h
}

// UsePoints changes who is asked at each point.
func (h *Home) UsePoints(points Points) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.points = points
}

// Home is what the handler is given.
func (h *Home) Home() rotation.Home {
	if h.aws {
		return rotation.Home{Secrets: h, Timer: h, Ledger: rotation.NoLedger{}}
	}
	return rotation.Home{Secrets: h, Timer: h, Ledger: h}
}

// Create makes a secret with a first value that is AWSCURRENT.
func (h *Home) Create(name, version string, v rota.Value, tags ...rota.Tag) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byName[name] = &secret{
		Secret: rota.Secret{
			Key: rota.Key{Account: Account, Region: Region, ID: "id-of-" + name}, Name: name, Suffix: "AbCdEf",
			Tags: tags, Stages: map[string][]rota.Label{version: {rota.Current}},
		},
		values: map[string]rota.Value{version: v},
	}
}

// Change lets f change the description of a secret: its tags, rotation,
// metadata.
func (h *Home) Change(name string, f func(*rota.Secret)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.byName[name].Secret)
}

// Begin starts a rotation as RotateSecret does: a placeholder without a
// value under AWSPENDING, and a rotation token that every put must carry.
func (h *Home) Begin(name, token, rotationToken string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	if on := s.VersionOf(rota.Pending); on != "" && on != s.VersionOf(rota.Current) && on != token {
		return rota.E(rota.InvalidRequest, "A previous rotation isn't complete. That rotation will be reattempted.")
	}
	s.rotationToken = rotationToken
	s.Rotation.Configured, s.Rotation.Enabled = true, true
	if _, ok := s.values[token]; !ok {
		s.values[token] = rota.Value{}
	}
	h.put(s, rota.Pending, token)
	return nil
}

// BeginTest labels a copy of AWSCURRENT, as RotateImmediately=false does.
func (h *Home) BeginTest(name, token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	s.Rotation.Configured, s.Rotation.Enabled = true, true
	s.values[token] = s.values[s.VersionOf(rota.Current)]
	h.put(s, rota.Pending, token)
}

// Complete ends a rotation: AWSCURRENT must be on the token.
func (h *Home) Complete(name, token string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	if s.VersionOf(rota.Current) != token {
		return rota.E(rota.InvalidRequest, "AWSCURRENT is not on %s", token)
	}
	if s.VersionOf(rota.Pending) == token {
		h.take(s, rota.Pending)
	}
	h.prune(s)
	return nil
}

// Abandon takes AWSPENDING off a rotation that is given up. What the ledger
// knows of it ends at once, as that of any old version.
func (h *Home) Abandon(name, token string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	for i, c := range h.rows {
		if c.Version == token && (c.State == rota.Intended || c.State == rota.Live) {
			h.put(s, rota.EndsLabel(token, now), token)
			h.rows[i].State, h.rows[i].Policy = rota.Superseded, "immediately"
			h.rows[i].NotBefore, h.rows[i].Due = now, now
		}
	}
	h.take(s, rota.Pending)
	current := s.VersionOf(rota.Current)
	h.keep(s, current)
	h.prune(s)
}

// PutByHand makes a value AWSCURRENT as a person does.
func (h *Home) PutByHand(name, version string, v rota.Value) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	s.values[version] = v
	h.moveCurrent(s, version)
}

// MoveByHand moves or attaches a label as a person does, "" takes it off.
func (h *Home) MoveByHand(name string, l rota.Label, version string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byName[name]
	switch {
	case l == rota.Current:
		h.moveCurrent(s, version)
	case version == "":
		h.take(s, l)
		h.prune(s)
	default:
		h.put(s, l, version)
		h.prune(s)
	}
}

// Secret describes a secret.
func (h *Home) Secret(name string) rota.Secret {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byName[name].describe()
}

// Value is the value of a version, zero if it is gone or has none.
func (h *Home) Value(name, version string) rota.Value {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byName[name].values[version]
}

// Rows is the whole ledger.
func (h *Home) Rows() []rota.Credential {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.rows)
}

// ChangeRows lets f change each row, as a person's hold does.
func (h *Home) ChangeRows(f func(*rota.Credential)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.rows {
		f(&h.rows[i])
	}
}

// Due lists the versions whose ending is due: in a ledger that of its rows,
// otherwise that of the timers, each of which rings once.
func (h *Home) Due(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	due := map[string]bool{}
	if h.aws {
		for version, at := range h.timers {
			if !at.After(now) {
				due[version] = true
				delete(h.timers, version)
			}
		}
	}
	for _, c := range h.rows {
		if c.State.Open() && c.State != rota.Held && !c.Due.IsZero() && !c.Due.After(now) && !h.isCurrent(c) {
			due[c.Version] = true
		}
	}
	return slices.Sorted(maps.Keys(due))
}

// Describe returns the secret.
func (h *Home) Describe(_ context.Context, id string) (out rota.Secret, err error) {
	err = h.do("read", func() error {
		s, err := h.find(id)
		if err == nil {
			out = s.describe()
		}
		return err
	})
	return out, err
}

// Get reads a value; a placeholder has none.
func (h *Home) Get(_ context.Context, id, version, label string) (out rota.Value, err error) {
	err = h.do("read", func() error {
		s, err := h.find(id)
		if err != nil {
			return err
		}
		if version == "" {
			if version = s.VersionOf(label); version == "" {
				return notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
			}
		} else if label != "" && s.VersionOf(label) != version {
			return notFound("Secrets Manager can't find the specified secret value for VersionId: %s", version)
		}
		if out = s.values[version]; out.IsZero() {
			return notFound("Secrets Manager can't find the specified secret value for VersionId: %s", version)
		}
		return nil
	})
	return out, err
}

// Put stores a value under AWSPENDING.
func (h *Home) Put(_ context.Context, id, token string, v rota.Value, rotationToken string) error {
	return h.do("put", func() error {
		s, err := h.find(id)
		if err != nil {
			return err
		}
		if rotationToken != s.rotationToken {
			return rota.E(rota.AccessDenied, "the put of version %s does not carry the rotation token", token)
		}
		if v.IsZero() {
			return rota.E(rota.InvalidParameter, "You must provide either SecretString or SecretBinary.")
		}
		if have := s.values[token]; !have.IsZero() {
			if !have.Equal(v) {
				return rota.E(rota.Exists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, s.ARN())
			}
			return nil
		}
		s.values[token] = v
		h.put(s, rota.Pending, token)
		h.prune(s)
		return nil
	})
}

// UpdateVersionStage moves a label by the rules of the service.
func (h *Home) UpdateVersionStage(_ context.Context, id, label, from, to string) error {
	return h.do("label", func() error {
		s, err := h.find(id)
		if err != nil {
			return err
		}
		on := s.VersionOf(label)
		_, fromExists := s.values[from]
		_, toExists := s.values[to]
		switch {
		case from == "" && to == "":
			return rota.E(rota.InvalidParameter, "neither RemoveFromVersionId nor MoveToVersionId is given")
		case (from != "" && !fromExists) || (to != "" && !toExists):
			return notFound("Secrets Manager can't find the specified secret version.")
		case from == "" && on != "" && on != to:
			return rota.E(rota.InvalidParameter, "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, on)
		case from != "" && from != on:
			return rota.E(rota.InvalidParameter, "When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %s.", label, label)
		case label == rota.Current && to == "":
			return rota.E(rota.InvalidParameter, "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.")
		case on == "" && s.labels() >= rota.MaxLabels:
			return rota.E(rota.LimitExceeded, "the secret has %d staging labels already", rota.MaxLabels)
		}
		switch {
		case label == rota.Current:
			h.moveCurrent(s, to)
		case to == "":
			h.take(s, label)
		default:
			h.put(s, label, to)
		}
		h.prune(s)
		return nil
	})
}

// Schedule makes or moves the timer.
func (h *Home) Schedule(_ context.Context, c rota.Credential, v rota.Value) error {
	return h.do("timer", func() error {
		if c.State != rota.Superseded || c.Version == "" || c.NotBefore.IsZero() != c.Due.IsZero() {
			return rota.E(rota.InvalidParameter, "no timer can be made for version %q, state %q, from %s, due %s", c.Version, c.State, c.NotBefore, c.Due)
		}
		if h.aws {
			if delete(h.timers, c.Version); !c.Due.IsZero() {
				h.timers[c.Version] = c.Due
			}
			return nil
		}
		row := h.row(c)
		before := *row
		*row = c
		row.ID, row.Metadata, row.Fingerprint = before.ID, before.Metadata, fingerprint(v)
		if before.State == rota.Held {
			row.State, row.Due = rota.Held, time.Time{}
		}
		return nil
	})
}

// Record makes or updates a ledger row.
func (h *Home) Record(_ context.Context, c rota.Credential, v rota.Value) error {
	return h.do("record", func() error {
		if c.Version == "" || c.State == "" || c.SecretARN == "" {
			return rota.E(rota.InvalidParameter, "a ledger row without version, state or secret")
		}
		row := h.row(c)
		before := *row
		*row = c
		row.ID, row.Fingerprint = before.ID, fingerprint(v)
		if c.Policy == "" {
			row.Policy = before.Policy
		}
		if c.NotBefore.IsZero() {
			row.NotBefore = before.NotBefore
		}
		if c.Deadline.IsZero() {
			row.Deadline = before.Deadline
		}
		if c.Due.IsZero() {
			row.Due = before.Due
		}
		if c.Metadata == nil {
			row.Metadata = before.Metadata
		}
		if c.Attempts == 0 {
			row.Attempts = before.Attempts
		}
		if before.State == rota.Held && c.State.Open() {
			row.State = rota.Held
		}
		switch row.State {
		case rota.Live:
			row.Policy, row.NotBefore, row.Deadline, row.Due = "", time.Time{}, time.Time{}, time.Time{}
		case rota.ProvenDead, rota.NotProven, rota.Held:
			row.Due = time.Time{}
		}
		for _, s := range h.byName {
			h.prune(s)
		}
		return nil
	})
}

// Credentials lists the rows of a secret.
func (h *Home) Credentials(_ context.Context, arn string) (out []rota.Credential, err error) {
	err = h.do("read", func() error {
		for _, c := range h.rows {
			if c.SecretARN == arn {
				out = append(out, c)
			}
		}
		return nil
	})
	return out, err
}

// ProviderCheck says whether the provider refuses random values.
func (h *Home) ProviderCheck(_ context.Context, address string) (checks, known bool, err error) {
	err = h.do("read", func() error {
		checks, known = h.checks[address]
		return nil
	})
	return checks, known, err
}

// SaveProviderCheck keeps it.
func (h *Home) SaveProviderCheck(_ context.Context, address string, checks bool) error {
	return h.do("record", func() error {
		h.checks[address] = checks
		return nil
	})
}

// do is one call, or what goes wrong at it.
func (h *Home) do(what string, f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.points.Stopped() {
		return ErrStopped
	}
	fault := h.points.At("home " + what)
	switch fault {
	case StopBefore:
		h.points.Stop()
		return ErrStopped
	case NotDoneUnclear:
		return fmt.Errorf("%s: %w", what, ErrLost)
	}
	err := f()
	switch fault {
	case StopAfter:
		h.points.Stop()
		return ErrStopped
	case DoneUnknown:
		return fmt.Errorf("%s: %w", what, ErrLost)
	}
	return err
}

func notFound(format string, args ...any) error { return rota.E(rota.NotFound, format, args...) }

// find takes a name or an ARN.
func (h *Home) find(id string) (*secret, error) {
	for name, s := range h.byName {
		if id == name || id == s.ARN() {
			return s, nil
		}
	}
	return nil, notFound("Secrets Manager can't find the specified secret.")
}

func (h *Home) row(c rota.Credential) *rota.Credential {
	for i, r := range h.rows {
		if c.ID != "" && r.ID == c.ID {
			return &h.rows[i]
		}
	}
	for i, r := range h.rows {
		if r.SecretARN == c.SecretARN && r.Version == c.Version && r.Provider == c.Provider && r.Principal == c.Principal && r.ProviderID == c.ProviderID {
			return &h.rows[i]
		}
	}
	for i, r := range h.rows { // an intent that became a credential
		if r.SecretARN == c.SecretARN && r.Version == c.Version && (r.State == rota.Intended || r.State.Open()) && r.Principal == "" && r.ProviderID == "" {
			return &h.rows[i]
		}
	}
	h.rows = append(h.rows, rota.Credential{ID: fmt.Sprintf("row-%d", len(h.rows)+1)})
	return &h.rows[len(h.rows)-1]
}

// fingerprint stands for the keyed hash of a real ledger.
func fingerprint(v rota.Value) string {
	if v.IsZero() {
		return ""
	}
	sum := sha256.Sum256(v.Reveal())
	return hex.EncodeToString(sum[:])
}

func (h *Home) isCurrent(c rota.Credential) bool {
	for _, s := range h.byName {
		if s.ARN() == c.SecretARN {
			return s.VersionOf(rota.Current) == c.Version
		}
	}
	return false
}

// moveCurrent moves AWSCURRENT, and drags AWSPREVIOUS to where it was.
func (h *Home) moveCurrent(s *secret, to string) {
	from := s.VersionOf(rota.Current)
	if from == to {
		return
	}
	h.put(s, rota.Current, to)
	if from != "" {
		h.put(s, rota.Previous, from)
	}
	if !h.aws {
		h.keep(s, to)
	}
	h.prune(s)
}

// keep cancels the ending of a version.
func (h *Home) keep(s *secret, version string) {
	s.Stages[version] = slices.DeleteFunc(s.Stages[version], rota.IsEndsLabel)
	for i, c := range h.rows {
		if c.SecretARN == s.ARN() && c.Version == version && c.State.Open() {
			h.rows[i].State, h.rows[i].Policy = rota.Live, ""
			h.rows[i].NotBefore, h.rows[i].Deadline, h.rows[i].Due = time.Time{}, time.Time{}, time.Time{}
		}
	}
}

func (h *Home) put(s *secret, l rota.Label, version string) {
	h.take(s, l)
	s.Stages[version] = append(s.Stages[version], l)
	slices.Sort(s.Stages[version])
}

func (h *Home) take(s *secret, l rota.Label) {
	if on := s.VersionOf(l); on != "" {
		s.Stages[on] = slices.DeleteFunc(s.Stages[on], func(have rota.Label) bool { return have == l })
	}
}

// prune removes versions without a label, unless the ledger says that their
// credential has not ended.
func (h *Home) prune(s *secret) {
	for version := range s.values {
		if len(s.Stages[version]) > 0 {
			continue
		}
		delete(s.Stages, version)
		open := slices.ContainsFunc(h.rows, func(c rota.Credential) bool {
			return c.SecretARN == s.ARN() && c.Version == version && c.State.Open()
		})
		if !open {
			delete(s.values, version)
		}
	}
}

func (s *secret) labels() (n int) {
	for _, l := range s.Stages {
		n += len(l)
	}
	return n
}

func (s *secret) describe() rota.Secret {
	out := s.Secret
	out.Tags = slices.Clone(s.Tags)
	out.Stages = map[string][]rota.Label{}
	for version, labels := range s.Stages {
		out.Stages[version] = slices.Clone(labels)
	}
	return out
}
