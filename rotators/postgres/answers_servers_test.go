//go:build servers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotation"
)

const secretWord = "hunter2-hunter2"

// leaks fails the test if the error or anything it wraps shows a password.
func leaks(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var connect *pgconn.ConnectError
	var parse *pgconn.ParseConfigError
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter") || errors.As(err, &connect) || errors.As(err, &parse) {
		t.Errorf("%s: the error shows too much: %v", what, err)
	}
}

func TestTryTellsDeadFromRefusedFromUnknown(t *testing.T) {
	s := startServer(t, `
host all walled 127.0.0.1/32 reject
host all outside 127.0.0.2/32 scram-sha-256
host all trusted 127.0.0.1/32 trust
host all clear 127.0.0.1/32 password
host all old 127.0.0.1/32 md5
host all all 127.0.0.1/32 scram-sha-256
`, testserver.Config("max_connections = 8\nsuperuser_reserved_connections = 2\n"))
	for name, more := range map[string]string{
		"app": "", "nologin": "NOLOGIN", "expired": "VALID UNTIL '2001-01-01'", "walled": "", "outside": "", "trusted": "", "clear": "",
		"old": "", "full": "CONNECTION LIMIT 0",
	} {
		s.role(name, secretWord, more)
	}
	s.sql("CREATE DATABASE closed")
	s.sql("CREATE ROLE nopassword LOGIN; REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
	right := func(user string) rota.Value { return s.value(user, secretWord) }
	with := func(v rota.Value, m map[string]any) rota.Value {
		return rota.StringValue(alter(t, string(v.Reveal()), m))
	}
	unknown := errors.New("unknown")

	for name, row := range map[string]struct {
		value rota.Value
		want  error
		text  string
	}{
		"the right password":                               {right("app"), nil, ""},
		"the right password by md5":                        {right("old"), nil, ""},
		"no password checked":                              {s.value("trusted", "x"), nil, ""},
		"a wrong password":                                 {s.value("app", secretWord+"x"), rotation.ErrDead, `log in as "app": password authentication failed (28P01)`},
		"a role that is missing":                           {right("missing"), rotation.ErrDead, "(28P01)"},
		"a role without a password":                        {right("nopassword"), rotation.ErrDead, "(28P01)"},
		"a role past its VALID UNTIL":                      {right("expired"), rotation.ErrDead, "(28P01)"},
		"NOLOGIN":                                          {right("nologin"), rotation.ErrRefused, "(28000)"},
		"NOLOGIN and a wrong password":                     {s.value("nologin", secretWord+"x"), rotation.ErrDead, "(28P01)"},
		"rejected by pg_hba.conf":                          {right("walled"), rotation.ErrRefused, "(28000)"},
		"a database that is missing":                       {with(right("app"), map[string]any{"dbname": "nowhere"}), unknown, "see the field dbname (3D000)"},
		"a database that is missing, and a wrong password": {with(s.value("app", "x"), map[string]any{"dbname": "nowhere"}), rotation.ErrDead, "(28P01)"},
		"a database without the right to connect":          {with(right("app"), map[string]any{"dbname": "closed"}), unknown, "permission denied (42501)"},
		"the role's connection limit":                      {right("full"), unknown, "too many connections (53300)"},
		"the clear password asked for":                     {right("clear"), unknown, "scram-sha-256, or turn on TLS"},
		"nobody listens":                                   {with(right("app"), map[string]any{"port": 1}), unknown, "connection refused"},
		"a host that does not exist":                       {with(right("app"), map[string]any{"host": "nowhere.invalid"}), unknown, "nowhere.invalid"},
		"TLS asked of a server without":                    {with(right("app"), map[string]any{"ssl": true}), unknown, "start TLS"},
	} {
		req := s.request(rotation.SingleUser, row.value)
		err := New(Options{}).Try(within(t), req, row.value)
		dead, refused := errors.Is(err, rotation.ErrDead), errors.Is(err, rotation.ErrRefused)
		if (err != nil) != (row.want != nil) || dead != (row.want == rotation.ErrDead) ||
			refused != (row.want == rotation.ErrDead || row.want == rotation.ErrRefused) || rotation.IsPermanent(err) {
			t.Errorf("%s: %v (dead %t, refused %t)", name, err, dead, refused)
		}
		if err != nil && !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: no %q in: %v", name, row.text, err)
		}
		leaks(t, name, err)
	}

	t.Run("the server is full", func(t *testing.T) {
		for range 6 {
			c, err := New(Options{}).connect(within(t), mustLogin(t, right("app")), tlsDisable, nil)
			if err != nil {
				break
			}
			defer c.close(context.Background())
		}
		err := New(Options{}).Try(within(t), s.request(rotation.SingleUser, right("app")), right("app"))
		if err == nil || errors.Is(err, rotation.ErrRefused) || sqlState(err) != stateTooMany {
			t.Error(err)
		}
		leaks(t, "full", err)
	})
	t.Run("the step's time is over", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := New(Options{}).Try(ctx, s.request(rotation.SingleUser, right("app")), right("app"))
		if !errors.Is(err, context.Canceled) || errors.Is(err, rotation.ErrRefused) {
			t.Error(err)
		}
		leaks(t, "cancelled", err)
	})
	t.Run("the server is down", func(t *testing.T) {
		s.Stop()
		err := New(Options{}).Try(within(t), s.request(rotation.SingleUser, right("app")), right("app"))
		if err == nil || errors.Is(err, rotation.ErrRefused) {
			t.Error(err)
		}
	})
}

