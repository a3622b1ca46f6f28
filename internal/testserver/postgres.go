package testserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PG is a PostgreSQL that takes only SCRAM logins over TCP and logs every
// statement.
type PG struct {
	Host      string
	Port      int
	Superuser string
	Password  string
	LogFile   string
	CAFile    string // the authority of its certificate, as PEM; with TLS only

	data string
	bin  string
	cred *syscall.Credential
	proc *process
}

// PGOption changes how a PostgreSQL is set up.
type PGOption func(*pgSetup)

type pgSetup struct {
	config string
	tls    bool
	files  map[string][]byte // in the data folder
}

const superuser = "postgres"

// HBA is the whole of pg_hba.conf, after a line that lets the superuser in by
// password.
func HBA(lines string) PGOption {
	return File("pg_hba.conf", []byte("host all "+superuser+" 127.0.0.1/32 scram-sha-256\n"+lines))
}

// Config adds lines to the configuration; they win.
func Config(lines string) PGOption { return func(s *pgSetup) { s.config += lines } }

// File puts a file into the data folder, such as server.crt.
func File(name string, content []byte) PGOption {
	return func(s *pgSetup) { s.files[name] = content }
}

// TLS gives the server a certificate for localhost and 127.0.0.1, of an
// authority of its own. Connections without TLS are still taken.
func TLS() PGOption { return func(s *pgSetup) { s.tls = true } }

// Postgres starts the newest installed PostgreSQL. As root it runs as the
// user postgres, since PostgreSQL refuses root.
func Postgres(t testing.TB, options ...PGOption) *PG {
	t.Helper()
	p := &PG{Host: "127.0.0.1", Port: freePorts(t, 1)[0], Superuser: superuser, Password: rand.Text()}
	p.bin = filepath.Dir(look(t, "/usr/lib/postgresql/*/bin/postgres"))
	p.cred = account(t, "postgres")
	dir := folder(t, p.cred)
	p.data, p.LogFile = filepath.Join(dir, "data"), filepath.Join(dir, "log")
	password := filepath.Join(dir, "password")
	write(t, p.cred, password, []byte(p.Password))
	init := exec.Command(filepath.Join(p.bin, "initdb"), "-N", "-D", p.data, "-U", p.Superuser, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale=C.UTF-8")
	init.Dir, init.SysProcAttr = "/", &syscall.SysProcAttr{Credential: p.cred}
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	setup := pgSetup{files: map[string][]byte{}}
	for _, o := range options {
		o(&setup)
	}
	if setup.tls {
		ca, cert, key := certificate(t)
		p.CAFile = filepath.Join(dir, "ca.pem")
		write(t, p.cred, p.CAFile, ca)
		setup.files["server.crt"], setup.files["server.key"] = cert, key
		setup.config = "ssl = on\n" + setup.config
	}
	setup.files["postgresql.auto.conf"] = fmt.Appendf(nil, "listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\nfsync = off\nmax_connections = 500\n"+
		"log_statement = 'all'\nlog_connections = on\n%s", p.Port, dir, setup.config)
	for name, content := range setup.files {
		write(t, p.cred, filepath.Join(p.data, name), content)
	}
	p.Start(t)
	return p
}

// Start starts the server again, on the same port and data.
func (p *PG) Start(t testing.TB) {
	t.Helper()
	// Killed outright it would leave its shared memory behind for good; this
	// is its immediate shutdown.
	how := command{log: p.LogFile, env: []string{"PATH=/usr/bin:/bin"}, cred: p.cred, end: syscall.SIGQUIT}
	p.proc = start(t, how, filepath.Join(p.bin, "postgres"), "-D", p.data)
	await(t, "PostgreSQL", p.proc, func() error {
		c, err := pgx.Connect(context.Background(), p.URL(p.Superuser, p.Password, "postgres"))
		if err != nil {
			return err
		}
		return c.Close(context.Background())
	})
}

// Stop ends the server at once, as a crash does: nothing is finished or
// written, and the next start recovers.
func (p *PG) Stop() { p.proc.stop() }

// Restart ends the server as a crash does and starts it again.
func (p *PG) Restart(t testing.TB) {
	t.Helper()
	p.Stop()
	p.Start(t)
}

// URL is a connection string without TLS.
func (p *PG) URL(user, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Host: p.Host + ":" + port(p.Port),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}
