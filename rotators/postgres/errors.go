package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rotahq/rota/rotation"
)

// The SQLSTATEs that mean something to rota
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	stateInvalidPassword   = "28P01"
	stateNotPermitted      = "28000"
	stateReadOnly          = "25006"
	statePrivilege         = "42501"
	stateUndefinedObject   = "42704"
	stateDuplicateObject   = "42710"
	stateUnique            = "23505"
	stateSerialization     = "40001"
	stateDeadlock          = "40P01"
	stateTooMany           = "53300"
	stateInternal          = "XX000"
	stateUndefinedDatabase = "3D000"
)

// words are for people. The server's own message is not passed on: it may
// quote the statement.
var words = map[string]string{
	stateInvalidPassword:   "password authentication failed",
	stateNotPermitted:      "the login is not permitted: the role may be NOLOGIN, or pg_hba.conf has no line for it",
	stateReadOnly:          "the server is read-only: it may be a standby",
	statePrivilege:         "permission denied",
	stateUndefinedObject:   "the role does not exist",
	stateDuplicateObject:   "the role exists already",
	stateUnique:            "somebody else creates the same role",
	stateSerialization:     "somebody else changes the same role",
	stateDeadlock:          "somebody else changes the same role",
	stateTooMany:           "too many connections",
	stateInternal:          "internal error, or somebody else changes the same role",
	stateUndefinedDatabase: "the database does not exist: see the field dbname",
	"08P01":                "protocol violation",
	"42601":                "the server does not know the statement",
	"55P03":                "a lock is not available",
	"57014":                "the statement was cancelled: it may have met a statement_timeout",
	"57P01":                "the server is shutting down",
	"57P02":                "the server crashed",
	"57P03":                "the server is starting up or shutting down",
}

// failure is every error that has to do with a server. It wraps nothing of
// pgx: a pgconn.ConnectError carries the whole configuration, password
// included.
type failure struct {
	text  string
	state string  // SQLSTATE; "" if the server did not say
	is    []error // what errors.Is and errors.As may find
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// sqlState is the server's SQLSTATE, "" if it did not get to say one.
func sqlState(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.state
	}
	return ""
}

// fail describes what went wrong with what was done as l.
func (l login) fail(op string, err error) error {
	f := &failure{}
	cause := ""
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		f.state = pg.Code
		if cause = words[pg.Code]; cause == "" {
			cause = "the server refuses"
		}
		cause += " (" + pg.Code + ")"
	default:
		cause, f.is = describe(err)
	}
	// Only an answer to a login speaks about the credential.
	if op == "log in" {
		switch {
		case f.state == stateInvalidPassword:
			f.is = append(f.is, rotation.ErrDead)
		case len(f.state) == 5 && f.state[:2] == "28":
			f.is = append(f.is, rotation.ErrRefused)
		}
	}
	// Another role, database or right may be served all the same.
	if class := f.state[:min(2, len(f.state))]; class == "28" || class == "3D" || class == "42" {
		f.is = append(f.is, rotation.ErrDenied)
	}
	f.text = fmt.Sprintf("postgres %s: %s as %q: %s", l.address(), op, l.user, cause)
	return f
}

// describe words an error that did not come from the server, and returns what
// of it is safe to wrap. pgx's own types are not.
func describe(err error) (string, []error) {
	var (
		dial     *net.OpError
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		roots    x509.SystemRootsError
		cert     *tls.CertificateVerificationError
		alert    tls.AlertError
		record   tls.RecordHeaderError
		long     *pgproto3.ExceededMaxBodyLenErr
		connect  *pgconn.ConnectError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled", []error{context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return "no answer in time", []error{context.DeadlineExceeded}
	case errors.As(err, &dns):
		return dns.Error(), []error{dns}
	case errors.As(err, &dial):
		return dial.Error(), []error{dial}
	case errors.As(err, &unknown):
		return unknown.Error() + ": see the setting " + settingCA, []error{unknown}
	case errors.As(err, &hostname):
		return hostname.Error(), []error{hostname}
	case errors.As(err, &invalid):
		return invalid.Error(), []error{invalid}
	case errors.As(err, &roots):
		return roots.Error(), []error{roots}
	case errors.As(err, &cert):
		return "the server's certificate could not be verified", nil
	case errors.As(err, &alert):
		return alert.Error(), []error{alert}
	case errors.As(err, &record):
		return "the server does not speak TLS", nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection", []error{io.ErrUnexpectedEOF}
	case errors.As(err, &long):
		return fmt.Sprintf("the server announces a message of %d bytes, and rota reads none above %d: check that host and port are those of PostgreSQL",
			long.ActualBodyLen, long.MaxExpectedBodyLen), nil
	case errors.As(err, &connect):
		return "the server did not follow the protocol", nil
	}
	return err.Error(), []error{err}
}
