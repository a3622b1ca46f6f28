package function

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// Router invokes every kind of function: rota's own in process, and what is
// registered as it is registered.
type Router struct {
	InProcess Invoker
	Store     *store.Store
	Local     *Local // nil: this server runs no commands
	Remote    Remote

	later later
}

var (
	_ Invoker = (*Router)(nil)
	_ Ender   = (*Router)(nil)
	_ Teller  = (*Router)(nil)
)

// Foreign reports whether a function is not rota's own. What has one of
// rota's names is, also where its rotator is not there.
func (r *Router) Foreign(function string) bool {
	return function != "" && !rotation.ReservedName(rotation.FunctionName(function))
}

// Invoke invokes the function of a call. The steps that are rota's own are
// never sent to functions of others.
func (r *Router) Invoke(ctx context.Context, c Call) (rotation.Result, error) {
	if !r.Foreign(c.Function) {
		return r.InProcess.Invoke(ctx, c)
	}
	switch c.Event.Step {
	case rota.ExpireSecret, rota.ResolveSecret:
		return rotation.Result{}, rotation.Permanent(fmt.Errorf("the function %s does not know the step %s", rotation.FunctionName(c.Function), c.Event.Step))
	}
	f, err := r.find(ctx, c)
	if err != nil {
		return rotation.Result{}, err
	}
	var out invoke.Outcome
	if f.Kind == store.RemoteFunction {
		out, err = r.Remote.step(ctx, f, c)
	} else {
		out, err = r.Local.step(ctx, f, c)
	}
	if err == nil && out.Failure != nil {
		err = out.Failure
		if len(out.Notes) > 0 {
			err = &noted{out.Failure, out.Notes}
		}
	}
	return rotation.Result{Notes: out.Notes}, err
}

// noted is a failure with what else is worth telling.
type noted struct {
	*invoke.Failure
	notes []string
}

func (n *noted) Error() string {
	s := n.Failure.Error()
	for _, note := range n.notes {
		s += "; " + note
	}
	return s
}

func (n *noted) Unwrap() error { return n.Failure }

// find finds the function that a call names, in the account and region of the
// secret.
func (r *Router) find(ctx context.Context, c Call) (store.Function, error) {
	place := c.Caller
	if k := c.Caller.Claim.Secret; c.Caller.Claim.Held() {
		place.Account, place.Region = k.Account, k.Region
	}
	name, ok := invoke.ParseName(c.Function)
	if !ok || name.Account != place.Account || name.Region != place.Region {
		return store.Function{}, gone(c.Function)
	}
	f, err := r.Store.Function(ctx, rota.Caller{Account: place.Account, Region: place.Region}, name.Function)
	if errors.Is(err, rota.NotFound) {
		return f, gone(c.Function)
	}
	return f, err
}

func gone(function string) error {
	return &rota.Error{Code: rota.AccessDenied, Message: cannotInvoke, Hint: "the function " + function + " is not registered: rota function add"}
}

// End ends the process that served a claim.
func (r *Router) End(claim rota.Claim) {
	if r.Local != nil {
		r.Local.End(claim)
	}
}
