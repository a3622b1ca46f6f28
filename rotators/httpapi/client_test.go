package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"code.dny.dev/ssrf"

	"github.com/rotahq/rota/rotation"
)

// answerer is a provider made of one function.
type answerer func(*http.Request) (*http.Response, error)

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerOf(status int, contentType, body string, headers ...string) answerer {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{
			StatusCode: status, Header: h, ContentLength: int64(len(body)),
			Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	}
}

// cleanError fails when an error shows a secret, an address or a body.
func cleanError(t *testing.T, err error) {
	t.Helper()
	for _, forbidden := range []string{canary, "BODY", "rabbit.example", "keystone.example", "elsewhere"} {
		if err != nil && strings.Contains(err.Error(), forbidden) {
			t.Errorf("the error shows %q: %v", forbidden, err)
		}
	}
}

func TestABadAnswerIsUnknownAndToldClearly(t *testing.T) {
	const body = `{"BODY": "` + canary + `"}`
	tests := []struct {
		rule   string
		answer answerer
		want   string
	}{
		{"an unexpected status", answerOf(500, "application/json", body), "answered 500"},
		{"garbage with a good status", answerOf(200, "application/json", `{"BODY`), "not JSON"},
		{"a page of something else", answerOf(200, "text/html", "<html>BODY"), "not JSON"},
		{"JSON under another type", answerOf(200, "text/plain", `{"name":"app-a"}`), "not JSON"},
		{"JSON and more", answerOf(200, "application/json", `{"name":"app-a"}}`), "not JSON"},
		{"another user than the one who asked", answerOf(200, "application/json", `{"name":"BODY"}`), "answered 200"},
		{"no body at all", answerOf(200, "application/json", ""), "not JSON"},
		{"a name that is not a text", answerOf(200, "application/json", `{"name":["app-a"]}`), "answered 200"},
		{"a redirect", answerOf(302, "", "", "Location", "https://elsewhere.example.com/"+canary), "redirects are not followed"},
		{"throttling", answerOf(429, "application/json", body), "asks to wait"},
		{"a missing page", answerOf(404, "application/json", body), "answered 404"},
		{"a broken connection", func(*http.Request) (*http.Response, error) {
			return nil, errors.New("malformed HTTP response \"BODY" + canary + "\"")
		}, "no usable answer"},
		{"headers without end", answerOf(200, "application/json", `{"name":"app-a"}`, "X-Filler", strings.Repeat("BODY", maxHeaderBytes)), "headers of more than"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := playedProvider(t, "rabbitmq", tt.answer, nil)
			err := s.r.Try(context.Background(), s.request(), s.current)
			if err == nil || errors.Is(err, rotation.ErrRefused) || rotation.IsPermanent(err) {
				t.Fatalf("%v; want an error that says nothing of the credential", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v does not say %q", err, tt.want)
			}
			cleanError(t, err)
		})
	}
}

func TestAProviderThatAsksToWaitIsHeard(t *testing.T) {
	tests := []struct {
		rule    string
		status  int
		headers []string
		want    time.Duration
		asked   bool
	}{
		{"429 with seconds", 429, []string{"Retry-After", "17"}, 17 * time.Second, true},
		{"503 with seconds", 503, []string{"Retry-After", "3"}, 3 * time.Second, true},
		{"503 without", 503, nil, 0, false},
		{"a date counts from the answer's own", 429, []string{
			"Retry-After", "Mon, 23 Nov 2026 12:01:00 GMT", "Date", "Mon, 23 Nov 2026 12:00:30 GMT",
		}, 30 * time.Second, true},
		{"a date without the answer's counts from now", 429, []string{"Retry-After", "Mon, 23 Nov 2026 12:01:00 GMT"}, time.Minute, true},
		{"a date that passed is no wait", 429, []string{"Retry-After", "Mon, 23 Nov 2020 12:01:00 GMT"}, 0, true},
		{"a year is cut to a day", 429, []string{"Retry-After", "31536000"}, 24 * time.Hour, true},
		{"nonsense is not heard", 429, []string{"Retry-After", "soon"}, 0, false},
		{"a negative number is not heard", 429, []string{"Retry-After", "-5"}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := playedProvider(t, "rabbitmq", answerOf(tt.status, "application/json", "{}", tt.headers...), nil)
			err := s.r.Try(context.Background(), s.request(), s.current)
			if d, ok := rotation.AskedDelay(err); d != tt.want || ok != tt.asked {
				t.Errorf("got %v %v, want %v %v: %v", d, ok, tt.want, tt.asked, err)
			}
		})
	}
}

