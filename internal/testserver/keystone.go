package testserver

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // Keystone's own database
)

// Keys is an OpenStack Keystone.
type Keys struct {
	URL       string // with /v3
	UserID    string // the administrator
	Password  string
	ProjectID string

	token string
}

const keystonePassword = "bootstrap-password"

// Keystone starts Debian's keystone on SQLite.
func Keystone(t testing.TB) *Keys {
	t.Helper()
	manage := look(t, "/usr/bin/keystone-manage")
	serve := look(t, "/usr/bin/keystone-wsgi-public")
	dir, p := folder(t, nil), port(freePorts(t, 1)[0])
	k := &Keys{URL: "http://127.0.0.1:" + p + "/v3", Password: keystonePassword}
	conf := filepath.Join(dir, "keystone.conf")
	text := fmt.Sprintf("[DEFAULT]\nlog_file = %[1]s/log\n[database]\nconnection = sqlite:///%[1]s/db\n"+
		"[fernet_tokens]\nkey_repository = %[1]s/fernet\n[credential]\nkey_repository = %[1]s/credential\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"fernet", "credential"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"db_sync"},
		{"fernet_setup", "--keystone-user", me.Username, "--keystone-group", group.Name},
		{"credential_setup", "--keystone-user", me.Username, "--keystone-group", group.Name},
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
	proc := start(t, append(os.Environ(), "OS_KEYSTONE_CONFIG_FILES="+conf), nil, serve, "-p", p, "-b", "127.0.0.1")
	proc.await(t, "Keystone", func() error {
		req, err := http.NewRequest(http.MethodGet, k.URL, nil)
		if err != nil {
			return err
		}
		return expect(req, http.StatusOK)
	})
	k.logIn(t)
	return k
}

// logIn fetches the administrator's token and ids.
func (k *Keys) logIn(t testing.TB) {
	t.Helper()
	domain := map[string]any{"id": "default"}
	header, body := k.Send(t, "POST", "/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": "admin", "domain": domain, "password": k.Password},
		}},
		"scope": map[string]any{"project": map[string]any{"name": "admin", "domain": domain}},
	}}, http.StatusCreated)
	k.token = header.Get("X-Subject-Token")
	var answer struct {
		Token struct {
			User, Project struct{ ID string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	k.UserID, k.ProjectID = answer.Token.User.ID, answer.Token.Project.ID
}

// AddCredential makes an application credential of the administrator.
func (k *Keys) AddCredential(t testing.TB, name string) (id, secret string) {
	t.Helper()
	_, body := k.Send(t, "POST", "/users/"+k.UserID+"/application_credentials",
		map[string]any{"application_credential": map[string]any{"name": name}}, http.StatusCreated)
	var answer struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Credential.ID, answer.Credential.Secret
}

// TryCredential returns the status of a login with an application credential:
// 201 while it lives, 404 once it is gone.
func (k *Keys) TryCredential(t testing.TB, id, secret string) int {
	t.Helper()
	b, err := json.Marshal(map[string]any{"auth": map[string]any{"identity": map[string]any{
		"methods": []string{"application_credential"}, "application_credential": map[string]any{"id": id, "secret": secret},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(k.URL+"/auth/tokens", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Send makes a request as the administrator.
func (k *Keys) Send(t testing.TB, method, path string, body any, want int) (http.Header, []byte) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, k.URL+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if k.token != "" {
		req.Header.Set("X-Auth-Token", k.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		t.Fatalf("%s %s: %s, want %d", method, path, res.Status, want)
	}
	return res.Header, answer
}
