package conformance

import (
	"context"
	"sync"

	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/function/local"
)

// Local is a function that is a command: every Start is a process of its own,
// and Kill kills it with all that it started. The spec's endpoint, region and
// session are the kit's to set.
func Local(host local.Host, spec local.Spec) Function { return localFunction{host, spec} }

type localFunction struct {
	host local.Host
	spec local.Spec
}

func (f localFunction) Start(_ context.Context, at Endpoint) (Process, error) {
	s := f.spec
	s.Endpoint, s.Region = at.URL, at.Region
	s.Session = local.Session{AccessKeyID: at.AccessKeyID, SecretAccessKey: at.SecretAccessKey}
	p, err := f.host.Start(s)
	if err != nil {
		return nil, err
	}
	return &localProcess{process: p}, nil
}

type localProcess struct {
	process *local.Process
	ending  sync.Once
}

func (p *localProcess) Invoke(ctx context.Context, event []byte) (Answer, error) {
	out, _ := p.process.Invoke(ctx, event)
	return outcome(out), nil
}

func (p *localProcess) Kill() { p.ending.Do(func() { p.process.End() }) }

func outcome(out invoke.Outcome) Answer {
	a := Answer{Said: out.Log + "\n" + string(out.Payload)}
	if f := out.Failure; f != nil {
		a.Failure = f.Type
		if f.Message != "" {
			a.Failure += ": " + f.Message
		}
	}
	return a
}