func TestASlowProviderIsGivenUpAtTheDeadline(t *testing.T) {
	hang := answerer(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	tests := []struct {
		rule     string
		deadline time.Duration // of the context; 0 is none
		want     time.Duration
	}{
		{"the context's own", 5 * time.Second, 5 * time.Second},
		{"one request's", 0, DefaultTimeout},
		{"the nearer of both", time.Hour, DefaultTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := playedProvider(t, "keystone", hang, nil)
				ctx := context.Background()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				err := s.r.Try(ctx, s.request(), s.current)
				if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rotation.ErrRefused) || !strings.Contains(err.Error(), "no answer in time") {
					t.Errorf("%v is not a deadline", err)
				}
				if took := time.Since(start); took != tt.want {
					t.Errorf("gave up after %v, want %v", took, tt.want)
				}
				cleanError(t, err)
			})
		})
	}
}

func TestABodyThatStallsIsGivenUpToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := playedProvider(t, "rabbitmq", answerer(func(r *http.Request) (*http.Response, error) {
			pr, pw := io.Pipe()
			context.AfterFunc(r.Context(), func() { pw.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: pr, Request: r}, nil
		}), nil)
		err := s.r.Try(context.Background(), s.request(), s.current)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is not a deadline", err)
		}
	})
}

// onLoopback is a stage whose provider is an HTTP server on this machine,
// reached through rota's own transport.
func onLoopback(t *testing.T, h http.HandlerFunc) (*stage, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return playedProvider(t, "rabbitmq", nil, func(_, admin map[string]string) { admin["managementUrl"] = srv.URL }), srv
}

