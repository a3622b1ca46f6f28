//go:build servers

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/internal/testserver"
)

// query asks a database for one text.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

const demoRoles = `SELECT coalesce(string_agg(rolname, ' ' ORDER BY rolname), '') FROM pg_roles WHERE rolname LIKE 'rota\_demo\_%'`

func TestTheDemoRotatesRolesOfARealDatabase(t *testing.T) {
	pg := testserver.Postgres(t)
	url := pg.URL(pg.Superuser, pg.Password, "postgres")
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	log := &testlog.Buffer{}
	start := time.Now()
	if code := run(t.Context(), []string{"demo", "--json", "--postgres", url}, nil, &out, log); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, log)
	}
	t.Logf("%s in %s", strings.TrimSpace(out.String()), time.Since(start))
	if time.Since(start) > time.Minute {
		t.Error("it took more than a minute")
	}
	var sum demoSummary
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Rotations != 3 || sum.ProvenDead != 3 || sum.FailedRequests != 0 || sum.Requests < 100 {
		t.Errorf("the summary is %+v", sum)
	}
	if left := query(t, url, demoRoles); left != "" {
		t.Errorf("it left the roles %s", left)
	}
	if strings.Contains(log.String(), pg.Password) || !strings.Contains(log.String(), "proven dead") {
		t.Errorf("the progress is %s", log)
	}
}

func TestAnInterruptedDemoLeavesNoRoles(t *testing.T) {
	pg := testserver.Postgres(t)
	url := pg.URL(pg.Superuser, pg.Password, "postgres")
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := &trigger{text: "finishSecret"}
	log.do = func() {
		if roles := query(t, url, demoRoles); len(strings.Fields(roles)) != 2 {
			t.Errorf("while it runs there are the roles %q, want two", roles)
		}
		cancel()
	}
	if code := run(ctx, []string{"demo", "--postgres", url}, nil, &bytes.Buffer{}, log); code != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, exitInterrupted, log)
	}
	if left := query(t, url, demoRoles); left != "" {
		t.Errorf("it left the roles %s", left)
	}
	log = &trigger{}
	if code := run(t.Context(), []string{"demo", "--postgres", pg.URL(pg.Superuser, "wrong", "postgres")}, nil, &bytes.Buffer{}, log); code != exitFailed {
		t.Errorf("a wrong password: exit code %d", code)
	}
	if got := log.String(); !strings.Contains(got, "does not let postgres in; check --postgres") || strings.Contains(got, "wrong") {
		t.Errorf("a wrong password: %s", got)
	}
}

// program is rota serve as it is built for users.
type program struct {
	url string
	env []string
}

func startProgram(t *testing.T) program {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "rota")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build rota: %v\n%s", err, out)
	}
	data := filepath.Join(t.TempDir(), "data")
	serve := exec.Command(bin, "serve", "--data", data, "--listen", "127.0.0.1:0")
	serve.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	serve.Stderr = &said
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "rota: ready at ")
	if err != nil || !ok {
		t.Fatalf("rota serve said %q, %v", line, err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		if err := serve.Wait(); err != nil {
			t.Errorf("rota serve ends with %v\n%s", err, &said)
		}
	})
	// What the first start tells a user to export, and nothing else of AWS.
	return program{url, []string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(data, "credentials"), "AWS_DEFAULT_REGION=us-east-1", "AWS_PAGER=",
	}}
}

// aws calls the AWS CLI as a user does, and reads its JSON.
func (p program) aws(t *testing.T, cli string, out any, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), cli, append([]string{"--endpoint-url", p.url, "--output", "json", "secretsmanager"}, args...)...)
	cmd.Env = p.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		return errors.New(strings.TrimSpace(stderr.String()))
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("aws %s printed %s: %v", args[0], b, err)
	}
	return nil
}

