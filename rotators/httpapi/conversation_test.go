package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// A conversation is what a provider's real server was asked and answered in
// one scenario. The servers-tagged tests record it; the tests here replay it,
// so that a change of the interpreter or of a provider file that changes a
// request is seen without the server.
type conversation struct {
	About     string            `json:"about"`
	Server    string            `json:"server"`
	Address   string            `json:"address"`
	Secret    map[string]string `json:"secret"`
	Admin     map[string]string `json:"admin"`
	Exchanges []exchange        `json:"exchanges"`
}

type exchange struct {
	Request  asked    `json:"request"`
	Response answered `json:"response"`
	// Lost says that the answer never reached rota.
	Lost bool `json:"lost,omitempty"`
}

type asked struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   string            `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

type answered struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// conversations that every provider must have.
var conversations = []string{"success", "refusal", "crash-then-retry"}

var errLost = errors.New("the answer was lost on the way")

// canonical is a request as conversations hold it: no host, no user agent,
// Basic credentials decoded so that they can be hidden and compared.
func canonical(t *testing.T, req *http.Request) asked {
	t.Helper()
	a := asked{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Headers: map[string]string{}}
	for name, values := range req.Header {
		if name == "User-Agent" {
			continue
		}
		v := strings.Join(values, ", ")
		if basic, ok := strings.CutPrefix(v, "Basic "); ok {
			decoded, err := base64.StdEncoding.DecodeString(basic)
			if err != nil {
				t.Fatal(err)
			}
			v = "Basic " + string(decoded)
		}
		a.Headers[name] = v
	}
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		req.Body = io.NopCloser(bytes.NewReader(b))
		if a.Body = string(b); req.Header.Get("Content-Type") == "application/json" {
			if a.Body, err = decodeJSON(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}

// replayer answers from a conversation and fails the test when another
// request is made than the recorded one.
type replayer struct {
	t    *testing.T
	rest []exchange
}

func (r *replayer) RoundTrip(req *http.Request) (*http.Response, error) {
	have := canonical(r.t, req)
	if len(r.rest) == 0 {
		r.t.Errorf("a request after the end of the conversation: %s %s", have.Method, have.Path)
		return nil, io.EOF
	}
	x := r.rest[0]
	r.rest = r.rest[1:]
	if diff := cmp.Diff(asJSON(r.t, x.Request), asJSON(r.t, have)); diff != "" {
		r.t.Errorf("the request differs from the recorded one:\n%s", diff)
	}
	if x.Lost {
		return nil, errLost
	}
	h := http.Header{}
	for k, v := range x.Response.Headers {
		h.Set(k, v)
	}
	var body []byte
	if x.Response.Body != nil {
		body = []byte(asJSON(r.t, x.Response.Body))
	}
	return &http.Response{
		StatusCode: x.Response.Status, Header: h, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}, nil
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stage is where a scenario plays: on the real server or on a recording.
type stage struct {
	t       *testing.T
	p       *Provider
	r       rotation.Rotator
	current rota.Value
	admin   rota.Value
	rand    io.Reader
	lose    func(*step) // the next answer to this request is lost
}

func newStage(t *testing.T, p *Provider, tr http.RoundTripper, current, admin map[string]string, lose func(*step)) *stage {
	return &stage{
		t: t, p: p, r: p.Rotator(Options{Transport: tr}), current: jsonValue(t, current), admin: jsonValue(t, admin),
		rand: rand.NewChaCha8([32]byte([]byte("conversations are reproducible.."))), lose: lose,
	}
}

func jsonValue(t *testing.T, m map[string]string) rota.Value {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return rota.StringValue(string(b))
}

const (
	testARN  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
	adminARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin-AbCdEf"
)

func (s *stage) request() rotation.Request {
	return rotation.Request{
		SecretARN: testARN, Token: "11111111-2222-3333-4444-555555555555",
		Name:    "rota-0123456789abcdef0123456789abcdef",
		Current: s.current, Admin: rotation.Admin{ARN: adminARN, Value: s.admin},
		Rand: s.rand, Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

func (s *stage) try(v rota.Value, want error, what string) {
	s.t.Helper()
	err := s.r.Try(context.Background(), s.request(), v)
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		s.t.Fatalf("trying %s: %v, want %v", what, err, want)
	}
	if want == rotation.ErrRefused && s.p.kind == mints && errors.Is(err, rotation.ErrDead) {
		s.t.Fatalf("trying %s: a refusal is not a proof of death", what)
	}
}

func (s *stage) ok(err error, what string) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *stage) fails(err error, what string, parts ...string) {
	s.t.Helper()
	if err == nil {
		s.t.Fatalf("%s: no error", what)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			s.t.Fatalf("%s: %v does not say %q", what, err, p)
		}
	}
	if errors.Is(err, rotation.ErrRefused) {
		s.t.Fatalf("%s: %v is a refusal of the secret's own credential", what, err)
	}
}

func (s *stage) identify(v rota.Value) rotation.Identity {
	s.t.Helper()
	id, err := s.r.Identify(s.request(), v)
	s.ok(err, "identify")
	return id
}

// wrongAdmin is a request whose admin secret holds a wrong password.
func (s *stage) wrongAdmin() rotation.Request {
	req := s.request()
	o, err := parseObject(req.Admin.Value)
	s.ok(err, "admin")
	o, err = o.set(map[string]any{"password": "not-the-admin-password"})
	s.ok(err, "admin")
	req.Admin.Value, err = o.value()
	s.ok(err, "admin")
	return req
}

// play runs one scenario of the provider's kind.
func (s *stage) play(scenario string) {
	s.t.Helper()
	switch s.p.kind {
	case mints:
		mintScenarios[scenario](s, s.r.(mintRotator))
	case chooses:
		chooseScenarios[scenario](s, s.r.(rotation.Chooser))
	default:
		s.t.Fatalf("no scenario for kind %s", s.p.kind)
	}
}

type mintRotator interface {
	rotation.Minter
	rotation.Lister
}

var mintScenarios = map[string]func(*stage, mintRotator){
	"success": func(s *stage, r mintRotator) {
		ctx, req := context.Background(), s.request()
		s.try(s.current, nil, "the current credential")
		s.listed(r, 0)
		minted, err := r.Mint(ctx, req)
		s.ok(err, "mint")
		if id := s.listed(r, 1)[0].ID; id != s.identify(minted).ID {
			s.t.Fatalf("listed %s, minted %s", id, s.identify(minted).ID)
		}
		s.try(minted, nil, "the new credential")
		s.try(s.current, nil, "the old credential during the overlap")
		old := s.identify(s.current).ID
		s.ok(r.Revoke(ctx, req, old), "revoke")
		s.try(s.current, rotation.ErrDead, "the old credential after its end")
		s.ok(r.Revoke(ctx, req, old), "revoke again")
		s.try(minted, nil, "the new credential after the end of the old")
	},
	"refusal": func(s *stage, r mintRotator) {
		ctx, req := context.Background(), s.request()
		spoiled, err := r.Spoil(req, s.current)
		s.ok(err, "spoil")
		s.try(spoiled, rotation.ErrRefused, "a wrong secret")
		_, err = r.Mint(ctx, s.wrongAdmin())
		s.fails(err, "mint with a wrong admin secret", adminARN, "401")
		_, err = r.Mint(ctx, req)
		s.ok(err, "mint")
		_, err = r.Mint(ctx, req)
		s.fails(err, "mint under a name that exists", "exists already")
		s.ok(r.Revoke(ctx, req, s.listed(r, 1)[0].ID), "revoke")
	},
	"crash-then-retry": func(s *stage, r mintRotator) {
		ctx, req := context.Background(), s.request()
		s.lose(last(s.p.verbs[verbMint]))
		_, err := r.Mint(ctx, req)
		s.fails(err, "mint whose answer is lost")
		s.ok(r.Revoke(ctx, req, s.listed(r, 1)[0].ID), "revoke what was found")
		s.listed(r, 0)
		minted, err := r.Mint(ctx, req)
		s.ok(err, "mint again")
		s.try(minted, nil, "the second credential")
		s.lose(last(s.p.verbs[verbRevoke]))
		s.fails(r.Revoke(ctx, req, s.identify(minted).ID), "revoke whose answer is lost")
		s.ok(r.Revoke(ctx, req, s.identify(minted).ID), "revoke again")
		s.try(minted, rotation.ErrDead, "the revoked credential")
	},
}

func (s *stage) listed(r rotation.Lister, want int) []rotation.Listed {
	s.t.Helper()
	found, err := r.List(context.Background(), s.request())
	s.ok(err, "list")
	if len(found) != want {
		s.t.Fatalf("found %d credentials under the name, want %d", len(found), want)
	}
	return found
}

var chooseScenarios = map[string]func(*stage, rotation.Chooser){
	"success": func(s *stage, r rotation.Chooser) {
		ctx, req := context.Background(), s.request()
		s.try(s.current, nil, "the current credential")
		var err error
		req.Pending, err = r.Choose(req)
		s.ok(err, "choose")
		s.try(req.Pending, rotation.ErrRefused, "the chosen credential before it is set")
		s.ok(r.Set(ctx, req), "set")
		s.try(req.Pending, nil, "the new credential")
		s.try(s.current, nil, "the old credential during the overlap")
		after := s.request()
		after.Current, after.Previous = req.Pending, s.current
		s.ok(r.End(ctx, after, s.current), "end")
		s.try(s.current, rotation.ErrDead, "the old credential after its end")
		s.ok(r.End(ctx, after, s.current), "end again")
		s.try(req.Pending, nil, "the new credential after the end of the old")
	},
	"refusal": func(s *stage, r rotation.Chooser) {
		ctx, req := context.Background(), s.request()
		spoiled, err := r.Spoil(req, s.current)
		s.ok(err, "spoil")
		s.try(spoiled, rotation.ErrRefused, "a wrong password")
		wrong := s.wrongAdmin()
		wrong.Pending, err = r.Choose(wrong)
		s.ok(err, "choose")
		s.fails(r.Set(ctx, wrong), "set with a wrong admin secret", adminARN, "401")
		s.current = s.withoutAlternate()
		req = s.request()
		req.Pending, err = r.Choose(req)
		s.ok(err, "choose")
		err = r.Set(ctx, req)
		s.fails(err, "set for a user that does not exist", "create both users")
		if !rotation.IsPermanent(err) {
			s.t.Fatalf("%v: no retry makes the user exist", err)
		}
	},
	"crash-then-retry": func(s *stage, r rotation.Chooser) {
		ctx, req := context.Background(), s.request()
		var err error
		req.Pending, err = r.Choose(req)
		s.ok(err, "choose")
		s.lose(last(s.p.verbs[verbSet]))
		s.fails(r.Set(ctx, req), "set whose answer is lost")
		s.try(req.Pending, nil, "the new credential")
		s.ok(r.Set(ctx, req), "set again")
		s.try(req.Pending, nil, "the new credential after the second set")
		after := s.request()
		after.Current, after.Previous = req.Pending, s.current
		s.lose(last(s.p.verbs[verbEnd]))
		s.fails(r.End(ctx, after, s.current), "end whose answer is lost")
		s.ok(r.End(ctx, after, s.current), "end again")
		s.try(s.current, rotation.ErrDead, "the old credential")
	},
}

func (s *stage) withoutAlternate() rota.Value {
	o, err := parseObject(s.current)
	s.ok(err, "current")
	o, err = o.set(map[string]any{"alternateUsername": "nobody-of-that-name"})
	s.ok(err, "current")
	v, err := o.value()
	s.ok(err, "current")
	return v
}

func last(steps []*step) *step { return steps[len(steps)-1] }

func embeddedProviders(t testing.TB) map[string]*Provider {
	t.Helper()
	all, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Provider{}
	for _, p := range all {
		byName[p.Name()] = p
	}
	return byName
}

func conversationFile(provider, scenario string) string {
	return filepath.Join("testdata", provider, scenario+".json")
}

func TestAnEntryWithoutRecordedConversationsDoesNotEnter(t *testing.T) {
	for name, p := range embeddedProviders(t) {
		for _, scenario := range conversations {
			t.Run(name+"/"+scenario, func(t *testing.T) {
				b, err := os.ReadFile(conversationFile(name, scenario))
				if err != nil {
					t.Fatalf("record it from the real server (see servers_test.go): %v", err)
				}
				var c conversation
				if err := json.Unmarshal(b, &c); err != nil {
					t.Fatal(err)
				}
				tape := &replayer{t: t, rest: c.Exchanges}
				newStage(t, p, tape, c.Secret, c.Admin, func(*step) {}).play(scenario)
				if len(tape.rest) > 0 {
					t.Errorf("%d recorded requests were not made", len(tape.rest))
				}
			})
		}
	}
}

func TestEveryConversationOfSuccessEndsInProofOfDeath(t *testing.T) {
	for name := range embeddedProviders(t) {
		for _, scenario := range []string{"success", "crash-then-retry"} {
			b, err := os.ReadFile(conversationFile(name, scenario))
			if err != nil {
				t.Fatal(err)
			}
			var c conversation
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			lost := 0
			for _, x := range c.Exchanges {
				if x.Lost {
					lost++
				}
			}
			if want := map[string]int{"success": 0, "crash-then-retry": 2}[scenario]; lost != want {
				t.Errorf("%s %s: %d lost answers, want %d", name, scenario, lost, want)
			}
			if c.Server == "" || len(c.Exchanges) < 8 {
				t.Errorf("%s %s: not a recording of a real server", name, scenario)
			}
		}
	}
}

// playedProvider is a stage on a hand-written transport.
func playedProvider(t *testing.T, name string, rt http.RoundTripper, edit func(current, admin map[string]string)) *stage {
	t.Helper()
	p := embeddedProviders(t)[name]
	if p == nil {
		t.Fatal(fmt.Errorf("no provider %s", name))
	}
	values := map[string][2]map[string]string{
		"rabbitmq": {
			{"username": "app-a", "password": canary + "current", "alternateUsername": "app-b"},
			{"managementUrl": "https://rabbit.example.com:15671", "username": "root", "password": canary + "admin"},
		},
		"keystone": {
			{"id": "c0ffee", "secret": canary + "current", "name": "first"},
			{"authUrl": "https://keystone.example.com:5000", "userId": "u1", "password": canary + "admin", "projectId": "p1"},
		},
	}[name]
	if edit != nil {
		edit(values[0], values[1])
	}
	return newStage(t, p, rt, values[0], values[1], nil)
}

// canary begins every secret of these tests: no error may hold it.
const canary = "CANARY-do-not-print-"
