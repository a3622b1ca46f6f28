package conformance

import (
	"context"

	"github.com/rotahq/rota/function/remote"
)

// Remote is a function behind the Lambda Invoke API, such as a runtime
// emulator. It must find Secrets Manager at Config.Listen with
// Config.AccessKeyID and SecretAccessKey, since its environment is not the
// kit's to set.
//
// It cannot be killed: to the function a crash is a lost connection, and every
// later call of that invocation is lost too. What it does then at the provider
// it would not have done after a real crash.
func Remote(c *remote.Client) Function { return remoteFunction{c} }

type remoteFunction struct{ client *remote.Client }

func (f remoteFunction) Start(context.Context, Endpoint) (Process, error) {
	return &remoteProcess{client: f.client}, nil
}

type remoteProcess struct{ client *remote.Client }

func (p *remoteProcess) Invoke(ctx context.Context, event []byte) (Answer, error) {
	out, err := p.client.Invoke(ctx, event)
	if err != nil {
		return Answer{}, err
	}
	return outcome(out), nil
}

// Kill has nothing to kill.
func (p *remoteProcess) Kill() {}
