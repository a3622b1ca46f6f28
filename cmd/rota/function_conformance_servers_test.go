//go:build servers && linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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

// TestTheExampleInNodePassesTheKit by the command line, with rota's own provider
// of keys: every rule is checked.
func TestTheExampleInNodePassesTheKit(t *testing.T) {
	dir, program := copied(t, "node-function"), filepath.Join(t.TempDir(), "rota")
	linkModules(t, dir)
	build(t, program, ".")
	keys := serveKeys(t)
	admin := filepath.Join(t.TempDir(), "admin.json")
	if err := os.WriteFile(admin, keys.admin.Secret().Reveal(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	code := run(t.Context(), []string{
		"function", "test", "--command", "node runtime.mjs index.handler", "--folder", dir,
		"--env", "ADMIN_SECRET_ID=admin/api", "--env", "AWS_MAX_ATTEMPTS=1", "--memory", "1GB",
		"--value", "-", "--secret", "admin/api=" + admin,
		"--accepts", program + " function accepts keys", "--list", program + " function list keys --admin " + admin,
		"--slow", program + " function slow keys --admin " + admin,
	}, bytes.NewReader(keys.issue("by hand").Secret().Reveal()), &out, &said)
	if text := out.String(); code != exitOK || strings.Contains(text, "not checked") {
		t.Errorf("exit code %d\n%s%s", code, text, said.String())
	}
	t.Log(out.String())
	nobodyIn(t, dir)
}