func mustLogin(t *testing.T, v rota.Value) login {
	t.Helper()
	l, _, err := parseLogin(v, true)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestServersThatSayNothingOrNonsenseAreUnknown(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":             "",
		"another protocol":    "SSH-2.0-OpenSSH_9.2\r\n",
		"an error in a word":  "N\x45\x00\x00\x00\x05",
		"yes to TLS, no TLS":  "Shunter",
		"password please":     "N\x52\x00\x00\x00\x08\x00\x00\x00\x03",
		"welcome and silence": "N\x52\x00\x00\x00\x08\x00\x00\x00\x00",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, 1024)
				n, _ := c.Read(buf)
				if strings.Contains(string(buf[:n]), "hunter") {
					t.Errorf("%s: the password went over in the clear", name)
				}
				_, _ = c.Write([]byte(answer))
				if n, _ = c.Read(buf); strings.Contains(string(buf[:n]), "hunter") {
					t.Errorf("%s: the password went over in the clear", name)
				}
				if answer != "" {
					_ = c.Close()
				}
			}
		})
		v := rota.StringValue(fmt.Sprintf(`{"engine":"postgres","host":"127.0.0.1","port":%d,"username":"app","password":"hunter2"}`,
			l.Addr().(*net.TCPAddr).Port))
		req := rotation.Request{SecretARN: "arn", Settings: rotation.Settings{"strategy": rotation.SingleUser}, Current: v}
		err = New(Options{ConnectTimeout: 300 * time.Millisecond}).Try(context.Background(), req, v)
		if err == nil || !rotation.Unreachable(err) {
			t.Errorf("%s: %v", name, err)
		}
		leaks(t, name, err)
		_ = l.Close()
		wg.Wait()
	}
}

// TestAServerThatClaimsALongAnswerGetsNoMemoryForIt: it says that 900 MB are
// coming, as the answer to the start-up packet and as a row, and sends nothing.
func TestAServerThatClaimsALongAnswerGetsNoMemoryForIt(t *testing.T) {
	const claim = "\x35\xa4\xe9\x00" // 900,000,000
	const welcome = "R\x00\x00\x00\x08\x00\x00\x00\x00" + "Z\x00\x00\x00\x05I"
	for name, answer := range map[string]string{
		"an error":                "E" + claim,
		"a question":              "R" + claim,
		"a row, after a welcome":  welcome + "D" + claim,
		"a note, after a welcome": welcome + "N" + claim,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }()
			_, _ = c.Write([]byte(answer))
			<-done // the connection stays: nothing but the claim ends it
		})
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		who := login{host: "127.0.0.1", port: port, user: "app", database: "app", password: rota.StringValue("hunter2")}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := New(Options{ConnectTimeout: time.Minute}).connect(within(t), who, tlsDisable, nil)
		if err == nil {
			_, err = c.query(within(t), "ask", "SELECT 1")
		}
		runtime.ReadMemStats(&after)
		switch used := after.TotalAlloc - before.TotalAlloc; {
		case err == nil || errors.Is(err, rotation.ErrRefused) || !strings.Contains(err.Error(), "announces a message of 8999999"):
			t.Errorf("%s: %v", name, err)
		case used > 16<<20:
			t.Errorf("%s: %d MB were taken", name, used>>20)
		}
		leaks(t, name, err)
		close(done)
		_ = l.Close()
		wg.Wait()
	}
}

func TestTheEnvironmentChangesNothing(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("app", secretWord, "")
	for _, name := range []string{
		"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGSSLMODE",
		"PGSSLKEY", "PGSSLCERT", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLROOTCERT", "PGSSLPASSWORD", "PGSSLNEGOTIATION",
		"PGTARGETSESSIONATTRS", "PGSERVICEFILE", "PGTZ", "PGOPTIONS", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION",
		"PGCHANNELBINDING", "PGREQUIREAUTH",
	} {
		t.Setenv(name, "/nonsense")
	}
	v := s.value("app", secretWord)
	req := s.request(rotation.SingleUser, v)
	if err := New(Options{}).Try(within(t), req, v); err != nil {
		t.Error(err)
	}
	t.Setenv("PGSERVICE", "nonsense")
	err := New(Options{}).Try(within(t), req, v)
	if err == nil || !strings.Contains(err.Error(), "PGSERVICE") || errors.Is(err, rotation.ErrRefused) {
		t.Errorf("PGSERVICE: %v", err)
	}
	leaks(t, "PGSERVICE", err)
}

func TestARefusedLoginIsTriedOnce(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("app", secretWord, "")
	since := len(s.log(0))
	v := s.value("app", secretWord+"x")
	expect(t, "try", New(Options{}).Try(within(t), s.request(rotation.SingleUser, v), v), rotation.ErrDead)
	if n := strings.Count(s.log(since), "password authentication failed for user"); n != 1 {
		t.Errorf("the server saw %d logins", n)
	}
}
