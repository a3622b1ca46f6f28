package testserver

import (
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // Keystone's own database
)

// Keys is an OpenStack Keystone as one of its users sees it.
type Keys struct {
	URL       string // with /v3
	UserID    string
	Password  string
	ProjectID string

	token string
}

const keystonePassword = "bootstrap-password"

// Keystone starts Debian's keystone on SQLite, seen by its administrator.
func Keystone(t testing.TB) *Keys {
	t.Helper()
	manage := look(t, "/usr/bin/keystone-manage")
	serve := look(t, "/usr/bin/keystone-wsgi-public")
	dir, p := folder(t, nil), port(freePorts(t, 1)[0])
	k := &Keys{URL: "http://127.0.0.1:" + p + "/v3", Password: keystonePassword}
	conf := filepath.Join(dir, "keystone.conf")
	write(t, nil, conf, fmt.Appendf(nil, "[DEFAULT]\nlog_file = %[1]s/log\n[database]\nconnection = sqlite:///%[1]s/db\n"+
		"[identity]\npassword_hash_rounds = 4\n[fernet_tokens]\nkey_repository = %[1]s/fernet\n[fernet_receipts]\nkey_repository = %[1]s/fernet\n[credential]\nkey_repository = %[1]s/credential\n", dir))
	// What fernet_setup and credential_setup would write, each after seconds of
	// loading Python: the next key is named 0, the one in use has the highest
	// number.
	for _, sub := range []string{"fernet", "credential"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"0", "1"} {
			key := make([]byte, 32)
			_, _ = rand.Read(key) // never fails
			write(t, nil, filepath.Join(dir, sub, name), []byte(base64.URLEncoding.EncodeToString(key)))
		}
	}
	for _, args := range [][]string{
		{"db_sync"},
		{"bootstrap", "--bootstrap-password", keystonePassword, "--bootstrap-public-url", k.URL, "--bootstrap-region-id", "test"},
	} {
		if out, err := exec.Command(manage, append([]string{"--config-file", conf}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("keystone-manage %s: %v\n%s", args[0], err, out)
		}
	}
	// Without the write-ahead log a reader that Keystone left open locks every
	// writer out, answered as 500.
	db, err := sql.Open("sqlite", filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA journal_mode=WAL"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	proc := start(t, command{log: filepath.Join(dir, "said"), env: append(os.Environ(), "OS_KEYSTONE_CONFIG_FILES="+conf)}, serve, "-p", p, "-b", "127.0.0.1")
	await(t, "Keystone", proc, func() error {
		req, err := http.NewRequest(http.MethodGet, k.URL, nil)
		if err != nil {
			return err
		}
		return answers(req)
	})
	domain := map[string]any{"id": "default"}
	k.logIn(t, map[string]any{"name": "admin", "domain": domain, "password": k.Password}, map[string]any{"name": "admin", "domain": domain})
	return k
}

// AddUser makes an ordinary user, a member and reader of the same project,
// and returns the server as that one sees it.
func (k *Keys) AddUser(t testing.TB, password string) *Keys {
	t.Helper()
	var made struct{ User struct{ ID string } }
	k.Send(t, "POST", "/users", map[string]any{"user": map[string]any{"name": "user-" + rand.Text(), "password": password}}, &made)
	var all struct{ Roles []struct{ ID, Name string } }
	k.Send(t, "GET", "/roles", nil, &all)
	for _, role := range all.Roles {
		if role.Name == "member" || role.Name == "reader" {
			k.Send(t, "PUT", "/projects/"+k.ProjectID+"/users/"+made.User.ID+"/roles/"+role.ID, nil, nil)
		}
	}
	user := &Keys{URL: k.URL, Password: password}
	user.logIn(t, map[string]any{"id": made.User.ID, "password": password}, map[string]any{"id": k.ProjectID})
	return user
}

// logIn fetches the user's token and ids.
func (k *Keys) logIn(t testing.TB, user, project map[string]any) {
	t.Helper()
	var answer struct {
		Token struct {
			User, Project struct{ ID string }
		}
	}
	header := k.Send(t, "POST", "/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": user}},
		"scope":    map[string]any{"project": project},
	}}, &answer)
	k.token = header.Get("X-Subject-Token")
	k.UserID, k.ProjectID = answer.Token.User.ID, answer.Token.Project.ID
}

// AddCredential makes an application credential of the user with the given
// members, of which the name is required. Keystone makes up the secret unless
// it is given.
func (k *Keys) AddCredential(t testing.TB, members map[string]any) (id, secret string) {
	t.Helper()
	var answer struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	k.Send(t, "POST", "/users/"+k.UserID+"/application_credentials", map[string]any{"application_credential": members}, &answer)
	return answer.Credential.ID, answer.Credential.Secret
}

// TryCredential returns the status of a login with an application credential:
// 201 while it lives, 404 once it is gone.
func (k *Keys) TryCredential(t testing.TB, id, secret string) int {
	t.Helper()
	res, err := http.DefaultClient.Do(request(t, "POST", k.URL+"/auth/tokens", map[string]any{"auth": map[string]any{"identity": map[string]any{
		"methods": []string{"application_credential"}, "application_credential": map[string]any{"id": id, "secret": secret},
	}}}))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Send makes a request below /v3 as the user, fails unless it succeeds, and
// reads the answer into the pointer out. A nil body is none; a nil out reads
// nothing.
func (k *Keys) Send(t testing.TB, method, path string, body, out any) http.Header {
	t.Helper()
	req := request(t, method, k.URL+path, body)
	if k.token != "" {
		req.Header.Set("X-Auth-Token", k.token)
	}
	return send(t, req, out)
}
