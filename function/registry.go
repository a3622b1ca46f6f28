package function

import (
	"context"
	"strings"

	"github.com/rotahq/rota"
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

// Check says whether the secret can be rotated as it would be after the
// change. It calls no provider.
func (r Registry) Check(_ context.Context, s store.Setup) (store.Assignment, error) {
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
		if admin, v, err = s.Lookup(sel.Admin); err != nil {
			return store.Assignment{}, rota.E(rota.InvalidParameter, "the admin secret %s cannot be used: %s", sel.Admin, publicText(err))
		}
		if err := rotation.MayUse(admin, s.Secret); err != nil {
			return store.Assignment{}, rota.E(rota.InvalidParameter, "%s", err)
		}
		req.Admin = rotation.Admin{ARN: admin.ARN(), Value: v}
	}
	plan, err := sel.Rotator.Plan(req)
	if err != nil {
		return store.Assignment{}, rota.E(rota.InvalidParameter, "the rotator %s cannot rotate this secret: %s", sel.Rotator.Descriptor().Name, err)
	}
	return store.Assignment{Lane: plan.Lane, Capacity: plan.Capacity, Admin: admin.Key}, nil
}

// invokable refuses functions that are not here. A secret without a
// function is rotated by its Type, or by the rotator that its tag or
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
	name, ours := strings.CutPrefix(rotation.FunctionName(s.Rotation.Function), "rota-")
	if _, known := r.Catalog.ByName(name); ours && known {
		return nil
	}
	return &rota.Error{Code: rota.AccessDenied, Message: cannotInvoke, Hint: "built-in functions are called rota-<rotator>; rota has no other function of that name"}
}

// publicText is the part of an error that a caller may see.
func publicText(err error) string {
	if e, ok := err.(*rota.Error); ok {
		return e.Message
	}
	return "internal error"
}
