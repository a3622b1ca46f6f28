//go:build servers && linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/internal/testserver"
)

// TestTheExamplesForPostgreSQLPassTheKit: by the command line, with rota's own
// oracle for PostgreSQL. One password at a time is all that they can do, so
// nothing is asked of AWSCURRENT between setSecret and finishSecret.
func TestTheExamplesForPostgreSQLPassTheKit(t *testing.T) {
	pg := testserver.Postgres(t)
	bin := t.TempDir()
	program := filepath.Join(bin, "rota")
	build(t, program, ".")
	for name, command := range map[string]func(dir string) string{
		"python-function": func(string) string { return "/usr/bin/python3 runtime.py app.lambda_handler" },
		"go-function": func(dir string) string {
			build(t, filepath.Join(dir, "bootstrap"), filepath.Join("..", "..", "examples", "go-function"))
			return "./bootstrap"
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, role := copied(t, name), "kit_"+strings.ReplaceAll(name, "-", "_")
			statement(t, pg.URL(pg.Superuser, pg.Password, "postgres"), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'first-password'", role))
			value := fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"dbname":"postgres","username":%q,"password":"first-password"}`, pg.Port, role)
			var out, said bytes.Buffer
			code := run(t.Context(), []string{
				"function", "test", "--command", command(dir), "--folder", dir, "--env", "AWS_MAX_ATTEMPTS=1", "--memory", "512MB",
				"--value", "-", "--accepts", program + " function accepts postgres",
			}, strings.NewReader(value), &out, &said)
			if code != exitOK {
				t.Errorf("exit code %d\n%s%s", code, out.String(), said.String())
			}
			t.Log(out.String())
			nobodyIn(t, dir)
		})
	}
}

func build(t *testing.T, program, folder string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestTheExampleInNodePassesTheKit with the demo's API, which lists its keys.
func TestTheExampleInNodePassesTheKit(t *testing.T) {
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		t.Fatal(err)
	}
	api, err := startDemoAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.server.Close() })
	dir := copied(t, "node-function")
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	first := api.issue("by hand")
	report, err := conformance.Run(t.Context(), conformance.Config{
		Name: "node-function", Now: time.Now, NewID: newID, Rand: rand.Reader, Pause: 10 * time.Millisecond,
		Function: conformance.Local(local.Host{Now: time.Now, NewID: newID}, local.Spec{
			Name: "node", ARN: "arn:aws:lambda:us-east-1:123456789012:function:node", Argv: []string{"node", "runtime.mjs", "index.handler"}, Folder: dir,
			Env: []string{"ADMIN_SECRET_ID=admin/api", "AWS_MAX_ATTEMPTS=1"}, Timeout: 30 * time.Second, Memory: 1 << 30,
		}),
		Value:  rota.StringValue(fmt.Sprintf(`{"url":%q,"id":%q,"secret":%q}`, api.url, first.ID, first.Secret)),
		Others: []conformance.Secret{{Name: "admin/api", Value: rota.StringValue(fmt.Sprintf(`{"token":%q}`, api.admin))}},
		Provider: conformance.Provider{
			Accepts: func(_ context.Context, v rota.Value) (conformance.Verdict, error) {
				var k struct{ ID, Secret string }
				if err := json.Unmarshal(v.Reveal(), &k); err != nil {
					return conformance.Unknown, err
				}
				if whoami(t, api.url, k.ID+"."+k.Secret) == 200 {
					return conformance.Accepted, nil
				}
				return conformance.Refused, nil
			},
			List: func(context.Context) (ids []string, err error) {
				api.mu.Lock()
				defer api.mu.Unlock()
				for id := range api.keys {
					ids = append(ids, id)
				}
				return ids, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	if !report.OK() {
		t.Errorf("broken: %q, stopped: %s", report.Broken(), report.Stopped)
	}
}
