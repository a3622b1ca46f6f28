package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/password"
	"github.com/rotahq/rota/rotation"
)

func TestARotatorHasExactlyTheInterfacesOfItsKind(t *testing.T) {
	tests := map[string]struct{ mints, chooses, lists bool }{
		"keystone": {mints: true, lists: true},
		"rabbitmq": {chooses: true},
		"assigned": {chooses: true, lists: true},
	}
	providers := embeddedProviders(t)
	providers["assigned"] = assignedProvider(t)
	for name, want := range tests {
		r := providers[name].Rotator(Options{})
		_, mints := r.(rotation.Minter)
		_, chooses := r.(rotation.Chooser)
		_, lists := r.(rotation.Lister)
		if mints != want.mints || chooses != want.chooses || lists != want.lists {
			t.Errorf("%s: mints %v, chooses %v, lists %v; want %+v", name, mints, chooses, lists, want)
		}
	}
}

func TestAPlanListsEveryProblem(t *testing.T) {
	s := playedProvider(t, "rabbitmq", nil, nil)
	req := s.request()
	req.Settings = rotation.Settings{rotation.SettingStrategy: rotation.SingleUser}
	req.Current = rota.StringValue(`{"username":"a","password":["` + canary + `"]}`)
	req.Admin.Value = rota.StringValue(`{"username":"root"}`)
	_, err := s.r.Plan(req)
	for _, want := range []string{
		"strategy single-user is not possible", "lacks alternateUsername", "something other than a text in password",
		adminARN + " lacks managementUrl, password",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
	if !rotation.IsPermanent(err) {
		t.Error("no retry mends a plan")
	}
	cleanError(t, err)
}

func TestAPlanRefusesWhatCannotBeRotated(t *testing.T) {
	tests := []struct {
		rule, provider string
		edit           func(current, admin map[string]string)
		request        func(*rotation.Request)
		want           string
	}{
		{"no admin secret is named", "keystone", nil, func(r *rotation.Request) { r.Admin = rotation.Admin{} }, "tag rota:admin"},
		{"the value is not JSON", "keystone", nil, func(r *rotation.Request) { r.Current = rota.StringValue(canary) }, "is not a JSON object"},
		{"the value is binary", "keystone", nil, func(r *rotation.Request) { r.Current = rota.BinaryValue([]byte(`{}`)) }, "is not a JSON object in SecretString"},
		{"the value is not UTF-8", "keystone", nil, func(r *rotation.Request) { r.Current = rota.StringValue("{\"id\":\"\xff\"}") }, "is not UTF-8"},
		{"there is no value", "keystone", nil, func(r *rotation.Request) { r.Current = rota.Value{} }, "is not a JSON object"},
		{"a required field is empty", "keystone", func(c, _ map[string]string) { c["secret"] = "" }, nil, "lacks secret"},
		{"the address is another one than the admin's", "keystone", func(c, _ map[string]string) { c["authUrl"] = "https://evil.example.net/v3" }, nil, "authUrl of the secret's value is not the address"},
		{"a setting is no duration", "keystone", nil, func(r *rotation.Request) { r.Settings = rotation.Settings{"expires-in": "soon"} }, "setting expires-in"},
		{"one user is named twice", "rabbitmq", func(c, _ map[string]string) { c["alternateUsername"] = "app-a" }, nil, "names one user twice"},
		{"the admin's own user would be overwritten", "rabbitmq", func(c, _ map[string]string) { c["alternateUsername"] = "root" }, nil, "admin secret's own principal"},
		{"the admin's own user is current", "rabbitmq", func(c, _ map[string]string) { c["username"] = "root" }, nil, "admin secret's own principal"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := playedProvider(t, tt.provider, nil, tt.edit)
			req := s.request()
			if tt.request != nil {
				tt.request(&req)
			}
			_, err := s.r.Plan(req)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !rotation.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			cleanError(t, err)
		})
	}
}

