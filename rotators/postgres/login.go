package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

const (
	// maxName is NAMEDATALEN-1: the server cuts longer names off, silently.
	maxName     = 63
	cloneSuffix = "_clone"
	defaultPort = 5432
	defaultDB   = "postgres"
)

// login is who logs in where, as a secret's value says it.
type login struct {
	host     string // lower case
	port     uint16
	user     string
	database string
	ssl      ssl
	password rota.Value
}

// ssl is the field of that name.
type ssl uint8

const (
	sslUnsaid ssl = iota // absent, or not true or false
	sslYes
	sslNo
)

// address is the server's, for dialing and for people.
func (l login) address() string { return net.JoinHostPort(l.host, strconv.Itoa(int(l.port))) }

// provider is within what a role name means something: roles belong to the
// server, not to a database.
func (l login) provider() string { return "postgres://" + l.address() }

// parseLogin reads the login of a value. Its error joins every problem.
// The admin secret may leave out its engine, since it is named by hand.
func parseLogin(v rota.Value, engineRequired bool) (login, document, error) {
	d, err := readDocument(v)
	if err != nil {
		return login{}, document{}, err
	}
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	text := func(name string, required bool) string {
		s, present, err := d.str(name)
		switch {
		case err != nil:
			problems = append(problems, err)
		case required && s == "" && present:
			problem("%q is empty", name)
		case required && !present:
			problem("%q is missing", name)
		case strings.ContainsRune(s, 0):
			problem("%q holds a zero byte", name)
		}
		return s
	}

	l := login{port: defaultPort, database: defaultDB}
	switch engine := text("engine", engineRequired); engine {
	case "", "postgres", "aurora-postgresql":
	default:
		problem(`"engine" must be "postgres" or "aurora-postgresql" for this rotator`)
	}
	l.host = strings.ToLower(text("host", true))
	if l.host != "" && !validHost(l.host) {
		problem(`"host" must be one host name or IP address`)
	}
	if raw, ok := d.member("port"); ok {
		if l.port = parsePort(raw); l.port == 0 {
			problem(`"port" must be a number from 1 to 65535`)
		}
	}
	l.user = text("username", true)
	if len(l.user) > maxName {
		problem(`"username" has %d bytes, PostgreSQL knows %d`, len(l.user), maxName)
	}
	l.password = rota.StringValue(text("password", true))
	if db := text("dbname", false); db != "" {
		l.database = db
	}
	_ = text("masterarn", false)
	l.ssl = parseSSL(d)
	return l, d, errors.Join(problems...)
}

// places names two servers as AWS's functions do, by host, and by port too
// where only that differs.
func places(a, b login) (string, string) {
	if a.host == b.host {
		return a.address(), b.address()
	}
	return a.host, b.host
}

// validHost accepts a name or an address, and nothing that a dialer or a
// connection string could read as more than one, a port or a path.
func validHost(h string) bool {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.Zone() == ""
	}
	for _, c := range h {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return len(h) <= 253
}

// parsePort reads a number or a string that holds one; 0 is neither.
func parsePort(raw json.RawMessage) uint16 {
	s := string(raw)
	if raw[0] == '"' && json.Unmarshal(raw, &s) != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// parseSSL follows AWS's functions: a boolean, or "true" and "false" in any
// case; everything else counts as absent.
func parseSSL(d document) ssl {
	raw, ok := d.member("ssl")
	if !ok {
		return sslUnsaid
	}
	s := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &s) != nil {
			return sslUnsaid
		}
		s = strings.ToLower(s)
	}
	switch s {
	case "true":
		return sslYes
	case "false":
		return sslNo
	}
	return sslUnsaid
}

// partner is the other one of two alternating users.
func partner(user string) (string, error) {
	if base, isClone := strings.CutSuffix(user, cloneSuffix); isClone {
		if base == "" {
			return "", fmt.Errorf("no user name is left of %q without its %q", user, cloneSuffix)
		}
		return base, nil
	}
	if len(user)+len(cloneSuffix) > maxName {
		return "", asAWS("Unable to clone user, username length with _clone appended would exceed %d characters", maxName)
	}
	return user + cloneSuffix, nil
}
