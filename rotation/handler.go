package rotation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// Handler is the rotation function: it owns the protocol for every rotator.
// It keeps nothing between invocations; what must survive is in the secret's
// versions and labels, and in the home's ledger.
type Handler struct {
	Catalog Catalog
	Env     func(string) string // settings by environment; nil: none
	Now     func() time.Time
	Rand    io.Reader
}

// Result is what an invocation did, for the journal. AWS ignores it.
type Result struct {
	Notes []string
	// Proof is what ExpireSecret found: ProvenDead, NotProven, or Live where
	// nothing was to be ended.
	Proof rota.CredentialState
	// Finished is set by ResolveSecret when the pending value works and
	// AWSCURRENT was moved to it.
	Finished bool
}

// Handle does one step. Every step may be repeated at any point. Errors hold
// no value; Permanent ones will not mend by repeating, ErrNotYet asks for a
// later attempt.
func (h *Handler) Handle(ctx context.Context, home Home, ev rota.Event) (res Result, err error) {
	j, done, err := h.open(ctx, home, ev)
	defer func() {
		if j != nil {
			for _, n := range j.notes {
				res.Notes = append(res.Notes, j.hide.text(n))
			}
			err = j.clean(err)
		}
	}()
	if done || err != nil {
		switch {
		case done && ev.Step == rota.ExpireSecret:
			res.Proof = rota.Live // it is in use
		case done && ev.Step == rota.ResolveSecret:
			res.Finished = true // AWSCURRENT moved before the attempt was given up
		}
		return res, err
	}
	switch ev.Step {
	case rota.CreateSecret:
		err = j.create(ctx)
	case rota.SetSecret:
		err = j.set(ctx)
	case rota.TestSecret:
		err = j.test(ctx)
	case rota.FinishSecret:
		err = j.finish(ctx)
	case rota.ExpireSecret:
		res.Proof, err = j.expire(ctx, ev.ClientRequestToken)
	case rota.ResolveSecret:
		res.Finished, err = j.resolve(ctx)
	default:
		err = Permanent(fmt.Errorf("unknown step %q", ev.Step))
	}
	return res, err
}

// job is one invocation.
type job struct {
	*Handler
	home    Home
	event   rota.Event
	secret  rota.Secret
	arn     string
	rotator Rotator
	policy  Policy
	plan    Plan
	req     Request // what every rotator call is given; Name and Token are the event's version
	notes   []string
	hide    hider
}

func (j *job) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

// open does what every invocation begins with
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html),
// then finds the rotator and reads the values. done means that there is
// nothing left to do.
func (h *Handler) open(ctx context.Context, home Home, ev rota.Event) (j *job, done bool, err error) {
	err = home.reads(ctx, func(one Home) error {
		j, done, err = h.look(ctx, one, ev)
		return err
	})
	if j != nil {
		j.home = home
	}
	return j, done, err
}

func (h *Handler) look(ctx context.Context, home Home, ev rota.Event) (j *job, done bool, err error) {
	s, err := home.Secrets.Describe(ctx, ev.SecretID)
	if err != nil {
		return nil, false, err
	}
	j = &job{Handler: h, home: home, event: ev, secret: s, arn: s.ARN()}
	labels, known := s.Stages[ev.ClientRequestToken]

	switch ev.Step {
	case rota.ExpireSecret:
		if j.inRotation(ev.ClientRequestToken) {
			return j, true, nil
		}
	case rota.ResolveSecret:
		if slices.Contains(labels, rota.Current) {
			return j, true, nil
		}
	default:
		if s.Rotation.Configured && !s.Rotation.Enabled {
			return j, false, fmt.Errorf("secret %s is not enabled for rotation", j.arn)
		}
		if !known {
			return j, false, fmt.Errorf("secret version %s has no stage for rotation of secret %s", ev.ClientRequestToken, j.arn)
		}
		if slices.Contains(labels, rota.Current) && ev.Step != rota.FinishSecret {
			return j, true, nil
		}
		if !slices.Contains(labels, rota.Current) && !slices.Contains(labels, rota.Pending) {
			return j, false, fmt.Errorf("secret version %s not set as AWSPENDING for rotation of secret %s", ev.ClientRequestToken, j.arn)
		}
	}
	return j, false, j.read(ctx)
}