func TestAPlanSaysWhoAndWhere(t *testing.T) {
	tests := []struct {
		provider string
		edit     func(current, admin map[string]string)
		want     rotation.Identity
		lane     string
		capacity int
	}{
		{
			"keystone", nil,
			rotation.Identity{Provider: "https://keystone.example.com:5000/v3 u1", Principal: "c0ffee", ID: "c0ffee"},
			"keystone.example.com:5000 u1", 0,
		},
		{
			"keystone", func(c, a map[string]string) {
				a["authUrl"] = "https://Keystone.example.com/identity/v3/"
				c["authUrl"] = "https://keystone.example.com:443/identity"
			},
			rotation.Identity{Provider: "https://keystone.example.com:443/identity/v3 u1", Principal: "c0ffee", ID: "c0ffee"},
			"keystone.example.com:443 u1", 0,
		},
		{
			"rabbitmq", nil,
			rotation.Identity{Provider: "https://rabbit.example.com:15671", Principal: "app-a"},
			"rabbit.example.com:15671", 2,
		},
	}
	for _, tt := range tests {
		s := playedProvider(t, tt.provider, nil, tt.edit)
		plan, err := s.r.Plan(s.request())
		if err != nil {
			t.Errorf("%s: %v", tt.provider, err)
			continue
		}
		got := plan.Identity
		if string(got.Secret.Reveal()) != canary+"current" {
			t.Errorf("%s: not the secret part", tt.provider)
		}
		if got.Secret = (rota.Value{}); got.Provider != tt.want.Provider || got.Principal != tt.want.Principal || got.ID != tt.want.ID {
			t.Errorf("%s: got %+v, want %+v", tt.provider, got, tt.want)
		}
		if plan.Lane != tt.lane || plan.Capacity != tt.capacity || plan.Propagation.Successes < 1 || plan.Propagation.Within <= 0 {
			t.Errorf("%s: %+v", tt.provider, plan)
		}
	}
}

func TestAPlanNeedsNoAdminValue(t *testing.T) {
	s := playedProvider(t, "keystone", nil, nil)
	req := s.request()
	req.Admin.Value = rota.Value{}
	plan, err := s.r.Plan(req)
	if err != nil || plan.Identity.Provider != "" || !strings.Contains(plan.Lane, adminARN) {
		t.Errorf("%+v, %v", plan, err)
	}
	if _, err := s.r.Identify(req, req.Current); err == nil || rotation.IsPermanent(err) {
		t.Errorf("%v; want an error that may pass", err)
	}
}

func TestTheChosenValueAlternatesAndKeepsTheRest(t *testing.T) {
	s := playedProvider(t, "rabbitmq", nil, func(c, _ map[string]string) { c["host"] = "amqp.example.com" })
	o, err := parseObject(s.current)
	s.ok(err, "current")
	o["port"] = json.RawMessage(`5671.0`)
	s.current, err = o.value()
	s.ok(err, "current")
	req := s.request()
	req.Rand = rand.Reader
	chooser := s.r.(rotation.Chooser)
	first, err := chooser.Choose(req)
	s.ok(err, "choose")
	second, err := chooser.Choose(req)
	s.ok(err, "choose")
	if first.Equal(second) {
		t.Error("two choices are equal")
	}
	got, err := parseObject(first)
	s.ok(err, "chosen")
	if got.text("username") != "app-b" || got.text("alternateUsername") != "app-a" || got.text("host") != "amqp.example.com" || string(got["port"]) != "5671.0" {
		t.Errorf("username %s, alternate %s, port %s", got.text("username"), got.text("alternateUsername"), got["port"])
	}
	chosen := got.text("password")
	for _, class := range []string{"lower", "upper", "digit"} {
		if len(chosen) != 40 || !strings.ContainsAny(chosen, classes[class]) {
			t.Errorf("a password of %d characters, %s or not", len(chosen), class)
		}
	}
}