func TestAnAnswerWithoutEndIsCutAndItsConnectionClosed(t *testing.T) {
	for _, declared := range []bool{true, false} {
		t.Run(fmt.Sprintf("length declared %v", declared), func(t *testing.T) {
			const huge = 100 << 20
			var sent atomic.Int64
			ended := make(chan struct{})
			s, _ := onLoopback(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				w.Header().Set("Content-Type", "application/json")
				if declared {
					w.Header().Set("Content-Length", fmt.Sprint(huge))
				}
				chunk := []byte(strings.Repeat("[", 64<<10))
				for range huge / len(chunk) {
					n, err := w.Write(chunk)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			err := s.r.Try(context.Background(), s.request(), s.current)
			if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
				t.Fatal(err)
			}
			<-ended
			if sent.Load() == huge {
				t.Error("the whole answer was taken")
			}
		})
	}
}

func TestHeadersWithoutEndAreCut(t *testing.T) {
	s, _ := onLoopback(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Filler", strings.Repeat("x", 1<<20))
	})
	err := s.r.Try(context.Background(), s.request(), s.current)
	if err == nil || errors.Is(err, rotation.ErrRefused) {
		t.Error(err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s, _ := onLoopback(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	err := s.r.Try(context.Background(), s.request(), s.current)
	if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || elsewhere.Load() != 0 {
		t.Errorf("%v, %d requests went elsewhere", err, elsewhere.Load())
	}
}

func TestAProviderThatIsDownIsUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := playedProvider(t, "rabbitmq", nil, func(_, admin map[string]string) { admin["managementUrl"] = "http://" + addr })
	err = s.r.Try(context.Background(), s.request(), s.current)
	if err == nil || errors.Is(err, rotation.ErrRefused) || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	cleanError(t, err)
}

func TestRotasOwnTransportIsCareful(t *testing.T) {
	// net/http reads the environment's proxy once and never proxies loopback,
	// so the transport itself is looked at.
	tr := newClient(Options{}).http.Transport.(*http.Transport)
	if tr.Proxy != nil || tr.MaxResponseHeaderBytes != maxHeaderBytes || !tr.DisableCompression ||
		tr.TLSClientConfig.MinVersion != tls.VersionTLS12 || tr.TLSClientConfig.InsecureSkipVerify {
		t.Errorf("%+v", tr)
	}
}

func TestAnUnknownCertificateIsRefused(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	s := playedProvider(t, "rabbitmq", nil, func(_, admin map[string]string) { admin["managementUrl"] = srv.URL })
	err := s.r.Try(context.Background(), s.request(), s.current)
	if err == nil || !strings.Contains(err.Error(), "certificate is not trusted") {
		t.Error(err)
	}
	trusted := s.p.Rotator(Options{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	srv.Config.Handler = http.NotFoundHandler()
	if err := trusted.Try(context.Background(), s.request(), s.current); err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Error(err)
	}
}

func TestABodyThatIsNotJSONFitsNoMatcher(t *testing.T) {
	no := false
	a := answer{statuses: []int{200}, body: []matcher{{path: []string{"error"}, exists: &no}}}
	for body, want := range map[string]bool{`{}`: true, `{"error":null}`: false, `<html>`: false} {
		v, err := decodeJSON([]byte(body))
		got, matchErr := a.matches(&env{}, &reply{status: 200, body: v, json: err == nil})
		if got != want || matchErr != nil {
			t.Errorf("%s: %v, %v", body, got, matchErr)
		}
	}
}

func TestLinkLocalAddressesAreNeverDialled(t *testing.T) {
	guard := dialGuard()
	for addr, allowed := range map[string]bool{
		"169.254.169.254:80": false, "169.254.1.1:443": false, "[fe80::1]:80": false, "[fd00:ec2::254]:80": false,
		"100.100.100.200:80": false, "[::ffff:169.254.169.254]:80": false, "[64:ff9b::a9fe:a9fe]:80": false,
		"0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false, "192.0.0.192:80": false,
		"127.0.0.1:5000": true, "10.1.2.3:443": true, "192.168.1.1:15672": true, "172.17.0.2:80": true,
		"100.64.1.1:443": true, "[::1]:443": true, "[fd12::1]:443": true, "8.8.8.8:443": true, "[2606:4700::1]:443": true,
	} {
		network := "tcp4"
		if strings.HasPrefix(addr, "[") {
			network = "tcp6"
		}
		if err := guard(network, addr, nil); (err == nil) != allowed || err != nil && !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v, want allowed %v", addr, err, allowed)
		}
	}
}

func TestANameThatResolvesToARefusedAddressIsRefused(t *testing.T) {
	c := newClient(Options{})
	dial := c.http.Transport.(*http.Transport).DialContext
	_, err := dial(context.Background(), "tcp", "169.254.169.254:80")
	if !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("%v", err)
	}
	if text := transportError(context.Background(), err).Error(); !strings.Contains(text, "never calls") {
		t.Error(text)
	}
}

func TestOnlySafeAddressesAreTaken(t *testing.T) {
	tests := []struct {
		rule, address string
		opts          Options
		want          string // "" is accepted
	}{
		{"https anywhere", "https://rabbit.example.com:15671", Options{}, ""},
		{"https with a path", "https://example.com/rabbit/", Options{}, ""},
		{"http on this machine", "http://127.0.0.1:15672", Options{}, ""},
		{"http on this machine, version 6", "http://[::1]:15672", Options{}, ""},
		{"http on localhost", "http://localhost:15672", Options{}, ""},
		{"no http elsewhere", "http://10.0.0.1:15672", Options{}, "use https"},
		{"http elsewhere where the operator allows it", "http://10.0.0.1:15672", Options{AllowHTTP: true}, ""},
		{"no password in the address", "https://u:" + canary + "@example.com", Options{}, "holds a user"},
		{"no query", "https://example.com?x=" + canary, Options{}, "holds a user, a query"},
		{"no fragment", "https://example.com#" + canary, Options{}, "fragment"},
		{"no other scheme", "file:///etc/passwd", Options{}, "is not a URL"},
		{"no other scheme with a host", "ftp://example.com", Options{}, "neither https nor http"},
		{"no dots in the path", "https://example.com/a/../b", Options{}, "dot segments"},
		{"no metadata service", "http://169.254.169.254/latest", Options{AllowHTTP: true}, "never a provider"},
		{"no mapped metadata service", "https://[::ffff:169.254.169.254]", Options{}, "never a provider"},
		{"no link-local address", "https://[fe80::1%25eth0]", Options{}, "never a provider"},
		{"not a URL", "::", Options{}, "is not a URL"},
		{"no relative address", "rabbit.example.com", Options{}, "is not a URL"},
		{"an allowed host", "https://a.example.com", Options{Hosts: []string{"a.example.com"}}, ""},
		{"an allowed suffix", "https://a.example.com", Options{Hosts: []string{".example.com"}}, ""},
		{"a host that only ends alike", "https://badexample.com", Options{Hosts: []string{".example.com", "example.com"}}, "allowed hosts"},
		{"a host that is not allowed", "https://b.example.com", Options{Hosts: []string{"a.example.com"}}, "allowed hosts"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := playedProvider(t, "rabbitmq", nil, func(_, admin map[string]string) { admin["managementUrl"] = tt.address })
			_, err := s.p.Rotator(tt.opts).Plan(s.request())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			cleanError(t, err)
		})
	}
}

func TestAControlCharacterNeverReachesAHeader(t *testing.T) {
	for _, bad := range []string{"x\r\nX-Admin: yes", "x\ny", "x\x00y"} {
		s := playedProvider(t, "keystone", answerOf(201, "application/json", `{"token":{"user":{"id":"u1"}}}`, "X-Subject-Token", bad), nil)
		_, err := s.r.(rotation.Lister).List(context.Background(), s.request())
		if err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("a token with %q: %v", bad, err)
		}
	}
}