// read fills the request: values, settings, admin secret, plan.
func (j *job) read(ctx context.Context) error {
	var err error
	if j.req.Current, err = j.value(ctx, "", rota.Current); err != nil {
		return fmt.Errorf("read AWSCURRENT: %w", err)
	}
	if j.req.Previous, err = j.optional(ctx, "", rota.Previous); err != nil {
		return fmt.Errorf("read AWSPREVIOUS: %w", err)
	}
	token := j.secret.VersionOf(rota.Pending)
	if j.event.Step == rota.ResolveSecret {
		token = j.event.ClientRequestToken // also where AWSPENDING was taken off it
	}
	if token != "" {
		if j.req.Pending, err = j.optional(ctx, token, ""); err != nil {
			return fmt.Errorf("read AWSPENDING: %w", err)
		}
	}
	sel, err := Select(j.Catalog, j.secret, j.req.Current, j.Env)
	if err != nil {
		return Permanent(err)
	}
	j.rotator, j.policy = sel.Rotator, sel.Policy
	j.req.SecretARN, j.req.Token, j.req.Settings = j.arn, j.event.ClientRequestToken, sel.Settings
	j.req.Name = CredentialName(j.arn, j.req.Token)
	j.req.Rand, j.req.Now = j.Rand, j.Now()
	j.hide.fields(j.rotator.Descriptor())
	j.hide.add(j.req.Current, j.req.Previous, j.req.Pending)
	if sel.Admin != "" {
		if j.req.Admin, err = j.admin(ctx, sel.Admin); err != nil {
			return err
		}
		j.hide.add(j.req.Admin.Value)
	}
	if j.plan, err = j.rotator.Plan(j.req); err != nil {
		return Permanent(fmt.Errorf("secret %s cannot be rotated by %s: %w", j.secret.Name, j.name(), err))
	}
	return nil
}

// together runs f, which does nothing but write, as one commit where the
// home can do that.
func (j *job) together(ctx context.Context, f func() error) error {
	home, stages, notes := j.home, j.secret.Stages, len(j.notes)
	if home.Writes == nil {
		return f()
	}
	defer func() { j.home = home }()
	return home.Writes(ctx, func(one Home) error {
		j.home, j.secret.Stages, j.notes = one, stages, j.notes[:notes]
		return f()
	})
}

// inRotation reports whether the version is AWSCURRENT or AWSPENDING.
func (j *job) inRotation(version string) bool {
	labels := j.secret.Stages[version]
	return slices.Contains(labels, rota.Current) || slices.Contains(labels, rota.Pending)
}

func (j *job) name() string { return j.rotator.Descriptor().Name }

// admin reads the admin secret, if it serves this one.
func (j *job) admin(ctx context.Context, id string) (Admin, error) {
	s, err := j.home.Secrets.Describe(ctx, id)
	if err != nil {
		return Admin{}, fmt.Errorf("read the admin secret %s: %w", id, err)
	}
	if err := MayUse(s, j.secret); err != nil {
		return Admin{}, Permanent(err)
	}
	v, err := j.home.Secrets.Get(ctx, s.ARN(), "", rota.Current)
	if err != nil {
		return Admin{}, fmt.Errorf("read the admin secret %s: %w", s.Name, err)
	}
	return Admin{ARN: s.ARN(), Value: v}, nil
}

func (j *job) value(ctx context.Context, version, label string) (rota.Value, error) {
	v, err := j.home.Secrets.Get(ctx, j.arn, version, label)
	j.hide.add(v)
	return v, err
}

// optional is value, with the zero Value where there is none.
func (j *job) optional(ctx context.Context, version, label string) (rota.Value, error) {
	v, err := j.value(ctx, version, label)
	if errors.Is(err, rota.NotFound) {
		return rota.Value{}, nil
	}
	return v, err
}

// at is the request for another version than the event's.
func (j *job) at(version string) Request {
	r := j.req
	r.Token, r.Name = version, CredentialName(j.arn, version)
	return r
}

// row is the ledger row of a value of the given version.
func (j *job) row(version string, id Identity, state rota.CredentialState) rota.Credential {
	return rota.Credential{
		Secret: j.secret.Key, SecretARN: j.arn, Version: version, Rotator: j.name(),
		Provider: id.Provider, Principal: id.Principal, ProviderID: id.ID,
		State: state, Lane: j.plan.Lane,
	}
}

// known finds the ledger row of exactly this credential of the version; a
// version may have other rows, of orphans that were made under its name.
func (j *job) known(ctx context.Context, version string, id Identity) (rota.Credential, bool, error) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return rota.Credential{}, false, err
	}
	for _, c := range rows {
		if c.Version == version && c.Provider == id.Provider && c.Principal == id.Principal && c.ProviderID == id.ID {
			return c, true, nil
		}
	}
	return rota.Credential{}, false, nil
}

// record writes the ledger row of a value.
func (j *job) record(ctx context.Context, version string, v rota.Value, state rota.CredentialState, evidence string) error {
	id, err := j.rotator.Identify(j.at(version), v)
	if err != nil {
		return err
	}
	c := j.row(version, id, state)
	c.Evidence = evidence
	return j.home.Ledger.Record(ctx, c, id.Secret)
}
