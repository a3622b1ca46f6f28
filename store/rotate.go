package store

import (
	"context"
	"errors"
	"slices"

	"github.com/rotahq/rota"
)

// RotateSecretInput is the input of RotateSecret. What is nil keeps what the
// secret has.
type RotateSecretInput struct {
	SecretID           string
	ClientRequestToken string
	RotationLambdaARN  *string
	RotationRules      *rota.Rules
	RotateImmediately  *bool               // nil: true
	Metadata           []rota.MetadataItem // ExternalSecretRotationMetadata
	RoleARN            *string             // ExternalSecretRotationRoleArn
}

// RotateSecretOutput is its output.
type RotateSecretOutput struct {
	ARN, Name, VersionID string
}

const (
	msgNoFunction    = "No Lambda rotation function ARN is associated with this secret."
	msgBothSchedules = "You cannot specify both rotation frequency and schedule expression together."
)

// RotateSecret sets rotation up and starts one, or with
// RotateImmediately=false a test. It returns at once; the engine works. An
// error saves nothing, but an unfinished earlier rotation is tried again at
// once, as AWS's message for it says
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html).
//
// It may be repeated with the same token: while that rotation or test runs,
// and after it when its version is AWSCURRENT, nothing happens. The token of
// another version that has a value is Exists. Unlike AWS, which lets the
// function fail later, a secret without an AWSCURRENT value is refused
// (NotFound, as GetSecretValue would).
func (s *Store) RotateSecret(ctx context.Context, c rota.Caller, in RotateSecretInput) (out RotateSecretOutput, err error) {
	var refused error // after the transaction, which may hasten a retry
	err = s.update(ctx, c, "RotateSecret", in.SecretID, func(x *session) error {
		refused = nil
		if _, err := parseID(x.c, in.SecretID); err != nil {
			return err
		}
		if in.ClientRequestToken == "" {
			return rota.E(rota.InvalidParameter, msgNoToken)
		}
		it, err := x.open(in.SecretID)
		if err != nil {
			return err
		}
		out = RotateSecretOutput{it.row.ARN(), it.row.Name, in.ClientRequestToken}
		done, err := it.rotatedAlready(in.ClientRequestToken)
		if done || err != nil {
			return err
		}
		if in.RotationRules != nil && in.RotationRules.AfterDays != 0 && in.RotationRules.Expression != "" {
			return rota.E(rota.InvalidParameter, msgBothSchedules)
		}
		if it.unfinished() != "" {
			refused = rota.E(rota.InvalidRequest, msgIncomplete)
			return it.hasten()
		}
		return it.rotate(in)
	})
	if err == nil && refused != nil {
		err = refusal{wrap("RotateSecret", in.SecretID, refused)}
	}
	if err != nil {
		out = RotateSecretOutput{}
	}
	return out, err
}

// rotatedAlready answers for a token that is known.
func (it *item) rotatedAlready(token string) (bool, error) {
	if it.task.Kind != Idle && it.task.Token == token && !it.task.Resolve || it.labels[rota.Current] == token {
		return true, nil
	}
	_, used, err := it.tx.Version(it.row.Key, token)
	if err != nil || !used || token == it.unfinished() {
		return false, err
	}
	return false, rota.E(rota.Exists, msgTokenUsed, token, it.row.ARN())
}

// hasten makes the next attempt due now.
func (it *item) hasten() error {
	if it.task.Kind == Idle || !it.row.Rotation.Enabled {
		return nil
	}
	it.task.Due = it.now
	it.wake = true
	return it.tx.PutTask(it.task)
}

func (it *item) rotate(in RotateSecretInput) error {
	r := &it.row.Rotation
	planned := r.Enabled && !it.row.Anchor.IsZero() && (in.RotationRules == nil || sameRules(*in.RotationRules, r.Rules))
	r.Configured, r.Enabled = true, true
	if in.RotationLambdaARN != nil {
		r.Function = *in.RotationLambdaARN
	}
	if in.RotationRules != nil && !planned {
		r.Rules = *in.RotationRules
	}
	if in.Metadata != nil {
		r.Metadata = slices.Clone(in.Metadata)
	}
	if in.RoleARN != nil {
		r.RoleARN = *in.RoleARN
	}
	if err := it.checkRotation(); err != nil {
		return err
	}
	it.changed()
	// A schedule that stays counts from what it counted from: if the rotation
	// asked for fails, it postponed nothing.
	if !planned {
		if err := it.plan(it.now); err != nil {
			return err
		}
	}
	kind, value, what := Rotate, rota.Value{}, "asked for"
	if in.RotateImmediately != nil && !*in.RotateImmediately {
		v, err := it.value(rota.Current)
		if err != nil {
			return err
		}
		kind, value, what = Test, v, "test asked for"
	}
	if err := it.start(kind, in.ClientRequestToken, value, what+by(it.c), true); err != nil {
		return err
	}
	return it.save()
}

// sameRules reports whether rules as a caller sends them are those that the
// secret has, which may show AfterDays beside an expression.
func sameRules(sent, have rota.Rules) bool {
	if have.Expression != "" {
		have.AfterDays = 0
	}
	return sent == have
}

