//go:build servers

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/conformance/keyprovider"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotators"
)

// nodeModules is where scripts/test-deps puts the AWS SDK for JavaScript.
const nodeModules = "../../internal/clients/testdata/javascript/node_modules"

// functionServer is a server that runs local functions, with the command line.
type functionServer struct {
	t    *testing.T
	data string
	node *node
	log  *testlog.Buffer
}

func serveFunctions(t *testing.T) *functionServer {
	t.Helper()
	catalog, err := rotators.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	s := &functionServer{t: t, data: filepath.Join(t.TempDir(), "data"), log: &testlog.Buffer{}}
	s.node, err = startNode(t.Context(), nodeConfig{
		dir: s.data, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, catalog: catalog, getenv: func(string) string { return "" },
		functions: functionConfig{local: true, limit: 4, cgroup: cgroupAuto}, log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.node.stop)
	return s
}

// rota runs a command, which must succeed, and returns what it printed.
func (s *functionServer) rota(stdin string, args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	log := &testlog.Buffer{}
	if code := run(s.t.Context(), append([]string{"--data", s.data}, args...), strings.NewReader(stdin), &out, log); code != exitOK {
		s.t.Fatalf("rota %s: exit code %d\n%s%s\n%s", strings.Join(args, " "), code, out.String(), log, s.log)
	}
	return out.String()
}

// value is AWSCURRENT as JSON.
func (s *functionServer) value(name string) (v map[string]any) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.rota("", "get", name)), &v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// copied is an example in a folder of its own.
func copied(t *testing.T, example string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", example))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// keysAPI is the provider of rota function provider.
type keysAPI struct {
	*keyprovider.Provider
	admin keyprovider.Value
}

func serveKeys(t *testing.T) keysAPI {
	t.Helper()
	token := rand.Text()
	p := keyprovider.New(token, rand.Text)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return keysAPI{p, keyprovider.Value{URL: srv.URL, Token: token}}
}

func (a keysAPI) issue(name string) keyprovider.Value {
	id, key := a.Issue(name)
	return keyprovider.Value{URL: a.admin.URL, ID: id, Key: key}
}

// linkModules gives a function the AWS SDK for JavaScript.
func linkModules(t *testing.T, dir string) {
	t.Helper()
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "@aws-sdk", "client-secrets-manager")); err != nil {
		t.Fatalf("the AWS SDK for JavaScript is not installed; run: make test-deps (%v)", err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// nobodyIn checks that no process has its working directory there.
func nobodyIn(t *testing.T, dir string) {
	t.Helper()
	procs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		if cwd, err := os.Readlink(filepath.Join("/proc", p.Name(), "cwd")); err == nil && cwd == dir {
			t.Errorf("process %s of the function is left", p.Name())
		}
	}
}

// TestFunctionsInPythonAndGoRotateARoleOfARealDatabase: as they would run on
// AWS Lambda, three times each.
func TestFunctionsInPythonAndGoRotateARoleOfARealDatabase(t *testing.T) {
	pg := testserver.Postgres(t)
	for name, register := range map[string]func(dir string) []string{
		"python-function": func(dir string) []string {
			return []string{"--command", "/usr/bin/python3 runtime.py app.lambda_handler", "--folder", dir}
		},
		"go-function": func(dir string) []string {
			build := exec.Command("go", "build", "-o", filepath.Join(dir, "bootstrap"), ".")
			build.Dir = filepath.Join("..", "..", "examples", "go-function")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return []string{"--command", "./bootstrap", "--folder", dir}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveFunctions(t)
			dir, role := copied(t, name), "app_"+strings.ReplaceAll(name, "-", "_")
			super := pg.URL(pg.Superuser, pg.Password, "postgres")
			role0 := "first-password-of-" + role
			statement(t, super, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", role, role0))
			s.rota(fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"dbname":"postgres","username":%q,"password":%q}`, pg.Port, role, role0), "put", "app/db")
			s.rota("", append([]string{"function", "add", "db", "--timeout", "50s"}, register(dir)...)...)
			old := role0
			for n := range 3 {
				args := []string{"rotate", "app/db", "--watch"}
				if n == 0 {
					args = append(args, "--function", "db")
				}
				s.rota("", args...)
				now := s.value("app/db")["password"].(string)
				if now == old {
					t.Fatalf("rotation %d changed nothing", n+1)
				}
				if got := query(t, pg.URL(role, now, "postgres"), "SELECT current_user::text"); got != role {
					t.Errorf("the new password logs in as %q", got)
				}
				if accepted(t, pg.URL(role, old, "postgres")) {
					t.Error("the old password is accepted")
				}
				old = now
			}
			if text := s.log.String() + s.rota("", "show", "app/db"); strings.Contains(text, old) || strings.Contains(text, role0) {
				t.Error("a password is in the log or the journal")
			}
			nobodyIn(t, dir)
		})
	}
}

// TestAFunctionOfAnotherServerRotates: the engine sends the steps through the
// Invoke API of a server that has the function, with a key that is a secret
// here; the function comes back for the secret with a key of its own.
func TestAFunctionOfAnotherServerRotates(t *testing.T) {
	pg := testserver.Postgres(t)
	first := "first-password-of-app_remote"
	statement(t, pg.URL(pg.Superuser, pg.Password, "postgres"), "CREATE ROLE app_remote LOGIN PASSWORD '"+first+"'")
	here, there, dir := serveFunctions(t), serveFunctions(t), copied(t, "python-function")
	here.rota(fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"dbname":"postgres","username":"app_remote","password":%q}`, pg.Port, first), "put", "app/db")

	id, secret := here.user(t, "db-function", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["secretsmanager:DescribeSecret","secretsmanager:GetSecretValue","secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage"],
		 "Resource":"arn:aws:secretsmanager:*:*:secret:app/db-??????"},
		{"Effect":"Allow","Action":"secretsmanager:GetRandomPassword","Resource":"*"}]}`)
	there.rota("", "function", "add", "db", "--timeout", "50s", "--command", "/usr/bin/python3 runtime.py app.lambda_handler", "--folder", dir,
		"--env", "SECRETS_MANAGER_ENDPOINT="+here.node.url, "--env", "AWS_ACCESS_KEY_ID="+id, "--env", "AWS_SECRET_ACCESS_KEY="+secret)
	mayInvoke := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:*:*:function:db"}}`
	id, key := there.user(t, "engine", mayInvoke)
	here.rota(fmt.Sprintf(`{"access_key_id":%q,"secret_access_key":%q}`, id, key), "put", "rota/there")
	here.rota("", "function", "add", "db", "--remote", "db", "--timeout", "50s",
		"--endpoint-url", there.node.url, "--remote-region", defaultRegion, "--credentials-secret", "rota/there")

	here.rota("", "rotate", "app/db", "--function", "db", "--watch")
	now := here.value("app/db")["password"].(string)
	if now == first || accepted(t, pg.URL("app_remote", first, "postgres")) {
		t.Error("the first password is accepted")
	}
	if got := query(t, pg.URL("app_remote", now, "postgres"), "SELECT current_user::text"); got != "app_remote" {
		t.Errorf("the new password logs in as %q", got)
	}
	for _, said := range []string{here.log.String(), there.log.String(), here.rota("", "show", "app/db"), there.rota("", "function", "show", "db", "--json")} {
		for _, v := range []string{first, now, secret, key} {
			if strings.Contains(said, v) {
				t.Errorf("a secret value is in\n%s", said)
			}
		}
	}
	nobodyIn(t, dir)
}