func TestARefusedAdminSecretIsNamedAndIsNoRefusalOfTheSecret(t *testing.T) {
	for name, status := range map[string]int{"rabbitmq": 401, "keystone": 401} {
		for _, status := range []int{status, 403} {
			s := playedProvider(t, name, answerOf(status, "application/json", `{"error":{"code":`+fmt.Sprint(status)+`},"BODY":1}`), nil)
			var err error
			switch r := s.r.(type) {
			case rotation.Chooser:
				req := s.request()
				req.Pending, err = r.Choose(req)
				s.ok(err, "choose")
				err = r.Set(context.Background(), req)
			case mintRotator:
				_, err = r.Mint(context.Background(), s.request())
			}
			s.fails(err, name+" with a refused admin secret", adminARN, fmt.Sprint(status))
			if rotation.IsPermanent(err) {
				t.Errorf("%v: correcting the admin secret mends it", err)
			}
			if rotation.Unreachable(err) {
				t.Errorf("%v: it is held against the provider, which answered", err)
			}
			cleanError(t, err)
		}
	}
}

func TestADeadAnswerWithoutProofIsUnknown(t *testing.T) {
	// The test request gets the exact answer; the proof does not.
	s := playedProvider(t, "keystone", answerer(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(b), "application_credential") {
			return answerOf(404, "application/json", `{"error":{"code":404,"message":"Could not find Application Credential: c0ffee."}}`)(r)
		}
		return answerOf(503, "application/json", `{}`)(r)
	}), nil)
	err := s.r.Try(context.Background(), s.request(), s.current)
	if err == nil || errors.Is(err, rotation.ErrRefused) || !strings.Contains(err.Error(), "not proven") {
		t.Errorf("got %v", err)
	}
}

func TestAMintedCredentialThatCannotBeReadIsAnError(t *testing.T) {
	for rule, body := range map[string]string{
		"without a secret":     `{"application_credential":{"name":"%s","id":"i"}}`,
		"with an empty secret": `{"application_credential":{"name":"%s","id":"i","secret":""}}`,
		"with another name":    `{"application_credential":{"name":"x%s","id":"i","secret":"s"}}`,
		"with a list":          `{"application_credential":{"name":"%s","id":"i","secret":["` + canary + `"]}}`,
	} {
		t.Run(rule, func(t *testing.T) {
			var s *stage
			s = playedProvider(t, "keystone", answerer(func(r *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/auth/tokens"):
					return answerOf(201, "application/json", `{"token":{"user":{"id":"u1"}}}`, "X-Subject-Token", "t")(r)
				case r.Method == http.MethodGet:
					return answerOf(200, "application/json", `{"application_credential":{"user_id":"u1","project_id":"p1","roles":[{"id":"r","name":"n"}]}}`)(r)
				}
				return answerOf(201, "application/json", fmt.Sprintf(body, s.request().Name))(r)
			}), nil)
			v, err := s.r.(rotation.Minter).Mint(context.Background(), s.request())
			if err == nil || !v.IsZero() {
				t.Errorf("minted %v, %v", v, err)
			}
			cleanError(t, err)
		})
	}
}

func TestOnlyTheExactNameIsListed(t *testing.T) {
	body := `{"application_credentials":[
		{"name":"rota-0123456789abcdef0123456789abcdef","id":"one","expires_at":"2027-01-01T00:00:00.000000"},
		{"name":"rota-0123456789abcdef0123456789abcdefX","id":"two"},{"id":"three"},{"name":7,"id":"four"}]}`
	login := func(list answerer) answerer {
		return func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/auth/tokens") {
				return answerOf(201, "application/json", `{"token":{"user":{"id":"u1"}}}`, "X-Subject-Token", "t")(r)
			}
			return list(r)
		}
	}
	s := playedProvider(t, "keystone", login(answerOf(200, "application/json", body)), nil)
	got := s.listed(s.r.(rotation.Lister), 1)
	if got[0].ID != "one" || got[0].Metadata["expires"] != "2027-01-01T00:00:00.000000" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{
		`{"application_credentials":{}}`, `{}`, `[]`,
		`{"application_credentials":[{"name":"rota-0123456789abcdef0123456789abcdef"}]}`,
	} {
		s := playedProvider(t, "keystone", login(answerOf(200, "application/json", bad)), nil)
		if _, err := s.r.(rotation.Lister).List(context.Background(), s.request()); err == nil {
			t.Errorf("%s counts as a list", bad)
		}
	}
}