// checkRotation asks whether the secret as it is now can be rotated, and
// keeps what the queue must know. What is wrong with the function comes
// first, then a missing value, then the rest.
func (it *item) checkRotation() error {
	a, err := it.assignment()
	if err != nil && (errors.Is(err, rota.AccessDenied) || errors.Is(err, rota.InvalidRequest)) {
		return err
	}
	if it.labels[rota.Current] == "" {
		return rota.E(rota.NotFound, msgNoLabelValue, rota.Current)
	}
	if err != nil {
		return err
	}
	it.task.Lane, it.task.Capacity, it.task.Admin = a.Lane, a.Capacity, a.Admin
	return nil
}

func (it *item) assignment() (Assignment, error) {
	if it.cfg.Functions == nil {
		if it.row.Rotation.Function == "" {
			return Assignment{}, rota.E(rota.InvalidRequest, msgNoFunction)
		}
		return Assignment{}, nil
	}
	sec, err := it.full(it.row)
	if err != nil {
		return Assignment{}, err
	}
	current, err := it.value(rota.Current)
	if err != nil {
		return Assignment{}, err
	}
	admin := ""
	a, err := it.cfg.Functions.Check(it.ctx, Setup{Secret: sec, Current: current, Registered: it.registered, Lookup: func(id string) (rota.Secret, rota.Value, error) {
		admin = id
		return it.lookup(id)
	}})
	return a, it.concealed(err, admin)
}

// lookup reads another secret for Check: it is not the caller who reads it,
// and what is read stays here.
func (x *session) lookup(id string) (rota.Secret, rota.Value, error) {
	row, err := x.seek(id)
	if err != nil {
		return rota.Secret{}, rota.Value{}, err
	}
	if row.Deleted() {
		return rota.Secret{}, rota.Value{}, rota.E(rota.InvalidRequest, msgMarkedDeleted)
	}
	sec, err := x.full(row)
	if err != nil {
		return rota.Secret{}, rota.Value{}, err
	}
	id = sec.VersionOf(rota.Current)
	if id == "" {
		return sec, rota.Value{}, nil
	}
	v, ok, err := x.tx.Version(row.Key, id)
	if err != nil || !ok {
		return sec, rota.Value{}, err
	}
	value, err := x.unseal(row, v)
	return sec, value, err
}

// valueChanged follows a new AWSCURRENT value by hand while rotation is on:
// it must be one that can be rotated, and counts as a rotation for the
// schedule that counts days.
func (it *item) valueChanged() error {
	if !it.row.Rotation.Enabled {
		return nil
	}
	if err := it.settingsChanged(); err != nil {
		return err
	}
	if it.row.Rotation.Rules.Expression != "" || it.task.Kind != Idle {
		return nil
	}
	return it.plan(it.now)
}

// settingsChanged follows a change of value, tags or type while rotation is
// on. What breaks the rotator is refused. That the function cannot be invoked
// is no fault of the change, and must not keep anybody from writing.
func (it *item) settingsChanged() error {
	if err := it.mayRedirect(); err != nil || !it.row.Rotation.Enabled {
		return err
	}
	err := it.checkRotation()
	if errors.Is(err, rota.AccessDenied) || errors.Is(err, rota.InvalidRequest) || errors.Is(err, rota.NotFound) {
		return nil
	}
	return err
}

// CancelRotateSecretOutput is the output of CancelRotateSecret. VersionID is
// the version that AWSPENDING is left on, if there is one.
type CancelRotateSecretOutput struct {
	ARN, Name, VersionID string
}

// CancelRotateSecret turns rotation off and keeps how it was set up. A
// running rotation ends before its next step; if its new value may be in
// force at the provider already, it is resolved first. AWSPENDING stays. An
// ending that is planned goes on. It may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html).
func (s *Store) CancelRotateSecret(ctx context.Context, c rota.Caller, secretID string) (out CancelRotateSecretOutput, err error) {
	err = s.update(ctx, c, "CancelRotateSecret", secretID, func(x *session) error {
		it, err := x.open(secretID)
		if err != nil {
			return err
		}
		if it.row.Rotation.Configured {
			it.row.Rotation.Enabled = false
			it.changed()
			if err := it.halt("rotation was cancelled" + by(x.c)); err != nil {
				return err
			}
			if err := it.save(); err != nil {
				return err
			}
		}
		out = CancelRotateSecretOutput{it.row.ARN(), it.row.Name, it.unfinished()}
		return nil
	})
	return out, err
}

// halt ends what runs, because rotation was cancelled or the secret deleted.
// What may have reached the provider, or is at work now, is resolved by the
// engine first.
func (it *item) halt(cause string) error {
	t := &it.task
	if t.Kind == Rotate && (t.Touched || t.Claim.Active(it.now)) {
		t.Resolve, t.Due, t.LastError = true, it.now, cause
		it.wake = true
		return nil
	}
	if t.Kind != Idle {
		if err := it.stop(cause); err != nil {
			return err
		}
		t.LastError = cause
	}
	return it.plan(it.now)
}
