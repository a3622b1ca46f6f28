package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Function is a rotation function that can be started.
type Function interface {
	// Start starts a process of the function, or readies whatever serves one
	// rotation, which finds Secrets Manager at the endpoint.
	Start(ctx context.Context, at Endpoint) (Process, error)
}

// Process is one process of a function. Invoke is called by one goroutine at a
// time, Kill by any.
type Process interface {
	// Invoke hands the event to the function and waits for its end. An error
	// is that of the kit's side: the function could not be reached at all.
	Invoke(ctx context.Context, event []byte) (Answer, error)

	// Kill ends the process at once, as a crash does, and returns when nothing
	// of it is left. It may be called again, and must be at the end.
	Kill()
}

// Endpoint is where a process finds Secrets Manager, and with which
// credentials. They are the process's own: by them the kit tells processes
// apart.
type Endpoint struct {
	URL             string
	Region          string
	AccessKeyID     string
	SecretAccessKey string
}

// Answer is how an invocation ended.
type Answer struct {
	Failure string // in the function's or the platform's words; "": it succeeded
	Said    string // its log and its answer, which must not hold a value
}

// InProcess is a function of this program. Its process is the context that it
// is called with: killing ends the context, and the function must return soon
// after it. What it then still does at the provider is a limit of this way to
// play a crash; a process of its own has none.
func InProcess(handle func(ctx context.Context, at Endpoint, event []byte) error) Function {
	return inProcess(handle)
}

type inProcess func(ctx context.Context, at Endpoint, event []byte) error

func (f inProcess) Start(_ context.Context, at Endpoint) (Process, error) {
	return &inProcessRun{handle: f, at: at, killed: make(chan struct{})}, nil
}

type inProcessRun struct {
	handle inProcess
	at     Endpoint
	once   sync.Once
	killed chan struct{}
}

// killedWait is how long a function may go on after its context ended.
const killedWait = 10 * time.Second

func (p *inProcessRun) Invoke(ctx context.Context, event []byte) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				ended <- fmt.Errorf("the function panicked (%T)", v)
			}
		}()
		ended <- p.handle(ctx, p.at, event)
	}()
	select {
	case err := <-ended:
		return answered(err), nil
	case <-p.killed:
		cancel()
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		select {
		case <-p.killed:
			return Answer{Failure: killedText}, nil
		default:
		}
		return answered(err), nil
	case <-time.After(killedWait):
		return Answer{}, errors.New("the function does not return when its context ends: a crash cannot be played in process")
	}
}

const killedText = "killed"

func answered(err error) Answer {
	if err == nil {
		return Answer{}
	}
	return Answer{Failure: err.Error(), Said: err.Error()}
}

func (p *inProcessRun) Kill() { p.once.Do(func() { close(p.killed) }) }
