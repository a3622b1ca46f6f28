//go:build servers

package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotation"
)

// server is a PostgreSQL of the test's own that logs every statement.
type server struct {
	*testserver.PG
	t *testing.T
}

// scramHBA is how most servers are set up.
const scramHBA = "host all all 127.0.0.1/32 scram-sha-256\n"

func startServer(t *testing.T, hba string, options ...testserver.PGOption) *server {
	t.Helper()
	options = append(options, testserver.HBA(hba), testserver.Config("log_error_verbosity = verbose\n"))
	return &server{testserver.Postgres(t, options...), t}
}

// log is what the server wrote since the given offset.
func (s *server) log(since int) string {
	s.t.Helper()
	b, err := os.ReadFile(s.LogFile)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b[since:])
}

// super opens a connection as the superuser.
func (s *server) super() *pgconn.PgConn {
	s.t.Helper()
	c, err := pgconn.Connect(context.Background(), s.URL(s.Superuser, s.Password, "postgres"))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// sql runs statements as a superuser and returns the first column of the last.
func (s *server) sql(statements string) []string {
	s.t.Helper()
	c := s.super()
	defer c.Close(context.Background())
	res, err := c.Exec(context.Background(), statements).ReadAll()
	if err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
	var out []string
	for _, row := range res[len(res)-1].Rows {
		out = append(out, string(row[0]))
	}
	return out
}

// role makes a role that may log in with the password, which itself is not
// sent.
func (s *server) role(name, password, more string) {
	s.t.Helper()
	v, err := verifier(password, chacha(99))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(more, "NOLOGIN") {
		more = "LOGIN " + more
	}
	s.sql("CREATE ROLE " + quoteName(name) + " PASSWORD " + quoteLiteral(v) + " " + more)
}

// value is a secret for the server.
func (s *server) value(user, password string) rota.Value {
	return rota.StringValue(fmt.Sprintf(`{"engine":"postgres","host":"127.0.0.1","port":%d,"username":%s,"password":%s}`,
		s.Port, quoteJSON(user), quoteJSON(password)))
}

func (s *server) request(strategy string, current rota.Value) rotation.Request {
	return rotation.Request{
		SecretARN: "arn:child",
		Settings:  rotation.Settings{rotation.SettingStrategy: strategy},
		Current:   current,
		Rand:      chacha(byte(s.Port)),
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// counting is a rotator that counts its network connections.
func counting() (*Rotator, *atomic.Int32) {
	n := new(atomic.Int32)
	return New(Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}), n
}

func passwordOf(t *testing.T, v rota.Value) string {
	t.Helper()
	l, _, err := parseLogin(v, true)
	if err != nil {
		t.Fatal(err)
	}
	return string(l.password.Reveal())
}

// silent checks that the log shows none of the passwords, and that it would
// have.
func (s *server) silent(passwords []string) {
	s.t.Helper()
	s.sql("SELECT 'canary-4711'")
	log := s.log(0)
	if !strings.Contains(log, "canary-4711") || !strings.Contains(log, "PASSWORD 'SCRAM-SHA-256$") {
		s.t.Fatal("the log does not show statements")
	}
	for _, p := range passwords {
		for _, form := range []string{p, strings.ReplaceAll(p, "'", "''"), strings.ReplaceAll(p, `\`, `\\`)} {
			if strings.Contains(log, form) {
				s.t.Errorf("the server's log shows the password %q", p)
			}
		}
	}
}
