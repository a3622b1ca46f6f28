package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A conn is one logged-in connection, and whose it is for error texts.
type conn struct {
	*pgconn.PgConn
	login login
}

// close says goodbye without waiting for the server.
func (c *conn) close(ctx context.Context) { _ = c.Close(ctx) }

// connect logs in as l, once: neither a refused login nor a lost connection
// is tried again, so that one call counts once for whoever counts failed
// logins.
func (r *Rotator) connect(ctx context.Context, l login, mode tlsMode, roots *x509.CertPool) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	config, err := bareConfig()
	if err != nil {
		return nil, l.fail("prepare the connection", err)
	}
	// The connection stands, with TLS or without, before pgconn is asked: it
	// would log in again at every address of a name and after every failure
	// of TLS.
	network, verified, err := r.open(ctx, l, mode, roots)
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if c := network; c != nil {
			network = nil
			return c, nil
		}
		// pgconn comes again to cancel a statement whose context ended.
		c, _, err := r.open(ctx, l, mode, roots)
		return c, err
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{l.address()}, nil }
	config.Host, config.Port, config.User, config.Database = l.host, l.port, l.user, l.database
	config.Password = string(l.password.Reveal())
	if !verified {
		// Whoever sits in between could ask for it.
		config.RequireAuth = "!password"
	}
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		if strings.Contains(err.Error(), "require_auth check failed") {
			err = errClearPassword
		}
		return nil, l.fail("log in", err)
	}
	return &conn{c, l}, nil
}

var errClearPassword = errors.New("the server asks for the clear password over a connection that is not verified TLS: " +
	"let pg_hba.conf say scram-sha-256, or turn on TLS")

// maxMessage is the longest message that a server may send: what rota asks for
// takes a few thousand bytes.
const maxMessage = 1 << 20

// bareConfig is a pgconn.Config that owes nothing to the environment. pgconn
// only takes a config from its parser, and the parser reads PG* variables and
// files in the home directory: every key is given here so that none is read,
// and what counts is set by the caller. TLS is not pgconn's business here.
func bareConfig() (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("host=unset port=1 dbname=unset user=unset password=unset passfile='' " +
		"connect_timeout=0 application_name='' timezone='' options='' target_session_attrs=any " +
		"sslmode=disable sslkey='' sslcert='' sslcertmode=disable sslsni=1 sslrootcert='' sslpassword='' " +
		"sslnegotiation=postgres min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''")
	if err != nil {
		// The one thing left is PGSERVICE, which must name a readable entry.
		return nil, errors.New("the environment variable PGSERVICE cannot be followed: unset it, rota does not use it")
	}
	config.Fallbacks = nil
	// A message is read into memory as long as the server says it is, and
	// nobody has proven who the server is when it answers first.
	config.MaxProtocolMessageBodyLen = maxMessage
	config.RuntimeParams = map[string]string{
		"application_name": "rota",
		// A role's own configuration must not change how statements are read.
		"client_encoding":             "UTF8",
		"standard_conforming_strings": "on",
	}
	return config, nil
}

// exec sends one or more statements in one message and waits for the last.
func (c *conn) exec(ctx context.Context, op, statements string) error {
	if _, err := c.Exec(ctx, statements).ReadAll(); err != nil {
		return c.login.fail(op, err)
	}
	return nil
}

// query sends one statement with text parameters and returns its rows as
// text; NULL is nil. It takes one round trip.
func (c *conn) query(ctx context.Context, op, statement string, params ...string) ([][][]byte, error) {
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = []byte(p)
	}
	res := c.ExecParams(ctx, statement, values, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, c.login.fail(op, res.Err)
	}
	return res.Rows, nil
}

// knowsSCRAM refuses servers that would take a verifier for a password.
func (c *conn) knowsSCRAM() error {
	version := c.ParameterStatus("server_version")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(strings.TrimSpace(major)); err == nil && n < 10 {
		return c.login.fail("set a password", fmt.Errorf("the server is version %d; SCRAM needs 10 or later", n))
	}
	return nil
}