// user makes a user who may do what a policy says, and returns a key of it.
func (s *functionServer) user(t *testing.T, name, policy string) (id, secret string) {
	t.Helper()
	s.rota("", "principal", "create", name)
	s.rota(policy, "principal", "policy", "put", name, "p")
	keys := filepath.Join(t.TempDir(), "keys")
	s.rota("", "principal", "key", "create", name, "--to", keys)
	b, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.TrimSpace(name) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	if id == "" || secret == "" {
		t.Fatal("no key was written")
	}
	return id, secret
}

// TestAFunctionInNodeRotatesAKey of an outside API, with its admin secret, and
// leaves two keys.
func TestAFunctionInNodeRotatesAKey(t *testing.T) {
	api := serveKeys(t)
	s := serveFunctions(t)
	dir := copied(t, "node-function")
	linkModules(t, dir)
	first := api.issue("by hand")
	s.rota(string(api.admin.Secret().Reveal()), "put", "admin/api", "--tag", "rota:serves=app/")
	s.rota(string(first.Secret().Reveal()), "put", "app/key", "--tag", "rota:admin=admin/api")
	s.rota("", "function", "add", "keys", "--command", "node runtime.mjs index.handler", "--folder", dir, "--env", "ADMIN_SECRET_ID=admin/api", "--timeout", "50s", "--memory", "1GB")
	ids := []string{first.ID}
	for n := range 3 {
		args := []string{"rotate", "app/key", "--watch"}
		if n == 0 {
			args = append(args, "--function", "keys")
		}
		s.rota("", args...)
		v := s.value("app/key")
		ids = append(ids, v["id"].(string))
		now := keyprovider.Value{URL: api.admin.URL, Key: v["key"].(string)}
		if verdict, err := keyprovider.Accepts(t.Context(), now.Secret()); err != nil || verdict != conformance.Accepted {
			t.Errorf("the new key is not accepted: %v, %v", verdict, err)
		}
	}
	left, err := api.admin.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := ids[2:]; !slices.Equal(left, want) {
		t.Errorf("the keys %q are left, want the previous and the current one, %q", left, want)
	}
	nobodyIn(t, dir)
}

// TestAFunctionRunsAsAnotherUser: with --function-user it cannot read rota's
// data folder, and its processes are found and ended all the same.
func TestAFunctionRunsAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("only root can run functions as another user: run this test as root")
	}
	catalog, err := rotators.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	s := &functionServer{t: t, data: filepath.Join(t.TempDir(), "data"), log: &testlog.Buffer{}}
	s.node, err = startNode(t.Context(), nodeConfig{
		dir: s.data, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, catalog: catalog, getenv: func(string) string { return "" },
		functions: functionConfig{local: true, limit: 1, cgroup: "none", user: "nobody"}, log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.node.stop)
	dir, err := os.MkdirTemp("/tmp", "rota-nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const app = `
import os
def handler(event, context):
    try:
        open(event["file"]).close()
        read = True
    except PermissionError:
        read = False
    open(os.environ["TMPDIR"] + "/mine", "w").close()
    return [os.getuid(), os.getgroups(), read]
`
	runtime, err := os.ReadFile(filepath.Join("..", "..", "examples", "python-function", "runtime.py"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"app.py": []byte(app), "runtime.py": runtime} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.rota("", "function", "add", "who", "--command", "/usr/bin/python3 runtime.py app.handler", "--folder", dir)
	got := s.rota(fmt.Sprintf(`{"file":%q}`, filepath.Join(s.data, "seal.key")), "function", "invoke", "who", "--payload", "-")
	if want := "[65534, [65534], false]\n"; got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
	nobodyIn(t, dir)
}

// statement runs a statement that returns nothing.
func statement(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// accepted reports whether the database lets in whoever a URL names.
func accepted(t *testing.T, url string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
	}
	return err == nil
}
