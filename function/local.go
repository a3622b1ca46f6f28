package function

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// LocalConfig is what running commands needs. All of it must be set.
type LocalConfig struct {
	Store    *store.Store
	Host     local.Host
	Endpoint func() string // where the functions reach this server
	Sessions Sessions
	Limit    int // processes at once
	// StepTimeout is the longest that a step may take, and with it how long
	// the credentials of a rotation hold.
	StepTimeout time.Duration
}

// Local runs functions as processes of this machine. One process serves the
// steps of one rotation; an invocation by a caller has a process of its own.
type Local struct {
	LocalConfig
	slots chan struct{}

	mu      sync.Mutex
	running map[rota.Claim]*serving
}

// NewLocal returns a Local without processes.
func NewLocal(c LocalConfig) *Local {
	return &Local{LocalConfig: c, slots: make(chan struct{}, c.Limit), running: map[rota.Claim]*serving{}}
}

// serving is a process at work.
type serving struct {
	process *local.Process
	secret  string // the one that it works on; "" for none
	admin   string // id of the admin secret that it may read
	place   rota.Caller
	own     []rota.Value // its credentials and its environment
}

const noLocal = "this server runs no commands: start it with rota serve --local-functions"

// step runs one step of a rotation in the process of its claim.
func (l *Local) step(ctx context.Context, f store.Function, c Call) (invoke.Outcome, error) {
	if l == nil {
		return invoke.Outcome{}, &rota.Error{Code: rota.AccessDenied, Message: cannotInvoke, Hint: noLocal}
	}
	payload, err := json.Marshal(c.Event)
	if err != nil {
		return invoke.Outcome{}, err
	}
	s, err := l.serve(ctx, f, c)
	if err != nil {
		return invoke.Outcome{}, err
	}
	out, cut := s.process.Invoke(ctx, payload)
	if c.Last || out.Failure != nil {
		out.Notes = append(out.Notes, l.end(c.Caller.Claim)...)
	}
	return cleaned(ctx, l.Store, s, out, cut), nil
}

// serve returns the process of a claim, and starts it for its first step.
func (l *Local) serve(ctx context.Context, f store.Function, c Call) (*serving, error) {
	l.mu.Lock()
	s := l.running[c.Caller.Claim]
	l.mu.Unlock()
	if s != nil {
		return s, nil
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("all %d processes for functions were taken the whole time: %w", l.Limit, rotation.ErrNotYet)
	}
	s, err := l.start(ctx, f, c.Caller, c.Event.SecretID, c.Event.SecretID)
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.mu.Lock()
	l.running[c.Caller.Claim] = s
	l.mu.Unlock()
	return s, nil
}

// The credentials of one process hold for the steps of a rotation, and never
// longer than half a day.
const (
	sessionSteps = 4
	sessionMax   = 12 * time.Hour
)

// Elsewhere says whether a command rotates the secrets of another server, with
// an address and credentials of its own.
func Elsewhere(f store.Function) bool {
	return f.Kind == store.LocalFunction && slices.Contains(f.Variables, local.EndpointVariable)
}

// start starts a process with credentials for one secret, or without any. named
// is the secret that it will be told of.
func (l *Local) start(ctx context.Context, f store.Function, c rota.Caller, lent, named string) (*serving, error) {
	env, err := f.Environment()
	if err != nil {
		return nil, err
	}
	s := &serving{place: rota.Caller{Account: f.Account, Region: f.Region}, secret: named, own: []rota.Value{f.Env}}
	spec := local.Spec{
		Name: f.Name, ARN: f.ARN(), Argv: f.Command, Folder: f.Folder, Handler: f.Handler, Timeout: f.Timeout, Memory: f.Memory,
		Region: f.Region, Endpoint: l.Endpoint(),
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		spec.Env = append(spec.Env, name+"="+env[name])
	}
	if lent != "" && !Elsewhere(f) {
		arn, adminARN, err := l.secrets(ctx, s, lent)
		if err != nil {
			return nil, err
		}
		spec.Session, err = l.Sessions.Session(ctx, SessionRequest{
			Account: f.Account, Function: f.Name, Policy: sessionPolicy(arn, adminARN), Claim: c.Claim, Duration: min(sessionSteps*l.StepTimeout+time.Minute, sessionMax),
		})
		if err != nil {
			return nil, fmt.Errorf("issue credentials for the function %s: %w", f.Name, err)
		}
		s.own = append(s.own, rota.StringValue(spec.Session.SecretAccessKey), rota.StringValue(spec.Session.SessionToken))
	}
	s.process, err = l.Host.Start(spec)
	return s, err
}

// secrets finds the two secrets that a process may touch. An admin secret
// that does not serve this one is none of them.
func (l *Local) secrets(ctx context.Context, s *serving, lent string) (arn, adminARN string, err error) {
	own, err := l.Store.Known(ctx, s.place, lent)
	if err != nil {
		return "", "", err
	}
	if s.admin = rotation.AdminOf(own.Secret, own.Current); s.admin == "" {
		return own.Secret.ARN(), "", nil
	}
	admin, err := l.Store.Known(ctx, s.place, s.admin)
	if err != nil {
		return "", "", fmt.Errorf("read the admin secret %s: %w", s.admin, err)
	}
	if err := rotation.MayUse(admin.Secret, own.Secret); err != nil {
		return "", "", rotation.Permanent(err)
	}
	return own.Secret.ARN(), admin.Secret.ARN(), nil
}

// End ends the process of a claim, if there is one.
func (l *Local) End(claim rota.Claim) { l.end(claim) }

func (l *Local) end(claim rota.Claim) (notes []string) {
	l.mu.Lock()
	s := l.running[claim]
	delete(l.running, claim)
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	notes = s.process.End()
	<-l.slots
	return notes
}

// once invokes a function in a process of its own, for a caller. It is
// Throttled where no process is free.
func (l *Local) once(ctx context.Context, f store.Function, t Trial) (invoke.Outcome, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		return invoke.Outcome{}, rota.E(rota.Throttled, "Rate Exceeded.")
	}
	defer func() { <-l.slots }()
	s, err := l.start(ctx, f, rota.Caller{}, t.Lent, t.Named)
	if err != nil {
		return invoke.Outcome{}, err
	}
	out, cut := s.process.Do(ctx, t.Request)
	out.Notes = append(out.Notes, s.process.End()...)
	return cleaned(ctx, l.Store, s, out, cut), nil
}
