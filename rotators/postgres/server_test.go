//go:build servers

package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// server is a PostgreSQL of the test's own, on loopback, that logs every
// statement. Its superuser "postgres" comes in by the socket without a
// password.
type server struct {
	t    *testing.T
	dir  string
	port int
	sys  *syscall.SysProcAttr
}

func bin(name string) string {
	for _, dir := range []string{"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"} {
		if p := filepath.Join(dir, name); exists(p) {
			return p
		}
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// scramHBA is how most servers are set up.
const scramHBA = "host all all 127.0.0.1/32 scram-sha-256\n"

func startServer(t *testing.T, hba, conf string, files map[string][]byte) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "rota-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{t: t, dir: dir, sys: &syscall.SysProcAttr{}}
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
		s.sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	own := func(path string) {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	own(dir)
	s.run("initdb", "-N", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	for name, content := range files {
		path := filepath.Join(s.data(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		own(path)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s.write("pg_hba.conf", "local all postgres trust\n"+hba)
	s.write("postgresql.auto.conf", fmt.Sprintf(`
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = '%s'
fsync = off
log_statement = 'all'
log_connections = on
log_error_verbosity = verbose
`, s.port, dir)+conf)
	s.run("pg_ctl", "-s", "-w", "-D", s.data(), "-l", s.logFile(), "start")
	t.Cleanup(s.stop)
	return s
}

func (s *server) data() string    { return filepath.Join(s.dir, "data") }
func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *server) stop() {
	if exists(filepath.Join(s.data(), "postmaster.pid")) {
		s.run("pg_ctl", "-s", "-w", "-m", "immediate", "-D", s.data(), "stop")
	}
}

func (s *server) run(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(bin(name), args...)
	cmd.SysProcAttr, cmd.Dir = s.sys, "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil {
		log, _ := os.ReadFile(s.logFile())
		s.t.Fatalf("%s: %v\n%s%s", name, err, out, log)
	}
}

func (s *server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.data(), name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// log is what the server wrote since the given offset.
func (s *server) log(since int) string {
	s.t.Helper()
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b[since:])
}

// super opens a connection by the socket, as a superuser.
func (s *server) super(database string) *pgconn.PgConn {
	s.t.Helper()
	c, err := pgconn.Connect(context.Background(), fmt.Sprintf("host=%s port=%d user=postgres dbname=%s", s.dir, s.port, database))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// sql runs statements as a superuser and returns the first column of the last.
func (s *server) sql(statements string) []string {
	s.t.Helper()
	c := s.super("postgres")
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
		s.port, quoteJSON(user), quoteJSON(password)))
}

func (s *server) request(strategy string, current rota.Value) rotation.Request {
	return rotation.Request{
		SecretARN: "arn:child",
		Settings:  rotation.Settings{rotation.SettingStrategy: strategy},
		Current:   current,
		Rand:      chacha(byte(s.port)),
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

func password(t *testing.T, v rota.Value) string {
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
