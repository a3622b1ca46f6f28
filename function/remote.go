package function

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// Remote invokes functions behind the Lambda Invoke API.
type Remote struct {
	Store *store.Store
	// Ambient makes clients with rota's own AWS credentials, for functions of
	// AWS that name no secret with others; nil: those are refused.
	Ambient func(context.Context, remote.Target) (*remote.Client, error)
}

// step runs one step of a rotation.
func (r Remote) step(ctx context.Context, f store.Function, c Call) (invoke.Outcome, error) {
	payload, err := json.Marshal(c.Event)
	if err != nil {
		return invoke.Outcome{}, err
	}
	return r.invoke(ctx, f, c.Event.SecretID, invoke.Request{Payload: payload})
}

// invoke invokes a function. What it says of its failure is cleaned of the
// values of the secret.
func (r Remote) invoke(ctx context.Context, f store.Function, secretID string, req invoke.Request) (invoke.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	client, err := r.client(ctx, f)
	if err != nil {
		return invoke.Outcome{}, err
	}
	out, err := client.Do(ctx, req)
	if err != nil {
		return out, err
	}
	return r.clean(ctx, f, secretID, out), nil
}

// client is one for the function's endpoint and credentials. They are read
// anew each time, since the secret that holds them is rotated as well.
func (r Remote) client(ctx context.Context, f store.Function) (*remote.Client, error) {
	target := remote.Target{Function: f.Target, Region: f.TargetRegion, Endpoint: f.Endpoint}
	if f.Credentials == "" {
		if err := r.ambient(f); err != nil {
			return nil, rotation.Permanent(err)
		}
		return r.Ambient(ctx, target)
	}
	known, err := r.Store.Known(ctx, rota.Caller{Account: f.Account, Region: f.Region}, f.Credentials)
	if err != nil {
		return nil, fmt.Errorf("read the credentials of the function %s: %w", f.Name, err)
	}
	keys, err := remote.ParseKeys(known.Current)
	if err != nil {
		return nil, rotation.Permanent(fmt.Errorf("the secret %s with the credentials of the function %s: %w", f.Credentials, f.Name, err))
	}
	return remote.New(target, keys), nil
}

// ambient refuses to sign with rota's own AWS credentials, session token and
// all, unless who runs rota wants it; and it never does for an address that
// somebody chose who may register a function and no more.
func (r Remote) ambient(f store.Function) error {
	switch {
	case f.Endpoint != "":
		return rota.E(rota.InvalidParameter, "With an endpoint of its own a remote function needs a secret with the access key for it: rota function add --credentials-secret NAME. This server's own AWS credentials go to AWS only.")
	case r.Ambient == nil:
		return rota.E(rota.InvalidParameter, "This server signs for no function with its own AWS credentials. Name a secret with an access key: rota function add --credentials-secret NAME; or start it with rota serve --ambient-aws.")
	}
	return nil
}

// clean is Local's, for a function whose process is elsewhere.
func (r Remote) clean(ctx context.Context, f store.Function, secretID string, out invoke.Outcome) invoke.Outcome {
	s := &serving{place: rota.Caller{Account: f.Account, Region: f.Region}, secret: secretID}
	return cleaned(ctx, r.Store, s, out, len(out.Log) >= invoke.MaxTail)
}
