package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rotahq/rota/wire"
)

// client talks to a server, with the keys of the data folder: never with the
// AWS credentials that happen to be around.
type client struct {
	endpoint string
	keys     accessKey
	http     *http.Client
}

// apiError is an error that the server answered.
type apiError struct {
	Type    string `json:"__type"`
	Message string `json:"Message"`
	Lower   string `json:"message"`
}

func (e *apiError) Error() string {
	text := e.Message + e.Lower
	switch e.Type {
	case "ResourceNotFoundException":
		text += " (rota ls lists the secrets)"
	case "UnrecognizedClientException", "InvalidSignatureException":
		text += " (the keys in the file credentials of the data folder are not this server's; name the right folder with --data)"
	}
	return text
}

// client finds the server and the keys.
func (g *global) client() (*client, error) {
	endpoint := g.endpoint
	if endpoint == "" {
		b, err := os.ReadFile(g.file("endpoint"))
		if err != nil {
			return nil, &exitError{exitNoReach, fmt.Errorf("no server is known: %s has no file endpoint; start one with: rota serve --data %s, or name one with --endpoint", g.data, g.data)}
		}
		endpoint = strings.TrimSpace(string(b))
	}
	keys, err := readKeys(g.file("credentials"))
	if err != nil {
		return nil, &exitError{exitNoReach, fmt.Errorf("%w; name the server's data folder with --data", err)}
	}
	return &client{strings.TrimSuffix(endpoint, "/"), keys, &http.Client{Timeout: time.Minute}}, nil
}

// aws and own call an operation of AWS's or of rota's.
func (c *client) aws(ctx context.Context, operation string, in, out any) error {
	return c.call(ctx, wire.Service+"."+operation, in, out)
}

func (c *client) own(ctx context.Context, operation string, in, out any) error {
	return c.call(ctx, wire.ServiceRota+"."+operation, in, out)
}

func (c *client) call(ctx context.Context, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return usage("the endpoint %q is no address; it looks like http://127.0.0.1:7682", c.endpoint)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	req.Header.Set("X-Amz-Target", target)
	wire.Sign(req, body, c.keys.id, c.keys.secret, c.keys.region, wire.Service, time.Now())
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &exitError{exitNoReach, fmt.Errorf("no server answers at %s: start it with: rota serve", c.endpoint)}
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return &exitError{exitNoReach, fmt.Errorf("the answer of %s broke off", c.endpoint)}
	}
	if res.StatusCode != http.StatusOK {
		e := &apiError{}
		if json.Unmarshal(answer, e) != nil || e.Type == "" {
			return fmt.Errorf("%s answers %s, which is not rota; check --endpoint", c.endpoint, res.Status)
		}
		if e.Type == "ResourceNotFoundException" {
			return &exitError{exitMissing, e}
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s answers what cannot be read; check --endpoint", c.endpoint)
	}
	return nil
}

// missing reports whether the server does not know the secret.
func missing(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.Type == "ResourceNotFoundException"
}
