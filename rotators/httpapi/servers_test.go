//go:build servers

package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotation"
)

// record writes the conversations anew:
//
//	go test -tags servers -run TestRealServers ./rotators/httpapi -record
var record = flag.Bool("record", false, "write testdata/<provider>/*.json from the real servers")

// recorder sends requests to a real server and keeps what was said.
type recorder struct {
	t         *testing.T
	exchanges []exchange
	lose      *step
	hidden    map[string]string // secret → placeholder
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchange{Request: canonical(r.t, req)}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	x.Response = answered{Status: resp.StatusCode, Headers: map[string]string{}}
	for _, name := range []string{"Content-Type", "X-Subject-Token", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			x.Response.Headers[name] = v
		}
	}
	if token := resp.Header.Get("X-Subject-Token"); token != "" {
		r.hide(token, "token")
	}
	if len(b) > 0 {
		if x.Response.Body, err = decodeJSON(b); err != nil {
			x.Response.Body = string(b)
		}
		r.hideMembers(x.Response.Body)
	}
	if r.lose != nil && matchesStep(req, r.lose) {
		r.lose, x.Lost = nil, true
	}
	r.exchanges = append(r.exchanges, x)
	if x.Lost {
		return nil, errLost
	}
	return resp, nil
}

func (r *recorder) hide(secret, what string) {
	if _, ok := r.hidden[secret]; !ok {
		r.hidden[secret] = fmt.Sprintf("hidden-%s-%d", what, len(r.hidden)+1)
	}
}

// hideMembers finds the secrets of an answer. A stored hash is only shown,
// never sent back, so it is replaced in place.
func (r *recorder) hideMembers(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			switch s, _ := member.(string); {
			case k == "secret" && s != "":
				r.hide(s, "secret")
			case k == "password_hash":
				v[k] = "hidden"
			default:
				r.hideMembers(member)
			}
		}
	case []any:
		for _, item := range v {
			r.hideMembers(item)
		}
	}
}

