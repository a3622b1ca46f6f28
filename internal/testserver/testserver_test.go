//go:build servers

package testserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// logIn connects to PostgreSQL until the end of the test.
func logIn(t *testing.T, url string) (*pgx.Conn, error) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err == nil {
		t.Cleanup(func() { _ = c.Close(context.Background()) })
	}
	return c, err
}

// portOf is the port in a URL.
func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPostgresAnswersRefusesAWrongPasswordAndEndsWithItsTest(t *testing.T) {
	var p int
	var processes map[running]string
	t.Run("server", func(t *testing.T) {
		pg := Postgres(t)
		p, processes = pg.Port, below(t, os.Getpid())
		has(t, processes, "postgres")
		if _, err := logIn(t, pg.URL(pg.Superuser, "wrong", "postgres")); err == nil || !strings.Contains(err.Error(), "28P01") {
			t.Errorf("a wrong password: %v", err)
		}
		c, err := logIn(t, pg.URL(pg.Superuser, pg.Password, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "CREATE TABLE kept (n int)"); err != nil {
			t.Fatal(err)
		}
		pg.Stop()
		if _, err := logIn(t, pg.URL(pg.Superuser, pg.Password, "postgres")); err == nil {
			t.Error("a stopped server answers")
		}
		pg.Start(t)
		pg.Restart(t)
		if c, err = logIn(t, pg.URL(pg.Superuser, pg.Password, "postgres")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "SELECT n FROM kept"); err != nil {
			t.Errorf("what was committed before a stop: %v", err)
		}
	})
	gone(t, processes, p)
}

func TestPostgresIsSetUpAsAsked(t *testing.T) {
	pg := Postgres(t, HBA("host all all 127.0.0.1/32 reject\n"), File("note", []byte("a file")), Config("max_connections = 7\n"), Config("work_mem = '1MB'\n"))
	c, err := logIn(t, pg.URL(pg.Superuser, pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var got string
	err = c.QueryRow(t.Context(), "SELECT current_setting('max_connections') || ' ' || current_setting('work_mem') || ' ' || pg_read_file('note')").Scan(&got)
	if err != nil || got != "7 1MB a file" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Exec(t.Context(), "CREATE ROLE app LOGIN PASSWORD 'right'"); err != nil {
		t.Fatal(err)
	}
	if _, err := logIn(t, pg.URL("app", "right", "postgres")); err == nil {
		t.Error("pg_hba.conf refuses app, which logs in")
	}
	log, err := os.ReadFile(pg.LogFile)
	if err != nil || !strings.Contains(string(log), "pg_hba.conf rejects connection") {
		t.Errorf("the log does not show the refusal as soon as it is answered (%v)", err)
	}
	if !strings.Contains(string(log), "CREATE ROLE app LOGIN PASSWORD 'right'") {
		t.Error("the log does not show the statement")
	}
}

func TestPostgresWithTLSIsVerifiedByItsAuthorityAndNoOther(t *testing.T) {
	pg := Postgres(t, TLS())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		verified := func(ca string) (*pgx.Conn, error) {
			return logIn(t, fmt.Sprintf("postgres://%s:%s@%s:%d/postgres?sslmode=verify-full&sslrootcert=%s", pg.Superuser, pg.Password, host, pg.Port, ca))
		}
		c, err := verified(pg.CAFile)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		var tls bool
		if err := c.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&tls); err != nil || !tls {
			t.Errorf("%s: the server says TLS %v, %v", host, tls, err)
		}
		other, _, _ := certificate(t)
		file := t.TempDir() + "/other.pem"
		write(t, nil, file, other)
		if _, err := verified(file); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s: another authority: %v", host, err)
		}
	}
}

func TestASharedPostgresOutlivesTheTestThatStartsItAndEndsWhenToldTo(t *testing.T) {
	var s Shared
	t.Cleanup(s.End) // if this test fails before
	var first *PG
	t.Run("first", func(t *testing.T) { first = s.Postgres(t) })
	t.Run("second", func(t *testing.T) {
		pg := s.Postgres(t)
		if pg != first {
			t.Error("the second test got a server of its own")
		}
		if _, err := logIn(t, pg.URL(pg.Superuser, pg.Password, "postgres")); err != nil {
			t.Error(err)
		}
	})
	processes := below(t, os.Getpid())
	has(t, processes, "postgres")
	s.End()
	gone(t, processes, first.Port)
}

