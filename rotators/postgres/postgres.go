// Package postgres rotates the password of a PostgreSQL role, as a single
// user or as alternating users, in secrets of the form that AWS documents for
// its own rotation functions
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
//
// The server is only ever sent SCRAM-SHA-256 verifiers, never a password: what
// it logs and what an extension sees of a statement lets nobody log in.
//
// What differs from AWS's functions, each on purpose:
//
//   - After a TLS connection stands there is no second attempt without TLS:
//     a wrong password costs one login, not two.
//   - A server that asks for the clear password gets it only over TLS whose
//     certificate was verified.
//   - The admin connects to the admin secret's own database, and only to the
//     address in the admin secret, port included. Read replicas and admin
//     secrets without a host (RDS-managed ones) are refused: there is no RDS
//     here to ask.
//   - An existing partner is only touched if one of the two roles is a member
//     of the other, as it is when AWS's function or this one made it.
//   - A new partner gets the original's role attributes, connection limit,
//     VALID UNTIL and ALTER ROLE … SET configuration besides its privileges.
//     None is made for a superuser.
package postgres

import (
	"context"
	"crypto/x509"
	"net"
	"time"

	"github.com/rotahq/rota/rotation"
)

// Name is the rotator's name in settings.
const Name = "postgres"

// Options are what the program decides, not the secret. The zero value works.
type Options struct {
	// ConnectTimeout bounds reaching the server, TLS and the login together.
	// 5 s if zero, as in AWS's functions. Statements are bounded by the
	// context only.
	ConnectTimeout time.Duration
	// Dial opens the network connection: the place for address rules. It must
	// be safe for concurrent use. Nil dials directly.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs are the authorities that a server's certificate must come from
	// where the setting tls-ca names none. Nil: those of the system.
	RootCAs *x509.CertPool
}

// Rotator implements rotation.Chooser. It holds no state and is safe for
// concurrent use.
type Rotator struct {
	timeout time.Duration
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	roots   *x509.CertPool
}

var _ rotation.Chooser = (*Rotator)(nil)

// New returns a rotator for PostgreSQL.
func New(o Options) *Rotator {
	r := &Rotator{timeout: o.ConnectTimeout, dial: o.Dial, roots: o.RootCAs}
	if r.timeout <= 0 {
		r.timeout = 5 * time.Second
	}
	if r.dial == nil {
		r.dial = (&net.Dialer{}).DialContext
	}
	return r
}

// Descriptor says what the rotator is.
func (*Rotator) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{
		Name:  Name,
		Title: "PostgreSQL",
		Docs:  "https://www.postgresql.org/docs/current/sql-alterrole.html",
		Fields: []rotation.Field{
			{Name: "engine", Address: true, Required: true, Help: `"postgres" or "aurora-postgresql"`},
			{Name: "host", Address: true, Required: true, Help: "host name or IP address"},
			{Name: "port", Address: true, Help: "number or numeric string; 5432 if absent"},
			{Name: "username", Required: true, Help: "at most 63 bytes, 57 for alternating users"},
			{Name: "password", Required: true, Secret: true},
			{Name: "dbname", Help: `the database to log in to; "postgres" if absent`},
			{Name: "ssl", Address: true, Help: "true: verified TLS; false: none; absent: verified TLS, and none if that fails"},
			{Name: "masterarn", Help: "alternating users: ARN of the admin secret"},
		},
		Settings: []rotation.Setting{
			{
				Name: settingLength, Default: defaultLength, Check: checkLength,
				Help: "how many characters a new password has, 10 to 1000",
			},
			{
				Name: settingExclude, Default: defaultExclude,
				Help: "characters that a new password never has",
			},
			{
				Name: settingTLS, Check: checkTLS,
				Help: "disable, prefer, require, verify-ca or verify-full, instead of what the field ssl says (below)",
			},
			{
				Name: settingCA,
				Help: "path of a PEM file with the authorities that the server's certificate must come from; the system's if empty",
			},
		},
		Dead: "SQLSTATE 28P01 (invalid_password) at login",
		Semantics: "Setting a password replaces the role's old one at once for new logins; sessions that are open stay open. " +
			"With a single user there is no overlap. With alternating users the partner is the role with _clone added to or " +
			"taken from its name; the admin creates it if it is absent, and the old one ends by getting a password that nobody " +
			"can know. Passwords are stored as SCRAM-SHA-256, which clients must speak. The server answers 28P01 also to the " +
			"right password of a role past its VALID UNTIL.",
	}
}
