package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/lambda"
	"github.com/rotahq/rota/rotators"
)

// runtimeAPI is how Lambda's runtime tells a program that it is a function
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
const runtimeAPI = "AWS_LAMBDA_RUNTIME_API"

// startedByLambda reports whether this process is a function's bootstrap: the
// runtime starts it without arguments. With arguments it is the command line,
// also inside of a function.
func startedByLambda() bool { return os.Getenv(runtimeAPI) != "" && len(os.Args) == 1 }

// bootstrap serves events until Lambda ends the process. It does not return.
func bootstrap() {
	f, err := newFunction(context.Background())
	runtime.Start(func(ctx context.Context, ev rota.Event) (lambda.Answer, error) {
		if err != nil { // each event is answered with what is wrong, instead of a function that does not start
			return lambda.Answer{Step: ev.Step}, err
		}
		return f.Handle(ctx, ev)
	})
}

func newFunction(ctx context.Context) (*lambda.Function, error) {
	secrets, scheduler, err := lambda.Clients(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	all, err := rotators.Catalog()
	if err != nil {
		return nil, err
	}
	allow := lambda.AllowFrom(os.Getenv)
	catalog, err := lambda.Guarded(all, allow)
	if err != nil {
		return nil, err
	}
	return &lambda.Function{
		Catalog: catalog, Secrets: secrets, Scheduler: scheduler, Allow: allow, Env: os.Getenv, Now: time.Now, Rand: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Metrics: os.Stdout,
	}, nil
}