func TestRabbitMQAnswersRefusesAWrongPasswordAndEndsWithItsTest(t *testing.T) {
	var ports []int
	var processes map[running]string
	t.Run("server", func(t *testing.T) {
		r := RabbitMQ(t)
		ports, processes = []int{r.AMQPPort, portOf(t, r.URL)}, below(t, os.Getpid())
		has(t, processes, "beam.smp", "epmd")
		r.AddUser(t, "app", "right", "management")
		r.AddUser(t, "untagged", "right")
		if err := r.LogIn("app", "right"); err != nil {
			t.Error(err)
		}
		if err := r.LogIn("app", "wrong"); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("a wrong password: %v", err)
		}
		if err := r.LogIn("guest", "guest"); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("the user that everybody knows: %v", err)
		}
		var user struct{ Tags []string }
		if r.Send(t, "GET", "/users/app", nil, &user); fmt.Sprint(user.Tags) != "[management]" {
			t.Errorf("tags %v", user.Tags)
		}
		if r.Send(t, "GET", "/users/untagged", nil, &user); len(user.Tags) != 0 {
			t.Errorf("a user without tags has %v", user.Tags)
		}
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.AMQPPort))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		answer := make([]byte, 8) // to a protocol that does not exist: the one that does
		if _, err := c.Write([]byte("AMQP\x00\x09\x09\x09")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "AMQP\x00\x00\x09\x01" {
			t.Errorf("AMQP answers %q, %v", answer, err)
		}
	})
	gone(t, processes, ports...)
}

func TestKeystoneAnswersRefusesAWrongSecretAndEndsWithItsTest(t *testing.T) {
	var p int
	var processes map[running]string
	t.Run("server", func(t *testing.T) {
		k := Keystone(t)
		p, processes = portOf(t, k.URL), below(t, os.Getpid())
		has(t, processes, "keystone-wsgi-p")
		user := k.AddUser(t, "user-password")
		if user.UserID == k.UserID || user.ProjectID != k.ProjectID {
			t.Errorf("user %s in %s, administrator %s in %s", user.UserID, user.ProjectID, k.UserID, k.ProjectID)
		}
		for _, who := range []*Keys{k, user} {
			id, secret := who.AddCredential(t, map[string]any{"name": "app"})
			if got := k.TryCredential(t, id, secret); got != http.StatusCreated {
				t.Errorf("the right secret: %d", got)
			}
			if got := k.TryCredential(t, id, "wrong"); got != http.StatusUnauthorized {
				t.Errorf("a wrong secret: %d, want 401", got)
			}
			who.Send(t, "GET", "/users/"+who.UserID+"/application_credentials/"+id, nil, nil) // fails if it is another's
		}
	})
	gone(t, processes, p)
}

func TestAWSCLIIsTheOldOneOfDebian(t *testing.T) { AWSCLI(t) }

// TestNoServerIsLeftWhenTheTestBinaryIsKilled runs itself once more, as the
// one that is killed.
func TestNoServerIsLeftWhenTheTestBinaryIsKilled(t *testing.T) {
	const ports = "TESTSERVER_PORTS"
	if os.Getenv(ports) != "" {
		pg, r := Postgres(t), RabbitMQ(t)
		fmt.Printf("\n%s %d %d %d\n", ports, pg.Port, r.AMQPPort, portOf(t, r.URL))
		select {}
	}
	dir, err := os.MkdirTemp("", "rota-killed") // nobody else removes what the servers leave
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // for the servers' users
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), ports+"=tell", "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told [3]int
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), ports+" %d %d %d", &told[0], &told[1], &told[2]); n == 3 {
			break
		}
		said.WriteString(lines.Text() + "\n")
	}
	processes := below(t, cmd.Process.Pid)
	has(t, processes, "postgres", "beam.smp", "epmd")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if told[0] == 0 {
		t.Fatalf("the servers did not start:\n%s", said.String())
	}
	gone(t, processes, told[:]...)
}
