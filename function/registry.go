package function

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// noFunction and cannotInvoke are AWS's sentences
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html).
const (
	noFunction   = "No Lambda rotation function ARN is associated with this secret."
	cannotInvoke = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."
)

// Registry knows the functions that this program can invoke, and answers
// what the store must know of them.
type Registry struct {
	Catalog rotation.Catalog
	Env     func(string) string // defaults of settings; nil: none
}

var _ store.Functions = Registry{}

// CheckTag refuses a rota: tag that no rotator knows.
func (r Registry) CheckTag(key, value string) error {
	if err := rotation.CheckTag(r.Catalog, key, value); err != nil {
		return rota.E(rota.InvalidParameter, "%s", err)
	}
	return nil
}

// Reach is what decides where the credential is sent.
func (r Registry) Reach(s store.Setup) string { return rotation.Reach(r.Catalog, s.Secret, s.Current) }

// Check says whether the secret can be rotated as it would be after the
// change. It calls no provider.
func (r Registry) Check(_ context.Context, s store.Setup) (store.Assignment, error) {
	if fn := s.Secret.Rotation.Function; fn != "" && !rotation.BuiltIn(r.Catalog, fn) {
		return r.foreign(s)
	}
	if err := r.invokable(s.Secret); err != nil {
		return store.Assignment{}, err
	}
	sel, err := rotation.Select(r.Catalog, s.Secret, s.Current, r.Env)
	if err != nil {
		return store.Assignment{}, rota.E(rota.InvalidParameter, "%s", err)
	}
	req := rotation.Request{SecretARN: s.Secret.ARN(), Settings: sel.Settings, Current: s.Current}
	var admin rota.Secret
	if sel.Admin != "" {
		var v rota.Value
		if admin, v, err = usable(s, sel.Admin); err != nil {
			return store.Assignment{}, err
		}
		req.Admin = rotation.Admin{ARN: admin.ARN(), Value: v}
	}
	plan, err := sel.Rotator.Plan(req)
	if err != nil {
		return store.Assignment{}, rota.E(rota.InvalidParameter, "the rotator %s cannot rotate this secret: %s", sel.Rotator.Descriptor().Name, err)
	}
	return store.Assignment{Lane: plan.Lane, Capacity: plan.Capacity, Admin: admin.Key, Plan: planned(sel, plan)}, nil
}

// planned is what a person is shown of a plan.
func planned(sel rotation.Selected, plan rotation.Plan) *store.Plan {
	out := &store.Plan{Rotator: sel.Settings[rotation.SettingRotator], RevocationLag: plan.RevocationLag, CannotDetect: plan.CannotDetect}
	for _, name := range slices.Sorted(maps.Keys(sel.Settings)) {
		out.Settings = append(out.Settings, store.PlannedSetting{Name: name, Value: sel.Settings[name], From: sel.From[name]})
	}
	return out
}

// invokable refuses a secret that names nothing which could rotate it. One
// without a function is rotated by its Type, or by the rotator that its tag or
// metadata names.
func (r Registry) invokable(s rota.Secret) error {
	if s.Rotation.Function == "" {
		if _, ok := r.Catalog.ByType(s.Type); ok {
			return nil
		}
		if _, err := rotation.Select(r.Catalog, s, rota.Value{}, nil); err == nil {
			return nil
		}
		if _, tagged := s.Tag(rotation.TagPrefix + rotation.SettingRotator); tagged || len(s.Rotation.Metadata) > 0 {
			return nil // Select's own problems say more
		}
		return rota.E(rota.InvalidRequest, "%s", noFunction)
	}
	return nil
}

// foreign is Check for a function that is not rota's: it must be registered
// for the secret's account and region, and the admin secret, if one is named,
// must serve the secret. All else is the function's to know. What hangs
// together with it is the function itself.
func (r Registry) foreign(s store.Setup) (store.Assignment, error) {
	name, ok := invoke.ParseName(s.Secret.Rotation.Function)
	ok = ok && s.Registered != nil && name.Account == s.Secret.Account && name.Region == s.Secret.Region
	if ok {
		var err error
		if ok, err = s.Registered(name.Function); err != nil {
			return store.Assignment{}, err
		}
	}
	if !ok {
		return store.Assignment{}, &rota.Error{
			Code: rota.AccessDenied, Message: cannotInvoke,
			Hint: "built-in functions are called rota-<rotator>; others are registered with rota function add",
		}
	}
	if err := rotation.CheckForeign(s.Secret); err != nil {
		return store.Assignment{}, rota.E(rota.InvalidParameter, "%s", err)
	}
	out := store.Assignment{Lane: "function/" + s.Secret.Account + "/" + s.Secret.Region + "/" + name.Function}
	if id := rotation.AdminOf(s.Secret, s.Current); id != "" {
		admin, _, err := usable(s, id)
		if err != nil {
			return store.Assignment{}, err
		}
		out.Admin = admin.Key
	}
	return out, nil
}

// usable reads an admin secret that serves the secret.
func usable(s store.Setup, id string) (rota.Secret, rota.Value, error) {
	admin, v, err := s.Lookup(id)
	if err != nil {
		return admin, v, rota.E(rota.InvalidParameter, "the admin secret %s cannot be used: %s", id, publicText(err))
	}
	if err := rotation.MayUse(admin, s.Secret); err != nil {
		return admin, v, rota.E(rota.InvalidParameter, "%s", err)
	}
	return admin, v, nil
}

// publicText is the part of an error that a caller may see.
func publicText(err error) string {
	var e *rota.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "internal error"
}
