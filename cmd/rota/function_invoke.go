package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/wire"
)

// invokeOptions are the flags of function invoke.
type invokeOptions struct {
	payload string
	kind    string
	log     bool
}

func (g *global) functionInvoke() *cobra.Command {
	var o invokeOptions
	cmd := &cobra.Command{
		Use:   "invoke NAME",
		Short: "invoke a function once, such as for a single step",
		Long: `invoke invokes a function through the Lambda Invoke API and prints its answer.
The payload is JSON from a file, or from standard input with --payload -; without
one it is {}. With --log the end of what the function wrote goes to standard
error. An error of the function is an error of the command.

A step of a rotation can be tried so; the event names the secret, and whoever
may RotateSecret it may try. The function gets credentials for that secret:

  echo '{"Step":"testSecret","SecretId":"app/key","ClientRequestToken":"..."}' |
    rota function invoke keys --payload - --log
` + exitHelp,
		Args: oneFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{wire.RequestResponse, wire.EventInvocation, wire.DryRun}, o.kind) {
				return usage("--type %s is none: it is RequestResponse, Event or DryRun", o.kind)
			}
			payload, err := g.readPayload(o.payload)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			a, err := c.invoke(cmd.Context(), args[0], o.kind, payload)
			if err != nil {
				return err
			}
			if o.log {
				_, _ = g.err.Write(a.log)
			}
			if a.failed {
				f := invoke.ParseFailure(a.payload, "")
				return fmt.Errorf("the function %s failed: %w", args[0], f)
			}
			if len(a.payload) > 0 {
				_, err = fmt.Fprintf(g.out, "%s\n", bytes.TrimRight(a.payload, "\n"))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.payload, "payload", "", "file with the event; - for standard input")
	f.StringVar(&o.kind, "type", wire.RequestResponse, "RequestResponse, Event (does not wait) or DryRun (only whether it may)")
	f.BoolVar(&o.log, "log", false, "show the end of the function's log")
	return cmd
}

func (g *global) readPayload(file string) ([]byte, error) {
	in := g.in
	switch file {
	case "":
		return []byte("{}"), nil
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the payload: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, invoke.MaxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	if !json.Valid(b) {
		return nil, usage("the payload is not JSON")
	}
	return b, nil
}

// invoked is an answer of the Invoke API.
type invoked struct {
	payload []byte
	failed  bool
	log     []byte
}

// invoke calls the Invoke API of the server.
func (c *client) invoke(ctx context.Context, name, kind string, payload []byte) (a invoked, err error) {
	address := c.endpoint + wire.InvokePrefix + url.PathEscape(name) + wire.InvokeSuffix
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(payload))
	if err != nil {
		return a, fmt.Errorf("invoke: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.HeaderInvocationType, kind)
	req.Header.Set(wire.HeaderLogType, "Tail")
	c.sign(req, payload, wire.ServiceLambda)
	patient := *c.http
	patient.Timeout = function.MaxTimeout + time.Minute
	res, err := patient.Do(req)
	if err != nil {
		return a, c.unreached(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	if a.payload, err = io.ReadAll(io.LimitReader(res.Body, invoke.MaxPayload+1)); err != nil {
		return a, &exitError{exitNoReach, fmt.Errorf("the answer of %s broke off", c.endpoint)}
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return a, lambdaError(res, a.payload)
	}
	a.failed = res.Header.Get(wire.HeaderFunctionError) != ""
	if a.log, err = base64.StdEncoding.DecodeString(res.Header.Get(wire.HeaderLogResult)); err != nil {
		a.log = nil
	}
	return a, nil
}

// lambdaError reads an error of the Invoke API.
func lambdaError(res *http.Response, body []byte) error {
	e := &apiError{}
	if json.Unmarshal(body, e) != nil || res.Header.Get("X-Amzn-Errortype") == "" {
		return fmt.Errorf("the server answers %s, which is not rota; check --endpoint", res.Status)
	}
	e.Type = res.Header.Get("X-Amzn-Errortype")
	if e.Type == "ResourceNotFoundException" {
		said, which := e.Message+e.Lower, "rota ls lists the secrets" // which the payload names
		if strings.HasPrefix(said, "Function not found") {
			which = "rota function ls lists the functions"
		}
		return &exitError{exitMissing, fmt.Errorf("%s (%s)", said, which)}
	}
	return e
}
