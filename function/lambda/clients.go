package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// SecretsEndpoint is the variable by which AWS's own rotation functions are
// told where Secrets Manager is. It goes before AWS_ENDPOINT_URL and
// AWS_ENDPOINT_URL_SECRETS_MANAGER, which the SDK reads.
const SecretsEndpoint = "SECRETS_MANAGER_ENDPOINT"

// Clients are the clients of AWS, with region, credentials and endpoints where
// every AWS tool finds them: in Lambda the environment, elsewhere profiles too
// (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
// It makes no call.
func Clients(ctx context.Context, getenv func(string) string, options ...func(*config.LoadOptions) error) (*secretsmanager.Client, *scheduler.Client, error) {
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if c.Region == "" {
		return nil, nil, fmt.Errorf("no AWS region is known: set AWS_REGION, or name a profile that has one")
	}
	secrets := secretsmanager.NewFromConfig(c, func(o *secretsmanager.Options) {
		if url := getenv(SecretsEndpoint); url != "" {
			o.BaseEndpoint = aws.String(url)
		}
	})
	return secrets, scheduler.NewFromConfig(c), nil
}