func (r *recorder) write(file string, c conversation) {
	c.Exchanges = r.exchanges
	text := asJSON(r.t, c)
	for secret, placeholder := range r.hidden {
		text = strings.ReplaceAll(text, secret, placeholder)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// server is a real server with what a scenario starts from.
type server struct {
	provider string
	name     string
	address  string
	fresh    func(t *testing.T) (current, admin map[string]string)
}

// matchesStep reports whether a request was made from a step.
func matchesStep(req *http.Request, s *step) bool {
	var b strings.Builder
	for _, p := range s.path.parts {
		if p.scope == "" {
			b.WriteString(regexp.QuoteMeta(p.literal))
		} else {
			b.WriteString("[^/]+")
		}
	}
	return req.Method == s.method && regexp.MustCompile(b.String()+"$").MatchString(req.URL.EscapedPath())
}

// TestRealServers starts both servers once and runs all that needs them.
func TestRealServers(t *testing.T) {
	rabbit, keystone := testserver.RabbitMQ(t), testserver.Keystone(t)
	servers := map[string]server{"rabbitmq": rabbitServer(rabbit), "keystone": keystoneServer(keystone)}
	t.Run("the recorded scenarios hold", func(t *testing.T) { scenariosHold(t, servers) })
	t.Run("a wrong base path is no proof", func(t *testing.T) { wrongPathIsNoProof(t, servers) })
	t.Run("keystone hands roles and rules on", func(t *testing.T) { rolesAndRulesAreHandedOn(t, keystone) })
	t.Run("keystone has no such current credential", func(t *testing.T) { missingCurrentIsPermanent(t, servers["keystone"]) })
	t.Run("keystone's current credential is another user's", func(t *testing.T) { foreignCurrentIsPermanent(t, servers["keystone"], keystone) })
	t.Run("rabbitmq keeps tags and takes any name of a user", func(t *testing.T) { tagsAndNamesAreKept(t, servers["rabbitmq"], rabbit) })
}

func scenariosHold(t *testing.T, servers map[string]server) {
	providers := embeddedProviders(t)
	for name, srv := range servers {
		for _, scenario := range conversations {
			t.Run(name+"/"+scenario, func(t *testing.T) {
				current, admin := srv.fresh(t)
				rec := &recorder{t: t, hidden: map[string]string{srv.address: "http://127.0.0.1:8080"}}
				p := providers[name]
				newStage(t, p, rec, current, admin, func(s *step) { rec.lose = s }).play(scenario)
				if *record {
					rec.write(conversationFile(name, scenario), conversation{
						About: scenario + ": " + p.title, Server: srv.name, Address: srv.address, Secret: current, Admin: admin,
					})
				}
			})
		}
	}
}

// realStage is a stage on a real server, through rota's own transport.
func realStage(t *testing.T, srv server) *stage {
	t.Helper()
	current, admin := srv.fresh(t)
	return newStage(t, embeddedProviders(t)[srv.provider], nil, current, admin, nil)
}

func wrongPathIsNoProof(t *testing.T, servers map[string]server) {
	for name, srv := range servers {
		t.Run(name, func(t *testing.T) {
			s := realStage(t, srv)
			field := s.p.address.base.parts[0].name
			o, err := parseObject(s.admin)
			s.ok(err, "admin")
			o, err = o.set(map[string]any{field: o.text(field) + "/wrong"})
			s.ok(err, "admin")
			s.admin, err = o.value()
			s.ok(err, "admin")
			err = s.r.Try(context.Background(), s.request(), s.current)
			if err == nil || errors.Is(err, rotation.ErrRefused) {
				t.Errorf("trying at a wrong path: %v; want unknown", err)
			}
			switch r := s.r.(type) {
			case rotation.Chooser:
				req := s.request()
				req.Pending, err = r.Choose(req)
				s.ok(err, "choose")
				if err := r.Set(context.Background(), req); err == nil || rotation.IsPermanent(err) {
					t.Errorf("setting at a wrong path: %v; want an error that a retry may mend", err)
				}
				after := s.request()
				after.Current = req.Pending
				if err := r.End(context.Background(), after, s.current); err == nil {
					t.Error("ending at a wrong path counts as ended")
				}
			case mintRotator:
				if err := r.Revoke(context.Background(), s.request(), "c0ffee"); err == nil {
					t.Error("revoking at a wrong path counts as revoked")
				}
			}
		})
	}
}

func rolesAndRulesAreHandedOn(t *testing.T, k *testserver.Keys) {
	s := newStage(t, embeddedProviders(t)["keystone"], nil, map[string]string{}, keystoneAdmin(k), nil)
	id, secret := k.AddCredential(t, map[string]any{
		"name": "limited-" + rand.Text(), "roles": []any{map[string]any{"name": "reader"}}, "description": "kept",
		"access_rules": []any{map[string]any{"path": "/v2/servers", "method": "GET", "service": "compute"}},
	})
	s.current = jsonValue(t, map[string]string{"id": id, "secret": secret, "region": "kept"})
	req := s.request()
	req.Name = "rota-" + rand.Text()
	req.Settings = rotation.Settings{"expires-in": "90d"}
	minted, err := s.r.(rotation.Minter).Mint(context.Background(), req)
	s.ok(err, "mint")
	o, err := parseObject(minted)
	s.ok(err, "minted")
	if o.text("region") != "kept" || o.text("name") != req.Name {
		t.Error("a member of the value was lost")
	}
	var answer map[string]map[string]any
	k.Send(t, "GET", "/users/"+k.UserID+"/application_credentials/"+o.text("id"), nil, &answer)
	got := answer["application_credential"]
	roles := got["roles"].([]any)
	if len(roles) != 1 || roles[0].(map[string]any)["name"] != "reader" {
		t.Errorf("%d roles, want the one of the current credential", len(roles))
	}
	if rules, _ := got["access_rules"].([]any); len(rules) != 1 {
		t.Errorf("access rules %v", got["access_rules"])
	}
	if got["description"] != "kept" || got["expires_at"] != "2027-02-21T12:00:00.000000" {
		t.Errorf("description %v, expires %v", got["description"], got["expires_at"])
	}
}

func missingCurrentIsPermanent(t *testing.T, srv server) {
	s := realStage(t, srv)
	mintFromOther(s, "c0ffeec0ffeec0ffeec0ffeec0ffee00", "does not exist")
}

func foreignCurrentIsPermanent(t *testing.T, srv server, k *testserver.Keys) {
	s := realStage(t, srv)
	foreign, _ := k.AddCredential(t, map[string]any{"name": "foreign-" + rand.Text()})
	mintFromOther(s, foreign, "another user or project")
}

// mintFromOther mints with another current credential than the admin's own.
func mintFromOther(s *stage, id, want string) {
	s.t.Helper()
	o, err := parseObject(s.current)
	s.ok(err, "current")
	o, err = o.set(map[string]any{"id": id})
	s.ok(err, "current")
	s.current, err = o.value()
	s.ok(err, "current")
	_, err = s.r.(rotation.Minter).Mint(context.Background(), s.request())
	s.fails(err, "mint", want)
	if !rotation.IsPermanent(err) {
		s.t.Errorf("%v: no retry will mend it", err)
	}
	s.listed(s.r.(rotation.Lister), 0)
}

func tagsAndNamesAreKept(t *testing.T, srv server, r *testserver.Rabbit) {
	_, admin := srv.fresh(t)
	hostile := []string{`a/b c%2F?#é"'`, "..a+b&c"}
	for i, name := range hostile {
		r.AddUser(t, name, fmt.Sprintf("first-password-%d", i), "monitoring", "ours")
	}
	s := newStage(t, embeddedProviders(t)["rabbitmq"], nil,
		map[string]string{"username": hostile[0], "password": "first-password-0", "alternateUsername": hostile[1]}, admin, nil)
	s.play("success")
	for _, name := range hostile {
		var got struct{ Tags []string }
		r.Send(t, "GET", "/users/"+url.PathEscape(name), nil, &got)
		if fmt.Sprint(got.Tags) != "[monitoring ours]" {
			t.Errorf("%s has tags %v", name, got.Tags)
		}
	}
}
