package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota/rotation"
)

// attempts is how often a change is sent that met another change of the same
// role. PostgreSQL lets the later one wait and then fails it, so that of n who
// meet one gets through each time.
const attempts = 8

// begin starts every change. A role's or a database's own configuration may
// make transactions read-only or let commits return before they are safe: a
// password that the server forgets in a crash would be one that rota has
// promised already.
const (
	begin  = "BEGIN READ WRITE; SET LOCAL synchronous_commit TO on; "
	commit = "; COMMIT"
)

// setPassword sets a role's verifier in one round trip. A role may set its own.
func (c *conn) setPassword(ctx context.Context, role, verifier string) error {
	if err := c.knowsSCRAM(); err != nil {
		return err
	}
	return c.persist(ctx, func() error {
		return c.exec(ctx, fmt.Sprintf("set the password of %q", role), begin+alterPassword(role, verifier)+commit)
	})
}

// setPairPassword sets the verifier of other, the partner of user, and
// creates other if it is absent. The connection is the admin's.
func (c *conn) setPairPassword(ctx context.Context, user, other, verifier string) error {
	if err := c.knowsSCRAM(); err != nil {
		return err
	}
	return c.persist(ctx, func() error {
		p, err := c.readPair(ctx, user, other)
		switch {
		case err != nil:
			return err
		case !p.exists:
			return c.create(ctx, p, user, other, verifier)
		case !p.related:
			return c.notRelated(user, other)
		case !p.canLogin:
			return c.hint(other, "is NOLOGIN: ALTER ROLE … LOGIN if it is to be used")
		case p.expired:
			return c.hint(other, "is past its VALID UNTIL, the server would refuse any password: ALTER ROLE … VALID UNTIL 'infinity' or a later time")
		}
		return c.exec(ctx, fmt.Sprintf("set the password of %q", other), begin+alterPassword(other, verifier)+commit)
	})
}

// persist repeats a change that failed only because somebody else changed the
// same role at the same time.
func (c *conn) persist(ctx context.Context, change func() error) error {
	for n := 1; ; n++ {
		err := change()
		switch sqlState(err) {
		case stateInternal, stateDuplicateObject, stateUnique, stateSerialization, stateDeadlock:
		default:
			return c.explain(err)
		}
		if n == attempts {
			return err
		}
		if err := c.exec(ctx, "roll back", "ROLLBACK"); err != nil {
			return err
		}
	}
}

// explain adds what to do about a missing privilege.
func (c *conn) explain(err error) error {
	if sqlState(err) != statePrivilege {
		return err
	}
	return fmt.Errorf("%w: %q needs CREATEROLE and, from PostgreSQL 16 on, ADMIN OPTION on the roles it is to change "+
		"(GRANT … TO … WITH ADMIN OPTION); where rds.restrict_password_commands is on, users need rds_password", err, c.login.user)
}

func (c *conn) hint(role, what string) error {
	return rotation.Denied(fmt.Errorf("postgres %s: role %q %s", c.login.address(), role, what))
}

func (c *conn) notRelated(user, other string) error {
	return c.hint(other, fmt.Sprintf("exists and is not a member of %q nor the other way round, so it may be somebody else's: "+
		"if the two are a pair, GRANT the original to its clone once", user))
}

// pair is what the server knows of two alternating users: of the one who is
// current, and of the other.
type pair struct {
	exists, canLogin, expired bool // the other
	related                   bool // one is a member of the other
	super                     bool // the current one, as all that follows
	attributes                []string
}

const pairQuery = `
SELECT p.oid IS NOT NULL,
       COALESCE(p.rolcanlogin, false),
       COALESCE(p.rolvaliduntil <= pg_catalog.now(), false),
       EXISTS (SELECT 1 FROM pg_catalog.pg_auth_members m
               WHERE (m.roleid = c.oid AND m.member = p.oid) OR (m.roleid = p.oid AND m.member = c.oid)),
       c.rolsuper,
       c.rolcreatedb, c.rolcreaterole, c.rolreplication, c.rolbypassrls,
       c.rolconnlimit,
       c.rolvaliduntil
FROM pg_catalog.pg_roles c
LEFT JOIN pg_catalog.pg_roles p ON p.rolname = $2
WHERE c.rolname = $1`