// TestAnOldAWSCLIRotatesADatabasePassword: create, rotate, describe until
// done, get, use, and see the old password refused, all with Debian's client.
func TestAnOldAWSCLIRotatesADatabasePassword(t *testing.T) {
	cli := testserver.AWSCLI(t)
	pg := testserver.Postgres(t)
	conn, err := pgx.Connect(t.Context(), pg.URL(pg.Superuser, pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "CREATE ROLE app LOGIN PASSWORD 'first'"); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t)

	value, err := json.Marshal(map[string]any{"engine": "postgres", "host": pg.Host, "port": pg.Port, "username": "app", "password": "first", "dbname": "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var made struct{ ARN, VersionId string }
	must(p.aws(t, cli, &made, "create-secret", "--name", "app/db", "--description", "by hand", "--secret-string", string(value),
		"--tags", "Key=rota:expire,Value=immediately"))
	if !strings.HasPrefix(made.ARN, "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-") {
		t.Errorf("ARN %s", made.ARN)
	}
	var list struct{ SecretList []struct{ Name string } }
	must(p.aws(t, cli, &list, "list-secrets"))
	if len(list.SecretList) != 1 || list.SecretList[0].Name != "app/db" {
		t.Errorf("list-secrets: %+v", list)
	}
	password := func(args ...string) string {
		t.Helper()
		var got struct{ SecretString string }
		must(p.aws(t, cli, &got, append([]string{"get-secret-value", "--secret-id", "app/db"}, args...)...))
		var fields struct{ Password string }
		must(json.Unmarshal([]byte(got.SecretString), &fields))
		return fields.Password
	}
	if password() != "first" {
		t.Fatal("get-secret-value does not give back what was put")
	}

	var rotation struct{ VersionId string }
	must(p.aws(t, cli, &rotation, "rotate-secret", "--secret-id", "app/db",
		"--rotation-lambda-arn", "arn:aws:lambda:us-east-1:123456789012:function:rota-postgres", "--rotation-rules", `{"ScheduleExpression":"rate(30 days)"}`))
	var d struct {
		RotationEnabled    bool
		LastRotatedDate    any
		VersionIdsToStages map[string][]string
	}
	eventually(t, "describe-secret shows the rotation done", func() bool {
		d.VersionIdsToStages = nil
		must(p.aws(t, cli, &d, "describe-secret", "--secret-id", "app/db"))
		return strings.Join(d.VersionIdsToStages[rotation.VersionId], " ") == "AWSCURRENT"
	})
	if !d.RotationEnabled || d.LastRotatedDate == nil {
		t.Errorf("describe-secret: %+v", d)
	}

	next := password()
	if next == "first" || password("--version-stage", "AWSPREVIOUS") != "first" {
		t.Error("the new password is the old one, or the old one is not AWSPREVIOUS")
	}
	if who := query(t, pg.URL("app", next, "postgres"), "SELECT current_user"); who != "app" {
		t.Errorf("the new password logs in as %s", who)
	}
	_, err = pgx.Connect(t.Context(), pg.URL("app", "first", "postgres"))
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("the old password: %v, want it refused", err)
	}

	err = p.aws(t, cli, nil, "get-secret-value", "--secret-id", "app/none")
	if err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") || !strings.Contains(err.Error(), "Secrets Manager can't find the specified secret.") {
		t.Errorf("an unknown secret: %v", err)
	}
	must(p.aws(t, cli, nil, "tag-resource", "--secret-id", "app/db", "--tags", "Key=team,Value=a"))
	var random struct{ RandomPassword string }
	must(p.aws(t, cli, &random, "get-random-password", "--password-length", "20"))
	if len(random.RandomPassword) != 20 {
		t.Errorf("get-random-password gives %d characters", len(random.RandomPassword))
	}
	var deleted struct{ Name string }
	must(p.aws(t, cli, &deleted, "delete-secret", "--secret-id", "app/db", "--recovery-window-in-days", "7"))
}
