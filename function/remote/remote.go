// Package remote invokes functions through the Lambda Invoke API, of AWS or
// of any endpoint that speaks it
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
package remote

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/rotation"
)

// Target is a function somewhere.
type Target struct {
	Function string // name or ARN
	Region   string // what requests are signed for; "": as the AWS configuration has it
	Endpoint string // "": AWS's own for the region
}

// Keys are an access key, as a secret holds it.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey rota.Value
	SessionToken    rota.Value // the zero Value for a key that needs none
}

// ParseKeys reads a JSON object with access_key_id, secret_access_key and,
// for temporary credentials, session_token.
func ParseKeys(v rota.Value) (Keys, error) {
	var in struct {
		ID     string `json:"access_key_id"`
		Secret string `json:"secret_access_key"`
		Token  string `json:"session_token"`
	}
	plain := v.Reveal()
	defer clear(plain)
	if json.Unmarshal(plain, &in) != nil || in.ID == "" || in.Secret == "" {
		return Keys{}, errors.New("it is no JSON object with access_key_id and secret_access_key")
	}
	k := Keys{AccessKeyID: in.ID, SecretAccessKey: rota.StringValue(in.Secret)}
	if in.Token != "" {
		k.SessionToken = rota.StringValue(in.Token)
	}
	return k, nil
}

// Client invokes one function.
type Client struct {
	api      *lambda.Client
	function string
}

// New returns a client with keys of its own. Nothing of this machine's AWS
// configuration is read.
func New(t Target, k Keys) *Client {
	return newClient(aws.Config{
		Region: t.Region,
		Credentials: credentials.NewStaticCredentialsProvider(
			k.AccessKeyID, string(k.SecretAccessKey.Reveal()), string(k.SessionToken.Reveal())),
	}, t)
}

// Ambient makes clients with the credentials that every AWS tool would find
// here: environment, profile, container or instance role
// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
// The configuration is read once, at the first use; one that cannot be read
// is tried again.
func Ambient() func(context.Context, Target) (*Client, error) {
	var mu sync.Mutex
	var loaded *aws.Config
	return func(ctx context.Context, t Target) (*Client, error) {
		mu.Lock()
		defer mu.Unlock()
		if loaded == nil {
			c, err := config.LoadDefaultConfig(ctx)
			if err != nil {
				return nil, fmt.Errorf("read the AWS configuration of this machine: %w", err)
			}
			loaded = &c
		}
		c := loaded.Copy()
		if t.Region != "" {
			c.Region = t.Region
		}
		if c.Region == "" {
			return nil, errors.New("no AWS region is known: register the function with a region, or set AWS_REGION for rota")
		}
		return newClient(c, t), nil
	}
}

func newClient(c aws.Config, t Target) *Client {
	return &Client{function: t.Function, api: lambda.NewFromConfig(c, func(o *lambda.Options) {
		if t.Endpoint != "" {
			o.BaseEndpoint = aws.String(t.Endpoint)
		}
		// A step that may have run is not run again behind the engine's back:
		// it plans the retries.
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = client
	})}
}

// client sends nothing anywhere else than it was told, and reads no more than
// an answer may have. How long it takes is the context's to say.
var client = &http.Client{
	Transport:     bounded{transport()},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func transport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second}
	t.ForceAttemptHTTP2 = true
	return t
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, invoke.MaxPayload+1), res.Body}
	}
	return res, err
}

// busyDelay is how long a function that is throttled is left alone.
const busyDelay = 10 * time.Second

// Invoke is Do with a payload and nothing else.
func (c *Client) Invoke(ctx context.Context, payload []byte) (invoke.Outcome, error) {
	return c.Do(ctx, invoke.Request{Payload: payload})
}

// Do invokes the function once and waits for its answer, until ctx is over.
// Which id the request has is the endpoint's to say. An error means that it could not be invoked, or that nobody knows: it
// may still be running then. A function that failed is an outcome. The log of
// the outcome is as the function wrote it.
func (c *Client) Do(ctx context.Context, req invoke.Request) (invoke.Outcome, error) {
	start := time.Now()
	in := &lambda.InvokeInput{
		FunctionName: &c.function, Payload: req.Payload, InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeTail,
	}
	if req.Context != "" {
		in.ClientContext = aws.String(base64.StdEncoding.EncodeToString([]byte(req.Context)))
	}
	res, err := c.api.Invoke(ctx, in)
	if err != nil {
		return invoke.Outcome{}, c.failed(ctx, err, time.Since(start))
	}
	out := invoke.Outcome{Payload: res.Payload}
	if log, err := base64.StdEncoding.DecodeString(deref(res.LogResult)); err == nil {
		out.Log = string(log)
	}
	switch {
	case len(res.Payload) > invoke.MaxPayload:
		out.Failure = &invoke.Failure{Type: invoke.TooLarge, Message: invoke.MsgTooLarge}
		out.Payload = nil
	case res.StatusCode != http.StatusOK:
		return out, c.unreachable("the endpoint answers %d, which is no answer to an invocation", res.StatusCode)
	case deref(res.FunctionError) != "":
		out.Failure = invoke.ParseFailure(res.Payload, deref(res.FunctionError))
	}
	return out, nil
}

// failed words an error of the API: its code and its sentence.
func (c *Client) failed(ctx context.Context, err error, took time.Duration) error {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		said := c.unreachable("%s: %s", invoke.Short(api.ErrorCode(), 100), invoke.Short(api.ErrorMessage(), 500))
		if api.ErrorCode() == "TooManyRequestsException" {
			return rotation.RetryAfter(busyDelay, fmt.Errorf("%w: %w", said, rotation.ErrNotYet))
		}
		return said
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &invoke.Failure{Type: invoke.Timedout, Message: fmt.Sprintf("no answer of %s within %.2f seconds; it may still be running", c.function, took.Seconds())}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	// The text of the SDK's error has addresses and numbers of attempts.
	return c.unreachable("the endpoint did not answer: %s", invoke.Short(rootCause(err).Error(), 300))
}

func (c *Client) unreachable(format string, args ...any) error {
	return &invoke.Unreachable{Function: c.function, Why: fmt.Sprintf(format, args...)}
}

// rootCause is the innermost error.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
