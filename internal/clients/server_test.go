//go:build servers

package clients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotahq/rota/internal/testserver"
)

var (
	shared testserver.Shared
	bin    string // rota, as it is built for users
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rota-clients-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		bin = filepath.Join(dir, "rota")
		build := exec.Command("go", "build", "-o", bin, "github.com/rotahq/rota/cmd/rota")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build rota: %v\n%s", err, out)
			return 1
		}
		defer shared.End()
		return m.Run()
	}())
}

// program is a running rota serve with nothing in it, and a role of a
// database whose password it is to rotate.
type program struct {
	url, data string
	database  string   // the value of the role's secret
	env       []string // of a client: what the first start tells a user to export, and nothing else of AWS

	pg   *testserver.PG
	stop func() // ends it, and waits; may be called again
}

// serve starts the program on an empty data folder.
func serve(t *testing.T) *program {
	t.Helper()
	p := &program{data: filepath.Join(t.TempDir(), "data")}
	p.newRole(t)
	cmd := exec.Command(bin, "serve", "--data", p.data, "--listen", "127.0.0.1:0", "--region", "us-east-1,eu-west-1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "rota: ready at ")
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("rota serve said %q, %v\n%s", line, err, &said)
	}
	p.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("rota serve ends with %v\n%s", err, &said)
		}
	})
	t.Cleanup(p.stop)
	p.url = url
	p.env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(p.data, "credentials"),
		"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1", "AWS_PAGER=", "ROTA_URL=" + url, "DATABASE=" + p.database,
	}
	return p
}

// newRole makes a role of the database, and the value of its secret.
func (p *program) newRole(t *testing.T) {
	t.Helper()
	p.pg = shared.Postgres(t)
	role, password := "app_"+strings.ToLower(rand.Text()), rand.Text()
	conn, err := pgx.Connect(t.Context(), p.pg.URL(p.pg.Superuser, p.pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", role, password)); err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(map[string]any{"engine": "postgres", "host": p.pg.Host, "port": p.pg.Port, "username": role, "password": password, "dbname": "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	p.database = string(value)
}

// logIn uses the fields of a secret's value as an application does.
func (p *program) logIn(t *testing.T, value string) error {
	t.Helper()
	var f struct {
		Host, Username, Password, DBName string
		Port                             int
	}
	if err := json.Unmarshal([]byte(value), &f); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), p.pg.URL(f.Username, f.Password, f.DBName))
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

// oldPasswordIsRefused looks at what a rotation is for.
func (p *program) oldPasswordIsRefused(t *testing.T) {
	t.Helper()
	var refused *pgconn.PgError
	if err := p.logIn(t, p.database); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("the password from before the rotation: %v, want it refused", err)
	}
}

// calledAllBut ends the program and looks into its audit log: the client said
// who it is, and used every operation of the API but these, which it does not
// know.
func (p *program) calledAllBut(t *testing.T, agent string, unknown ...string) {
	t.Helper()
	p.stop() // a change is told to the log a moment after its answer
	files, err := filepath.Glob(filepath.Join(p.data, "audit", "audit-*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no audit log: %v", err)
	}
	called := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			var l struct {
				Event struct{ EventType, EventName, UserAgent, ErrorCode string }
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if e := l.Event; e.EventType == "AwsApiCall" && e.ErrorCode == "" && strings.Contains(e.UserAgent, agent) {
				called[e.EventName] = true
			}
		}
	}
	for _, op := range operations(t) {
		if known := !slices.Contains(unknown, op); called[op] != known {
			t.Errorf("%s: called with success is %v, want %v", op, called[op], known)
		}
	}
}