func TestRandomnessThatEndsIsAnError(t *testing.T) {
	s := playedProvider(t, "rabbitmq", nil, nil)
	for name, row := range map[string]struct {
		rand io.Reader
		want string
	}{
		"none":       {nil, "rabbitmq choose: the request carries no randomness"},
		"too little": {bytes.NewReader([]byte{1, 2}), "rabbitmq choose: randomness: unexpected EOF"},
		"stuck":      {stuck{}, "rabbitmq choose: randomness: a thousand draws without a character of every class"},
	} {
		req := s.request()
		req.Rand = row.rand
		if _, err := s.r.(rotation.Chooser).Choose(req); err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

type stuck struct{}

func (stuck) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

func TestEveryClassIsInEveryGeneratedValue(t *testing.T) {
	rule := password.Rule{Length: 3, Classes: []string{classes["lower"], classes["upper"], classes["digit"]}}
	for range 100 {
		s, err := generate(rule, rand.Reader)
		if err != nil || len(s) != 3 {
			t.Fatalf("%d characters, %v", len(s), err)
		}
		for _, class := range rule.Classes {
			if !strings.ContainsAny(s, class) {
				t.Fatalf("%q has none of %q", s, class)
			}
		}
	}
}

func TestASpoiledSecretIsAnotherOfTheSameShape(t *testing.T) {
	for _, secret := range []string{"KtJM0jxcSvLKXxKAgWbmsXhk_2-JwY0", "short", "--------------------------------", "äöü", "a"} {
		s := playedProvider(t, "rabbitmq", nil, func(c, _ map[string]string) { c["password"] = secret })
		req := s.request()
		req.Rand = rand.Reader
		v, err := s.r.Spoil(req, s.current)
		s.ok(err, "spoil")
		o, err := parseObject(v)
		s.ok(err, "spoiled")
		got := o.text("password")
		if got == secret || len(got) < 12 || o.text("username") != "app-a" {
			t.Errorf("%q became %q", secret, got)
		}
		if len(secret) == 31 && (len(got) != 31 || got[24] != '_' || got[26] != '-') {
			t.Errorf("%q lost its shape: %q", secret, got)
		}
	}
}

func TestSetRefusesWhatDoesNotFollowFromTheCurrentValue(t *testing.T) {
	tests := []struct {
		rule    string
		current string
		pending string
		want    string
	}{
		{"another user", "", `{"username":"victim","password":"p","alternateUsername":"app-a"}`, "username of the pending value does not follow"},
		{"the current user", "", `{"username":"app-a","password":"p","alternateUsername":"app-b"}`, "does not follow"},
		{"another alternate", "", `{"username":"app-b","password":"p","alternateUsername":"victim"}`, "alternateUsername of the pending value does not follow"},
		{"the admin's user", `{"username":"app-a","password":"p","alternateUsername":"root"}`, `{"username":"root","password":"p","alternateUsername":"app-a"}`, "admin secret's own principal"},
		{"one user twice", `{"username":"app-a","password":"p","alternateUsername":"app-a"}`, `{"username":"app-a","password":"q","alternateUsername":"app-a"}`, "lock out"},
		{"another address", "", `{"username":"app-b","password":"p","alternateUsername":"app-a","managementUrl":"https://evil.example.net"}`, "is not the address"},
		{"half a value", "", `{"username":"app-b","alternateUsername":"app-a"}`, "lacks password"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := playedProvider(t, "rabbitmq", untouched(t), nil)
			req := s.request()
			if tt.current != "" {
				req.Current = rota.StringValue(tt.current)
			}
			req.Pending = rota.StringValue(tt.pending)
			err := s.r.(rotation.Chooser).Set(context.Background(), req)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !rotation.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	s := playedProvider(t, "rabbitmq", untouched(t), nil)
	req := s.request()
	req.Pending, req.Current = req.Current, rota.Value{}
	if err := s.r.(rotation.Chooser).Set(context.Background(), req); !rotation.IsPermanent(err) {
		t.Errorf("set without a current value: %v", err)
	}
}

func TestEndNeverOverwritesWhatLives(t *testing.T) {
	s := playedProvider(t, "rabbitmq", untouched(t), nil)
	end := s.r.(rotation.Chooser).End
	for rule, old := range map[string]string{
		"the current user under an older password": `{"username":"app-a","password":"older","alternateUsername":"app-b"}`,
		"the admin's own user":                     `{"username":"root","password":"older","alternateUsername":"app-b"}`,
	} {
		if err := end(context.Background(), s.request(), rota.StringValue(old)); !rotation.IsPermanent(err) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// untouched fails when the provider is called.
func untouched(t *testing.T) http.RoundTripper {
	return answerer(func(r *http.Request) (*http.Response, error) {
		t.Errorf("the provider was called: %s %s", r.Method, r.URL.Path)
		return nil, errors.New("called")
	})
}

func TestPlanIdentifyChooseAndSpoilCallNoProvider(t *testing.T) {
	for _, name := range []string{"rabbitmq", "keystone"} {
		s := playedProvider(t, name, untouched(t), nil)
		req := s.request()
		_, err := s.r.Plan(req)
		s.ok(err, "plan")
		s.identify(req.Current)
		_, err = s.r.Spoil(req, req.Current)
		s.ok(err, "spoil")
		if c, ok := s.r.(rotation.Chooser); ok {
			_, err = c.Choose(req)
			s.ok(err, "choose")
		}
	}
}

// assigned is a provider of the third kind, which no embedded file has yet.
const assigned = `
name: assigned
title: Keys with an id of the server
docs: https://keys.example.com/docs
kind: assign
semantics: Many keys may live at once.
dead: HTTP 401
capacity: many
propagation: {successes: 1, interval: 1s, within: 10s}
value:
  key: {required: true, secret: true, help: the key}
  label: {required: true, help: its label}
admin:
  url: {required: true, help: the address}
  token: {required: true, secret: true, help: the token}
address: {base: "{{admin.url}}"}
identity: {principal: "{{this.label}}", secret: key}
auth:
  admin: {bearer: "{{admin.token}}"}
  this: {headers: {X-Key: "Key {{this.key}}"}}
generate: {length: 48, classes: [lower, digit, symbol], exclude: "!#$"}
next: {key: "{{generated}}", label: "{{name}}"}
found: {items: data.keys, name: label, id: id}
test:
  request: GET /me
  auth: this
  answers:
    - {status: 204, means: accepted}
    - {status: 401, means: dead}
proof: {request: GET /keys, auth: admin, answers: {status: 200, means: accepted}}
set:
  request: POST /keys
  auth: admin
  form: {label: "{{name}}", key: "{{pending.key}}"}
  answers:
    - {status: 201, means: accepted}
    - {status: 409, means: duplicate}
end:
  request: DELETE /labels/{{old.label}}
  auth: admin
  answers: {status: [204, 404], means: accepted}
list: {request: GET /keys, auth: admin, query: {label: "{{name}}"}, answers: {status: 200, means: accepted}}
revoke:
  request: DELETE /keys/{{id}}
  auth: admin
  answers:
    - {status: 204, means: accepted}
    - {status: 404, means: gone}
`

func assignedProvider(t *testing.T) *Provider {
	t.Helper()
	all, err := Load(fstest.MapFS{"assigned.yaml": {Data: []byte(assigned)}})
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func TestAProviderThatAssignsIdsIsSetListedAndEnded(t *testing.T) {
	var mu sync.Mutex
	keys := map[string][2]string{} // id → label, key
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		admin := r.Header.Get("Authorization") == "Bearer "+canary+"admin"
		switch {
		case r.URL.Path == "/me":
			for _, k := range keys {
				if r.Header.Get("X-Key") == "Key "+k[1] {
					w.WriteHeader(204)
					return
				}
			}
			w.WriteHeader(401)
		case !admin:
			w.WriteHeader(401)
		case r.Method == "POST":
			for _, k := range keys {
				if k[0] == r.PostFormValue("label") {
					w.WriteHeader(409)
					return
				}
			}
			keys["17"] = [2]string{r.PostFormValue("label"), r.PostFormValue("key")}
			w.WriteHeader(201)
		case r.Method == "GET":
			var list []any
			for id, k := range keys {
				if l := r.URL.Query().Get("label"); l == "" || l == k[0] {
					list = append(list, map[string]any{"id": json.Number(id), "label": k[0]})
				}
			}
			b, _ := json.Marshal(map[string]any{"data": map[string]any{"keys": append([]any{}, list...)}})
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(b)
		case r.Method == "DELETE":
			id := strings.TrimPrefix(r.URL.Path, "/keys/")
			if _, ok := keys[id]; !ok {
				w.WriteHeader(404)
				return
			}
			delete(keys, id)
			w.WriteHeader(204)
		}
	}))
	defer srv.Close()
	p := assignedProvider(t)
	s := newStage(t, p, nil, map[string]string{"key": canary + "first-key", "label": "first"},
		map[string]string{"url": srv.URL, "token": canary + "admin"}, nil)
	r := s.r.(interface {
		rotation.Chooser
		rotation.Lister
	})
	ctx, req := context.Background(), s.request()
	var err error
	req.Pending, err = r.Choose(req)
	s.ok(err, "choose")
	s.try(req.Pending, rotation.ErrDead, "the chosen key before it is set")
	s.ok(r.Set(ctx, req), "set")
	s.fails(r.Set(ctx, req), "set again", "exists already")
	s.try(req.Pending, nil, "the new key")
	found := s.listed(r, 1)
	if found[0].ID != "17" {
		t.Errorf("id %s", found[0].ID)
	}
	s.ok(r.Revoke(ctx, req, found[0].ID), "revoke")
	s.ok(r.Revoke(ctx, req, found[0].ID), "revoke again")
	s.try(req.Pending, rotation.ErrDead, "the revoked key")
	s.ok(r.End(ctx, req, s.current), "end")
}

func TestDurationsOfSettings(t *testing.T) {
	for s, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "36h": 36 * time.Hour, "1h30m": 90 * time.Minute} {
		if d, err := parseDuration(s); err != nil || d != want {
			t.Errorf("%s: %v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "0", "0d", "-1h", "-3d", "soon", "99999999999d", "1.5d", "d"} {
		if d, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}
