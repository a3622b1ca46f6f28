package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Function is rota as the rotation function of AWS Secrets Manager. All
// fields but Metrics must be set. It keeps nothing between invocations that
// must not be lost.
type Function struct {
	Catalog   rotation.Catalog // behind the allow-list: see Guarded
	Secrets   SecretsManager
	Scheduler Scheduler
	Allow     Allow
	Env       func(string) string
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger // never sees a value
	Metrics   io.Writer    // one line of CloudWatch's embedded metric format for what an alarm watches; nil: none

	checks providerChecks
}

// longestInvocation is Lambda's own limit
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const longestInvocation = 15 * time.Minute

// Doctor is the event that lets the function look at all its secrets and tell
// what is overdue, as rota doctor --aws does.
const Doctor rota.Step = "doctor"

// Answer is what an invocation did. Secrets Manager ignores it; a person who
// invokes the function by hand reads it.
type Answer struct {
	Step  rota.Step `json:"step"`
	Proof string    `json:"proof,omitempty"` // of expireSecret: "proven dead", "not proven", "live"
	Notes []string  `json:"notes,omitempty"`
	// Next is when an ending that did not succeed is tried again.
	Next   *time.Time `json:"next,omitempty"`
	Report *Report    `json:"report,omitempty"` // of the event doctor
}

// A step must be over some time before Lambda ends the process: for telling
// its error, for planning another try and for giving back the claim.
const (
	answerIn = 5 * time.Second // a quarter of the time at most
	lastWord = 500 * time.Millisecond
)

// stepUntil is when a step that begins now must be over.
func stepUntil(now, over time.Time) time.Time { return over.Add(-min(answerIn, over.Sub(now)/4)) }

// afterwards is the context for what is done after a step, also after one
// that used up its time.
func afterwards(ctx context.Context, t timer) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), t.over.Add(-lastWord))
}

// Handle does one event. Every event may be repeated at any time. An error is
// a messages.InvokeResponse_Error, whose type is Permanent where repeating
// does not help, NotYet where a later attempt will, and Failed otherwise; its
// text holds no value.
func (f *Function) Handle(ctx context.Context, ev rota.Event) (out Answer, err error) {
	start := f.Now()
	defer func() {
		if v := recover(); v != nil {
			// The text of a panic could hold a value.
			err = fmt.Errorf("rota panicked during %s (%T)", ev.Step, v)
		}
		f.log(ctx, ev, start, out, err)
		err = response(err)
	}()
	out.Step = ev.Step
	if ev.Step == Doctor {
		report, err := f.doctor(ctx)
		out.Report = &report
		return out, err
	}
	if ev.SecretID == "" || ev.ClientRequestToken == "" {
		return out, rotation.Permanent(errors.New(`the event is none of a rotation: it has Step, SecretId and ClientRequestToken ` +
			`(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html)`))
	}
	over, ok := ctx.Deadline()
	if !ok {
		over = start.Add(longestInvocation)
	}
	t := timer{api: f.Scheduler, env: f.Env, target: invokedARN(ctx), now: start, over: over}
	ctx, cancel := context.WithDeadline(ctx, stepUntil(start, over))
	defer cancel()
	res, err := f.step(ctx, ev, t)
	out.Proof, out.Notes = string(res.Proof), res.Notes
	if err != nil && ev.Step == rota.ExpireSecret {
		out.Next, err = f.again(ctx, ev, t, err)
	}
	return out, err
}

// step does one step, under the claim where the provider's side changes.
func (f *Function) step(ctx context.Context, ev rota.Event, t timer) (res rotation.Result, err error) {
	s := &secrets{api: f.Secrets, id: ev.SecretID, allow: f.Allow}
	release := func(context.Context) error { return nil }
	switch ev.Step {
	case rota.SetSecret, rota.ExpireSecret, rota.ResolveSecret:
		now, err := s.Describe(ctx, ev.SecretID)
		if err != nil {
			return res, err
		}
		ends := ev.Step == rota.ExpireSecret
		needed := contested(now, ev.ClientRequestToken)
		if ends { // what has no label is not to be ended
			needed = slices.ContainsFunc(now.Stages[ev.ClientRequestToken], rota.IsEndsLabel)
		}
		if needed {
			c := &claim{secrets: s, version: ev.ClientRequestToken, now: f.Now, pause: pause}
			if release, err = c.take(ctx, !ends); err != nil {
				return res, err
			}
		}
	}
	defer func() {
		ctx, cancel := afterwards(ctx, t)
		defer cancel()
		if rerr := release(ctx); rerr != nil {
			f.Log.WarnContext(ctx, "the label "+string(working)+" stays; it is void after "+abandonedAfter.String(), "secret", ev.SecretID, "error", rerr)
		}
	}()
	h := &rotation.Handler{Catalog: f.Catalog, Env: f.Env, Now: f.Now, Rand: f.Rand}
	return h.Handle(ctx, rotation.Home{Secrets: s, Timer: t, Ledger: ledger{s, &f.checks}}, ev)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// invokedARN is the ARN by which this function was invoked, and by which the
// timers invoke it.
func invokedARN(ctx context.Context) string {
	if c, ok := lambdacontext.FromContext(ctx); ok {
		return c.InvokedFunctionArn
	}
	return ""
}

func response(err error) error {
	if err == nil {
		return nil
	}
	typ := "Failed"
	switch {
	case rotation.IsPermanent(err):
		typ = "Permanent"
	case errors.Is(err, rotation.ErrNotYet):
		typ = "NotYet"
	}
	return messages.InvokeResponse_Error{Message: err.Error(), Type: typ}
}
