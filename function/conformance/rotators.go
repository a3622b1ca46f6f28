package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/lambda"
	"github.com/rotahq/rota/rotation"
)

// Rotators is rota itself as the rotation function, as it runs on AWS Lambda,
// with these rotators and no others, in process. It is for authors of a
// rotator: the rotator meets every crash, retry and late event that a function
// does.
//
// The tags of [Config] select the rotator of the secret and its settings, as
// they do anywhere: rota:rotator=NAME. An admin secret among Others says whom it
// serves: rota:serves=[Prefix]. Everything is allowed that a function on AWS
// would have to be allowed first, and old credentials end by the next rotation
// or not at all, as no schedule rings in a run.
func Rotators(rotators ...rotation.Rotator) (Function, error) {
	catalog, err := rotation.NewCatalog(rotators...)
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		lambda.SchedulerRole: "arn:aws:iam::" + Account + ":role/scheduler", lambda.SchedulerGroup: "rota",
		lambda.AllowRotators: "*", lambda.AllowHosts: "*", lambda.AllowAdminSecrets: "*",
		"AWS_LAMBDA_FUNCTION_NAME": "rota-rotation",
	}
	getenv := func(name string) string { return env[name] }
	allow := lambda.AllowFrom(getenv)
	if catalog, err = lambda.Guarded(catalog, allow); err != nil {
		return nil, err
	}
	client := awshttp.NewBuildableClient() // connections are kept for all processes
	return InProcess(func(ctx context.Context, at Endpoint, event []byte) error {
		f := &lambda.Function{
			Catalog: catalog, Secrets: secretsManager(at, client), Scheduler: takesAll{}, Allow: allow, Env: getenv,
			Now: time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
		}
		var ev rota.Event
		if err := json.Unmarshal(event, &ev); err != nil {
			return err
		}
		_, err := f.Handle(ctx, ev)
		var told messages.InvokeResponse_Error
		if errors.As(err, &told) { // as Lambda tells it
			return errors.New(told.Type + ": " + told.Message)
		}
		return err
	}), nil
}

// secretsManager is AWS's own client. It tries a call twice only: whoever sent
// the step sends it again.
func secretsManager(at Endpoint, client aws.HTTPClient) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: at.Region, BaseEndpoint: &at.URL, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(at.AccessKeyID, at.SecretAccessKey, ""),
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 2, 10*time.Millisecond }),
	})
}

// takesAll is EventBridge Scheduler, which takes every schedule. The doctor,
// who would ask for more, is no step of a rotation.
type takesAll struct{ lambda.Scheduler }

func (takesAll) CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error) {
	return &scheduler.CreateScheduleOutput{}, nil
}