func (c *conn) readPair(ctx context.Context, user, other string) (pair, error) {
	op := fmt.Sprintf("read the roles %q and %q", user, other)
	rows, err := c.query(ctx, op, pairQuery, user, other)
	if err != nil {
		return pair{}, err
	}
	if len(rows) != 1 {
		return pair{}, c.login.fail(op, errors.New("the server that the admin reaches does not know the current user"))
	}
	row := rows[0]
	is := func(i int) bool { return string(row[i]) == "t" }
	p := pair{exists: is(0), canLogin: is(1), expired: is(2), related: is(3), super: is(4)}
	for i, word := range []string{"CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS"} {
		if is(5 + i) {
			p.attributes = append(p.attributes, word)
		}
	}
	if limit := string(row[9]); limit != "-1" {
		p.attributes = append(p.attributes, "CONNECTION LIMIT "+limit)
	}
	if until := row[10]; until != nil {
		p.attributes = append(p.attributes, "VALID UNTIL "+quoteLiteral(string(until)))
	}
	return p, nil
}

// configQuery finds what ALTER ROLE … SET gave a role, as far as the admin
// may give it to another: parameters that take a superuser are left to
// superusers.
const configQuery = `
SELECT COALESCE(d.datname, ''), o.name, o.value
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL (
    SELECT pg_catalog.split_part(e, '=', 1) AS name, pg_catalog.substr(e, pg_catalog.strpos(e, '=') + 1) AS value
    FROM pg_catalog.unnest(s.setconfig) e) o
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_settings g ON pg_catalog.lower(g.name) = pg_catalog.lower(o.name)
WHERE s.setrole = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $1)
  AND (g.context = 'user' OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user))
ORDER BY 1, 2`

// create makes other in the likeness of user, in one transaction.
func (c *conn) create(ctx context.Context, p pair, user, other, verifier string) error {
	if p.super {
		return c.hint(user, fmt.Sprintf("is a superuser, and rota makes no superusers: create %q yourself and GRANT %q to it, "+
			"or use the single-user strategy", other, user))
	}
	rows, err := c.query(ctx, fmt.Sprintf("read the configuration of %q", user), configQuery, user)
	if err != nil {
		return err
	}
	statements := []string{
		strings.Join(append([]string{"CREATE ROLE", quoteName(other), "LOGIN PASSWORD", quoteLiteral(verifier)}, p.attributes...), " "),
		"GRANT " + quoteName(user) + " TO " + quoteName(other),
	}
	for _, row := range rows {
		statements = append(statements, alterConfig(other, string(row[0]), string(row[1]), string(row[2])))
	}
	return c.exec(ctx, fmt.Sprintf("create %q in the likeness of %q", other, user),
		begin+strings.Join(statements, "; ")+commit)
}

func alterPassword(role, verifier string) string {
	return "ALTER ROLE " + quoteName(role) + " PASSWORD " + quoteLiteral(verifier)
}

func alterConfig(role, database, name, value string) string {
	s := "ALTER ROLE " + quoteName(role)
	if database != "" {
		s += " IN DATABASE " + quoteName(database)
	}
	return s + " SET " + pgx.Identifier(strings.Split(name, ".")).Sanitize() + " TO " + quoteConfig(name, value)
}

func quoteName(s string) string { return pgx.Identifier{s}.Sanitize() }

// quoteLiteral is right whether or not standard_conforming_strings is on.
func quoteLiteral(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(s, `\`, `\\`) + `'`
	}
	return `'` + s + `'`
}

// listParameters hold lists of names that are stored quoted, and are read
// back as one name unless each is quoted by itself (GUC_LIST_QUOTE).
var listParameters = map[string]bool{
	"local_preload_libraries": true, "search_path": true, "session_preload_libraries": true,
	"shared_preload_libraries": true, "temp_tablespaces": true, "unix_socket_directories": true,
}

// quoteConfig writes a stored value as SET reads it.
func quoteConfig(name, value string) string {
	if !listParameters[strings.ToLower(name)] {
		return quoteLiteral(value)
	}
	var out []string
	for _, s := range splitNames(value) {
		out = append(out, quoteLiteral(s))
	}
	if len(out) == 0 {
		return "''"
	}
	return strings.Join(out, ", ")
}

// splitNames splits a stored list such as `"$user", public`.
func splitNames(list string) []string {
	var out []string
	for rest := strings.TrimSpace(list); rest != ""; {
		var name string
		if rest[0] == '"' {
			var b strings.Builder
			i := 1
			for ; i < len(rest); i++ {
				if rest[i] == '"' {
					if i+1 == len(rest) || rest[i+1] != '"' {
						break
					}
					i++
				}
				b.WriteByte(rest[i])
			}
			name, rest = b.String(), rest[min(i+1, len(rest)):]
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			name, rest, _ = strings.Cut(rest, ",")
			name = strings.TrimSpace(name)
		}
		out = append(out, name)
		rest = strings.TrimSpace(rest)
	}
	return out
}
