package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// Limits of one request, where Options do not say otherwise.
const (
	DefaultTimeout        = 30 * time.Second
	DefaultMaxAnswerBytes = 1 << 20
	maxHeaderBytes        = 64 << 10
	longestRetryAfter     = 24 * time.Hour
)

// Options are what the operator, not the provider file, decides. The zero
// value is the safe one.
type Options struct {
	// Transport sends the requests. Nil is one of rota's own: no proxy from
	// the environment, TLS 1.2 or newer, and link-local addresses refused
	// after name resolution. With another one only addresses written as
	// numbers are checked.
	Transport http.RoundTripper
	// Proxy is used by rota's own transport; nil is none. With a proxy it is
	// the proxy that resolves names, so rota cannot check what they resolve to.
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are used by rota's own transport; nil is the system's.
	RootCAs *x509.CertPool
	// UserAgent is sent with every request; "" is "rota".
	UserAgent string
	// MaxAnswerBytes is the longest answer that is read; 0 is 1 MiB.
	MaxAnswerBytes int64
	// Timeout is for one request with its answer; 0 is 30 s. The deadline of
	// the context holds besides it.
	Timeout time.Duration
	// AllowHTTP allows http to hosts other than this machine.
	AllowHTTP bool
	// Hosts, unless empty, are the only hosts that are called: exact names,
	// or suffixes that begin with a dot.
	Hosts []string
}

type client struct {
	opts Options
	http *http.Client
}

func newClient(opts Options) *client {
	if opts.UserAgent == "" {
		opts.UserAgent = "rota"
	}
	if opts.MaxAnswerBytes == 0 {
		opts.MaxAnswerBytes = DefaultMaxAnswerBytes
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	transport := opts.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  opts.Proxy,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, Control: dialGuard()}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs},
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConns:           20,
			IdleConnTimeout:        30 * time.Second,
			// A small compressed answer could unfold into a large one.
			DisableCompression: true,
		}
	}
	return &client{opts: opts, http: &http.Client{
		Transport: transport,
		// A redirect is an answer like any other: following it would carry
		// credentials to an address that nobody vouched for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer as far as it was read.
type reply struct {
	status int
	header http.Header
	body   any  // the JSON
	json   bool // whether the body is JSON
}

// do sends one request and reads its answer. Its errors hold no part of
// either.
func (c *client) do(ctx context.Context, req *http.Request) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	req = req.WithContext(ctx)
	req.Header.Set("User-Agent", c.opts.UserAgent)
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transportError(ctx, err)
	}
	// Closing without reading on ends the connection: a longer answer is not
	// drained.
	defer resp.Body.Close()
	r := &reply{status: resp.StatusCode, header: resp.Header}
	size := 0
	for name, values := range resp.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxHeaderBytes {
		return nil, fmt.Errorf("answered %d with headers of more than %d bytes", r.status, maxHeaderBytes)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, c.opts.MaxAnswerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("answered %d, but its body did not arrive: %w", r.status, transportError(ctx, err))
	}
	if int64(len(b)) > c.opts.MaxAnswerBytes {
		return nil, fmt.Errorf("answered %d with more than %d bytes; no more was read", r.status, c.opts.MaxAnswerBytes)
	}
	if isJSON(resp.Header.Get("Content-Type")) {
		r.body, err = decodeJSON(b)
		r.json = err == nil
	}
	return r, nil
}

// isJSON takes a missing type for JSON: small servers leave it out.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// retryAfter reads the Retry-After header, in seconds or as a date; a date
// counts from the answer's own Date, so that clocks need not agree.
func (r *reply) retryAfter(now time.Time) (time.Duration, bool) {
	h := strings.TrimSpace(r.header.Get("Retry-After"))
	var d time.Duration
	if n, err := strconv.ParseUint(h, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(h); err == nil {
		if date, err := http.ParseTime(r.header.Get("Date")); err == nil {
			now = date
		}
		d = t.Sub(now)
	} else {
		return 0, false
	}
	return min(max(d, 0), longestRetryAfter), true
}

// transport is an error of sending. Its text is ours: net/http quotes URLs
// and pieces of malformed answers.
type transport struct {
	text  string
	cause error
}

func (t *transport) Error() string { return t.text }
func (t *transport) Unwrap() error { return t.cause }

func transportError(ctx context.Context, err error) error {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
	)
	switch {
	case ctx.Err() != nil:
		return &transport{"no answer in time: " + ctx.Err().Error(), ctx.Err()}
	case errors.Is(err, ssrf.ErrProhibitedIP):
		return &transport{"the address is one that rota never calls: link-local, metadata, reserved", err}
	case errors.As(err, &dns):
		return &transport{"the host name cannot be resolved", err}
	case errors.As(err, &cert):
		return &transport{"the server's certificate is not trusted", err}
	case errors.As(err, &rec):
		return &transport{"the server does not speak TLS", err}
	case errors.As(err, &op):
		var sys *os.SyscallError
		if errors.As(err, &sys) {
			return &transport{"cannot be reached: " + op.Op + ": " + sys.Err.Error(), err}
		}
		return &transport{"cannot be reached: " + op.Op, err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &transport{"the connection ended before the answer did", err}
	}
	return &transport{"no usable answer: the connection broke or did not speak HTTP", err}
}
