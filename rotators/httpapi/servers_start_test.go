//go:build servers

package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// startRabbitMQ starts Debian's rabbitmq-server (3.10) on free ports of this
// machine, in a folder of its own, and returns the address of its management
// API. Its first administrator is guest.
func startRabbitMQ(t *testing.T) string {
	t.Helper()
	dir, ports := t.TempDir(), freePorts(t, 4)
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	base := "http://127.0.0.1:" + ports[1]
	epmd := append(os.Environ(), "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+ports[3])
	// epmd makes itself a daemon of its own; it is asked to end, by
	// its port and after the server (cleanups run last first).
	t.Cleanup(func() {
		cmd := exec.Command("epmd", "-port", ports[3], "-kill")
		cmd.Env = epmd
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("epmd did not end: %v: %s", err, out)
		}
	})
	start(t, append(epmd,
		"HOME="+dir, "RABBITMQ_NODENAME=t"+ports[0]+"@localhost", "RABBITMQ_DIST_PORT="+ports[2],
		"RABBITMQ_CONFIG_FILE="+write("rabbit.conf", "listeners.tcp.1 = 127.0.0.1:"+ports[0]+
			"\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = "+ports[1]+"\n"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+write("plugins", "[rabbitmq_management].\n"),
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	), "/usr/lib/rabbitmq/bin/rabbitmq-server")
	await(t, func() bool {
		req, err := http.NewRequest(http.MethodGet, base+"/api/whoami", nil)
		if err != nil {
			return false
		}
		req.SetBasicAuth(rabbitAdmin, "guest")
		return answers(req)
	})
	return base
}

// startKeystone starts Debian's keystone (22) with SQLite on a free port of
// this machine and returns its address, without /v3.
func startKeystone(t *testing.T) string {
	t.Helper()
	dir, port := t.TempDir(), freePorts(t, 1)[0]
	base := "http://127.0.0.1:" + port
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
		{"bootstrap", "--bootstrap-password", keystonePassword, "--bootstrap-public-url", base + "/v3", "--bootstrap-region-id", "test"},
	} {
		if out, err := exec.Command("keystone-manage", append([]string{"--config-file", conf}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("keystone-manage %s (apt-get install python3-keystone): %v\n%s", args[0], err, out)
		}
	}
	// Without the write-ahead log, a reader that Keystone left open locks
	// every writer out ("database is locked", answered as 500).
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
	start(t, append(os.Environ(), "OS_KEYSTONE_CONFIG_FILES="+conf), "keystone-wsgi-public", "-p", port, "-b", "127.0.0.1")
	await(t, func() bool {
		req, err := http.NewRequest(http.MethodGet, base+"/v3", nil)
		return err == nil && answers(req)
	})
	return base
}

// start runs a server in a process group of its own, which ends with the
// test.
func start(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (apt-get install rabbitmq-server python3-keystone): %v", name, err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out.String())
		}
	})
}

func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports
}

func answers(req *http.Request) bool {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func await(t *testing.T, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the server is not ready after a minute")
		}
	}
}

const rabbitAdmin = "guest"

func rabbitServer(t *testing.T) server {
	base := startRabbitMQ(t)
	return server{provider: "rabbitmq", name: "RabbitMQ 3.10.8", address: base, fresh: func(t *testing.T) (map[string]string, map[string]string) {
		rabbitUser(t, base, "rota-admin", "hidden-admin-password", []string{"administrator"})
		rabbitUser(t, base, "app-a", "hidden-first-password", []string{"management"})
		rabbitUser(t, base, "app-b", "nobody-knows", nil)
		return map[string]string{"username": "app-a", "password": "hidden-first-password", "alternateUsername": "app-b"},
			map[string]string{"managementUrl": base, "username": "rota-admin", "password": "hidden-admin-password"}
	}}
}

func rabbitUser(t *testing.T, base, name, password string, tags []string) {
	t.Helper()
	if tags == nil {
		tags = []string{}
	}
	rabbit(t, base, "PUT", "users/"+url.PathEscape(name), map[string]any{"password": password, "tags": tags})
}

func rabbit(t *testing.T, base, method, path string, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, base+"/api/"+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(rabbitAdmin, "guest")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, err)
	}
	return out
}

// keystone is the test's own way to the server, past the code under test.
type keystone struct {
	t                          *testing.T
	base, user, project, token string
}

const keystonePassword = "bootstrap-password"

func keystoneClient(t *testing.T, address string) *keystone {
	t.Helper()
	k := &keystone{t: t, base: address + "/v3"}
	domain := map[string]any{"id": "default"}
	header, body := k.send("POST", "/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": "admin", "domain": domain, "password": keystonePassword},
		}},
		"scope": map[string]any{"project": map[string]any{"name": "admin", "domain": domain}},
	}})
	k.token = header.Get("X-Subject-Token")
	token := body["token"].(map[string]any)
	k.user = token["user"].(map[string]any)["id"].(string)
	k.project = token["project"].(map[string]any)["id"].(string)
	return k
}

func (k *keystone) send(method, path string, body any) (http.Header, map[string]any) {
	k.t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			k.t.Fatal(err)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, k.base+path, content)
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Auth-Token", k.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode >= 300 {
		k.t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, err)
	}
	return resp.Header, out
}

func (k *keystone) get(path string) map[string]any {
	_, body := k.send("GET", path, nil)
	return body
}

func (k *keystone) credential(c map[string]any) map[string]any {
	_, body := k.send("POST", "/users/"+k.user+"/application_credentials", map[string]any{"application_credential": c})
	return body["application_credential"].(map[string]any)
}

// owner makes a user of its own with two roles on the admin's project, and a
// credential whose secret is the placeholder that recordings show.
func (k *keystone) owner(t *testing.T) (current, admin map[string]string) {
	t.Helper()
	const password = "hidden-owner-password"
	_, body := k.send("POST", "/users", map[string]any{"user": map[string]any{
		"name": "owner-" + rand.Text(), "password": password,
	}})
	user := body["user"].(map[string]any)["id"].(string)
	for _, r := range k.get("/roles")["roles"].([]any) {
		if role := r.(map[string]any); role["name"] == "member" || role["name"] == "reader" {
			k.send("PUT", "/projects/"+k.project+"/users/"+user+"/roles/"+role["id"].(string), nil)
		}
	}
	own := &keystone{t: t, base: k.base, user: user, project: k.project}
	header, _ := own.send("POST", "/auth/tokens", map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"id": user, "password": password},
		}},
		"scope": map[string]any{"project": map[string]any{"id": k.project}},
	}})
	own.token = header.Get("X-Subject-Token")
	c := own.credential(map[string]any{"name": "first", "secret": "hidden-application-credential-secret"})
	return map[string]string{"id": c["id"].(string), "secret": c["secret"].(string), "name": "first"},
		map[string]string{"authUrl": k.base, "userId": user, "password": password, "projectId": k.project}
}

func keystoneServer(t *testing.T) server {
	base := startKeystone(t)
	return server{provider: "keystone", name: "Keystone 22.0.2", address: base, fresh: func(t *testing.T) (map[string]string, map[string]string) {
		return keystoneClient(t, base).owner(t)
	}}
}
