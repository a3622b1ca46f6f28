package postgres

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/password"
	"github.com/rotahq/rota/rotation"
)

const (
	app      = `{"engine":"postgres","host":"db.internal","username":"app","password":"hunter2","masterarn":"arn:admin"}`
	adminApp = `{"engine":"postgres","host":"db.internal","username":"root","password":"hunter3"}`
)

func request(strategy, current string) rotation.Request {
	return rotation.Request{
		SecretARN: "arn:child",
		Settings:  rotation.Settings{rotation.SettingStrategy: strategy},
		Current:   rota.StringValue(current),
		Rand:      chacha(1),
	}
}

// alter edits a secret's JSON: a nil value removes the member.
func alter(t *testing.T, text string, members map[string]any) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	for name, v := range members {
		if m[name] = v; v == nil {
			delete(m, name)
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestPlanNamesTheRoleAndTheServer(t *testing.T) {
	r := New(Options{})
	for name, row := range map[string]struct {
		strategy, current, provider string
		capacity                    int
	}{
		"the default port":        {rotation.SingleUser, app, "postgres://db.internal:5432", 1},
		"alternating users":       {rotation.AlternatingUsers, app, "postgres://db.internal:5432", 2},
		"a port as a number":      {rotation.SingleUser, alter(t, app, map[string]any{"port": 6543}), "postgres://db.internal:6543", 1},
		"a port as a string":      {rotation.SingleUser, alter(t, app, map[string]any{"port": "6543"}), "postgres://db.internal:6543", 1},
		"host names have no case": {rotation.SingleUser, alter(t, app, map[string]any{"host": "DB.Internal"}), "postgres://db.internal:5432", 1},
		"an IPv6 address":         {rotation.SingleUser, alter(t, app, map[string]any{"host": "::1"}), "postgres://[::1]:5432", 1},
		"Aurora":                  {rotation.SingleUser, alter(t, app, map[string]any{"engine": "aurora-postgresql"}), "postgres://db.internal:5432", 1},
		"dbname null":             {rotation.SingleUser, strings.Replace(app, "{", `{"dbname":null,`, 1), "postgres://db.internal:5432", 1},
	} {
		req := request(row.strategy, row.current)
		req.Admin.ARN = "arn:admin"
		plan, err := r.Plan(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id, err := r.Identify(req, req.Current)
		if err != nil || !id.SameCredential(plan.Identity) {
			t.Errorf("%s: Identify and Plan differ: %v", name, err)
		}
		if id.Provider != row.provider || plan.Lane != row.provider || id.Principal != "app" || id.ID != "" ||
			!id.Secret.Equal(rota.StringValue("hunter2")) || plan.Capacity != row.capacity || plan.Propagation.Successes != 1 {
			t.Errorf("%s: %+v", name, plan)
		}
	}
}

func TestPlanListsEveryProblem(t *testing.T) {
	type m = map[string]any
	pem := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(pem, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	single, both := rotation.SingleUser, rotation.AlternatingUsers
	for name, row := range map[string]struct {
		strategy string
		current  string
		admin    string // "" not readable yet, "-" none named
		settings rotation.Settings
		want     []string
	}{
		"everything is missing": {single, `{}`, "", nil, []string{
			`"engine" is missing`, `"host" is missing`, `"username" is missing`, `"password" is missing`,
		}},
		"everything is wrong": {both, alter(t, app, m{
			"engine": "mysql", "host": "a,b", "port": 70000, "username": strings.Repeat("u", 64), "password": "", "dbname": 5,
		}), "-", rotation.Settings{"password-length": "7", "tls": "maybe", "tls-ca": pem}, []string{
			`"engine" must be`, `"host" must be`, `"port" must be`, `"username" has 64 bytes`, `"password" is empty`,
			`"dbname" is not a string`, "admin secret", "password-length must be", "tls must be", "tls-ca does not name",
		}},
		"the engine is not a string":        {single, alter(t, app, m{"engine": 1}), "", nil, []string{`"engine" is not a string`}},
		"not JSON":                          {single, `hunter2`, "", nil, []string{"not a JSON object"}},
		"no strategy":                       {"", app, "", nil, []string{"strategy must be"}},
		"a host with a port":                {single, alter(t, app, m{"host": "db:1"}), "", nil, []string{`"host" must be`}},
		"a socket":                          {single, alter(t, app, m{"host": "/run"}), "", nil, []string{`"host" must be`}},
		"a user in the host":                {single, alter(t, app, m{"host": "x@db"}), "", nil, []string{`"host" must be`}},
		"port zero":                         {single, alter(t, app, m{"port": 0}), "", nil, []string{`"port" must be`}},
		"a fraction of a port":              {single, alter(t, app, m{"port": 1.5}), "", nil, []string{`"port" must be`}},
		"a port that is a list":             {single, alter(t, app, m{"port": []int{1}}), "", nil, []string{`"port" must be`}},
		"a zero byte in the user":           {single, alter(t, app, m{"username": "a\x00b"}), "", nil, []string{`"username" holds a zero byte`}},
		"no room for the suffix":            {both, alter(t, app, m{"username": strings.Repeat("u", 58)}), "", nil, []string{"Unable to clone user, username length with _clone appended would exceed 63 characters"}},
		"no room, counted in bytes":         {both, alter(t, app, m{"username": strings.Repeat("ü", 29)}), "", nil, []string{"Unable to clone user"}},
		"nothing before the suffix":         {both, alter(t, app, m{"username": "_clone"}), "", nil, []string{"no user name is left"}},
		"no admin named":                    {both, app, "-", nil, []string{"alternating users need an admin secret"}},
		"the admin is on another host":      {both, app, alter(t, adminApp, m{"host": "evil"}), nil, []string{"Current database host db.internal is not the same host as/rds replica of master evil"}},
		"the admin is on another port":      {both, app, alter(t, adminApp, m{"port": 1}), nil, []string{"Current database host db.internal:5432 is not the same host as/rds replica of master db.internal:1"}},
		"the admin is the user":             {both, app, alter(t, adminApp, m{"username": "app"}), nil, []string{"one of the two users themselves"}},
		"the admin is the partner":          {both, app, alter(t, adminApp, m{"username": "app_clone"}), nil, []string{"one of the two users themselves"}},
		"the admin has no host":             {both, app, `{"username":"root","password":"hunter3"}`, nil, []string{`admin secret arn:admin: "host" is missing`}},
		"the admin is of another engine":    {both, app, alter(t, adminApp, m{"engine": "mysql"}), nil, []string{`admin secret arn:admin: "engine" must be`}},
		"nothing is left to make passwords": {single, app, "", rotation.Settings{"exclude-characters": password.Lower + password.Upper + password.Digits + password.Punctuation}, []string{"can be guessed"}},
		"a CA file that is absent":          {single, app, "", rotation.Settings{"tls-ca": pem + "x"}, []string{"tls-ca does not name"}},
	} {
		req := request(row.strategy, row.current)
		for k, v := range row.settings {
			req.Settings[k] = v
		}
		if row.admin != "-" {
			req.Admin.ARN = "arn:admin"
			if row.admin != "" {
				req.Admin.Value = rota.StringValue(row.admin)
			}
		}
		_, err := New(Options{}).Plan(req)
		if err == nil {
			t.Errorf("%s: planned", name)
			continue
		}
		// Of which secret and rotator it is, the caller says.
		if !rotation.IsPermanent(err) || strings.Contains(err.Error(), "arn:child") || strings.Contains(err.Error(), "postgres:") ||
			strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range row.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %q in: %v", name, w, err)
			}
		}
		if n := strings.Count(err.Error(), ";") + 1; n != len(row.want) {
			t.Errorf("%s: %d problems, want %d: %v", name, n, len(row.want), err)
		}
	}
}

func TestChooseTogglesTheUserOnlyForAlternatingUsers(t *testing.T) {
	r := New(Options{})
	for name, row := range map[string]struct{ strategy, user, want string }{
		"single":                 {rotation.SingleUser, "app", "app"},
		"single clone":           {rotation.SingleUser, "app_clone", "app_clone"},
		"alternating, forth":     {rotation.AlternatingUsers, "app", "app_clone"},
		"alternating, back":      {rotation.AlternatingUsers, "app_clone", "app"},
		"longest name":           {rotation.AlternatingUsers, strings.Repeat("u", 57), strings.Repeat("u", 57) + "_clone"},
		"longest name, back":     {rotation.AlternatingUsers, strings.Repeat("u", 57) + "_clone", strings.Repeat("u", 57)},
		"hostile name":           {rotation.AlternatingUsers, `a"b'; DROP ROLE x; --\`, `a"b'; DROP ROLE x; --\_clone`},
		"name in another script": {rotation.AlternatingUsers, "用户", "用户_clone"},
	} {
		current := alter(t, app, map[string]any{"username": row.user, "extra": map[string]any{"n": 1}})
		req := request(row.strategy, current)
		v, err := r.Choose(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		l, _, err := parseLogin(v, true)
		if err != nil || l.user != row.want || len(l.password.Reveal()) != 32 || l.password.Equal(rota.StringValue("hunter2")) {
			t.Errorf("%s: %q, %v", name, l.user, err)
		}
		back := alter(t, string(v.Reveal()), map[string]any{"username": row.user, "password": "hunter2"})
		if back != current {
			t.Errorf("%s: other fields changed: %s", name, back)
		}
	}
}

func TestChooseFollowsTheSettings(t *testing.T) {
	req := request(rotation.SingleUser, app)
	req.Settings["password-length"] = "60"
	req.Settings["exclude-characters"] = password.Punctuation
	v, err := New(Options{}).Choose(req)
	if err != nil {
		t.Fatal(err)
	}
	l, _, _ := parseLogin(v, true)
	if p := string(l.password.Reveal()); len(p) != 60 || strings.ContainsAny(p, password.Punctuation) {
		t.Errorf("%q", p)
	}
}

func TestChooseRefusesWhatPlanRefuses(t *testing.T) {
	for name, req := range map[string]rotation.Request{
		"no value": request(rotation.SingleUser, ``),
		"too long": request(rotation.AlternatingUsers, alter(t, app, map[string]any{"username": strings.Repeat("u", 58)})),
		"settings": request("", app),
	} {
		if _, err := New(Options{}).Choose(req); !rotation.IsPermanent(err) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSpoilChangesThePasswordAndNothingElse(t *testing.T) {
	r := New(Options{})
	for _, strategy := range []string{rotation.SingleUser, rotation.AlternatingUsers} {
		req := request(strategy, app)
		chosen, err := r.Choose(req)
		if err != nil {
			t.Fatal(err)
		}
		// The same randomness once more must not give the same password.
		req.Rand = chacha(1)
		spoiled, err := r.Spoil(req, chosen)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := r.Identify(req, chosen)
		b, _ := r.Identify(req, spoiled)
		if !a.SamePrincipal(b) || a.Secret.Equal(b.Secret) || a.Secret.Len() != b.Secret.Len() {
			t.Errorf("%s: %v", strategy, b)
		}
	}
}

func TestTLSModeFollowsTheFieldUnlessASettingSaysOtherwise(t *testing.T) {
	for name, row := range map[string]struct {
		ssl     any
		setting string
		want    tlsMode
	}{
		"absent":                   {nil, "", tlsPrefer},
		"true":                     {true, "", tlsVerifyFull},
		"false":                    {false, "", tlsDisable},
		"the string True":          {"True", "", tlsVerifyFull},
		"the string FALSE":         {"FALSE", "", tlsDisable},
		"another string":           {"yes", "", tlsPrefer},
		"a number":                 {1, "", tlsPrefer},
		"an object":                {map[string]any{"true": true}, "", tlsPrefer},
		"the setting over true":    {true, "disable", tlsDisable},
		"the setting over false":   {false, "verify-full", tlsVerifyFull},
		"the setting over nothing": {nil, "require", tlsRequire},
	} {
		l, _, err := parseLogin(rota.StringValue(alter(t, app, map[string]any{"ssl": row.ssl})), true)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := (settings{tls: row.setting}).tlsFor(l); got != row.want {
			t.Errorf("%s: %s", name, tlsModes[got])
		}
	}
}

func TestASecretCannotLowerTheProtectionOfTheAdmin(t *testing.T) {
	for name, row := range map[string]struct {
		admin, child ssl
		setting      string
		want         tlsMode
	}{
		"the child says no":              {sslYes, sslNo, "", tlsVerifyFull},
		"the setting says no":            {sslYes, sslNo, "disable", tlsVerifyFull},
		"nobody says anything":           {sslUnsaid, sslUnsaid, "", tlsPrefer},
		"the admin says nothing":         {sslUnsaid, sslNo, "disable", tlsPrefer},
		"both say no":                    {sslNo, sslNo, "", tlsDisable},
		"the child asks for more":        {sslNo, sslYes, "", tlsVerifyFull},
		"the setting asks for verify-ca": {sslUnsaid, sslUnsaid, "verify-ca", tlsVerifyCA},
	} {
		got := settings{tls: row.setting}.tlsForAdmin(login{ssl: row.admin}, login{ssl: row.child})
		if got != row.want {
			t.Errorf("%s: %s", name, tlsModes[got])
		}
	}
}
