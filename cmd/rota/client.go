package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rotahq/rota/wire"
)

// client talks to a server, with the keys of the data folder: never with the
// AWS credentials that happen to be around.
type client struct {
	endpoint string
	data     string
	keys     accessKey
	from     string // the file of the keys, if it is not the data folder's
	http     *http.Client
}

// apiError is an error that the server answered.
type apiError struct {
	Type    string `json:"__type"`
	Message string `json:"Message"`
	Lower   string `json:"message"`
	keys    string // the file of the keys, if it is not the data folder's
}

func (e *apiError) Error() string {
	text := e.Message + e.Lower
	switch {
	case e.Type == "ResourceNotFoundException" && strings.Contains(text, "secret value"):
		return text + " (rota show NAME lists the versions)"
	case e.Type == "ResourceNotFoundException" && (strings.HasPrefix(text, "The user ") || strings.HasPrefix(text, "The role ")):
		return text + " (rota principal ls and show list them)"
	case e.Type == "ResourceNotFoundException" && strings.HasPrefix(text, "The Access Key "):
		return text + " (rota principal key ls lists the keys)"
	case e.Type == "ResourceNotFoundException" && strings.HasPrefix(text, "Function not found"):
		return text + " (rota function ls lists the functions)"
	case e.Type == "ResourceNotFoundException":
		return text + " (rota ls lists the secrets)"
	case strings.HasPrefix(text, "Signature expired"), strings.HasPrefix(text, "Signature not yet current"):
		return text + " (the clocks of this machine and of the server differ)"
	case e.Type == "InternalServiceError", e.Type == "ServiceException":
		return text + " (the server's log says why, such as a full disk)"
	case e.Type == "ExpiredTokenException":
		return text + " (make others: rota principal session)"
	case e.Type == "UnrecognizedClientException", e.Type == "InvalidSignatureException":
		if e.keys != "" {
			return text + " (the keys in " + e.keys + " are not, or no longer, accepted by this server)"
		}
		return text + " (the keys in the file credentials of the data folder are not this server's; name its folder with --data)"
	}
	return text
}

// client finds the server and the keys.
func (g *global) client() (*client, error) {
	endpoint := g.endpoint
	if endpoint == "" {
		b, err := os.ReadFile(g.file("endpoint"))
		if err != nil {
			return nil, &exitError{exitNoReach, fmt.Errorf("no server is known: %s has no file endpoint; start one with: rota serve --data %s, or name one with --endpoint", g.data, shellQuote(g.data))}
		}
		endpoint = strings.TrimSpace(string(b))
	}
	if u, err := url.Parse(endpoint); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, usage("the endpoint %q is no address; it looks like http://127.0.0.1:7682", endpoint)
	}
	path := g.credentials
	if path == "" {
		path = g.file("credentials")
	}
	keys, err := readKeys(path)
	if err != nil {
		return nil, &exitError{exitNoReach, fmt.Errorf("%w; name the server's data folder with --data, or a file with keys with --credentials", err)}
	}
	h := &http.Client{
		Timeout: time.Minute,
		// What is sent may be a value: it goes to the server that was named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &client{strings.TrimSuffix(endpoint, "/"), g.data, keys, g.credentials, h}, nil
}

// aws and own call an operation of AWS's or of rota's.
func (c *client) aws(ctx context.Context, operation string, in, out any) error {
	return c.call(ctx, wire.Service+"."+operation, in, out)
}

func (c *client) own(ctx context.Context, operation string, in, out any) error {
	return c.call(ctx, wire.ServiceRota+"."+operation, in, out)
}

// sign says who asks.
func (c *client) sign(req *http.Request, body []byte, service string) {
	req.Header.Set("User-Agent", userAgent())
	if !c.keys.token.IsZero() {
		req.Header.Set("X-Amz-Security-Token", string(c.keys.token.Reveal()))
	}
	wire.Sign(req, body, c.keys.id, string(c.keys.secret.Reveal()), c.keys.region, service, time.Now())
}

func (c *client) call(ctx context.Context, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	req.Header.Set("X-Amz-Target", target)
	c.sign(req, body, wire.Service)
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreached(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return &exitError{exitNoReach, fmt.Errorf("the answer of %s broke off", c.endpoint)}
	}
	if res.StatusCode != http.StatusOK {
		e := &apiError{keys: c.from}
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

// unreached says why there was no answer.
func (c *client) unreached(ctx context.Context, err error) error {
	var cert *tls.CertificateVerificationError
	var slow net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &cert):
		err = fmt.Errorf("the certificate of %s is not trusted here: name its authority's file in SSL_CERT_FILE", c.endpoint)
	case errors.As(err, &slow) && slow.Timeout():
		err = fmt.Errorf("the server at %s does not answer in time; see %s/healthz", c.endpoint, c.endpoint)
	default:
		err = fmt.Errorf("no server answers at %s: start it with: rota serve --data %s", c.endpoint, shellQuote(c.data))
	}
	return &exitError{exitNoReach, err}
}

// missing reports whether the server does not know the secret.
func missing(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.Type == "ResourceNotFoundException"
}
