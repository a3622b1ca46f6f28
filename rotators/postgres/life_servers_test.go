//go:build servers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// hostile are names and first passwords that something on the way could trip
// over.
var hostile = []struct{ user, password string }{
	{"app", "plain-old-password"},
	{`a"b`, `pass"word one`},
	{`x'; DROP ROLE postgres; --`, `'; DROP ROLE app; --`},
	{`back\slash`, `back\slash\'two`},
	{"Ünïcode-用户", "pässwörtжの😀three"},
	{"with space $1 %s", "$1 %s four   spaces"},
	{strings.Repeat("n", 57), strings.Repeat("long-password", 60)},
	{"host=evil user=postgres", "host=evil password=five"},
}

func TestSingleUserLivesThroughRotationsThatRepeatEveryMethod(t *testing.T) {
	s := startServer(t, scramHBA)
	r := New(Options{})
	ctx := within(t)
	var passwords []string
	for _, h := range hostile {
		s.role(h.user, h.password, "")
		current, previous := s.value(h.user, h.password), rota.Value{}
		passwords = append(passwords, h.password)
		for round := range 3 {
			req := s.request(rotation.SingleUser, current)
			req.Rand = chacha(byte(len(passwords)))
			req.Previous = previous
			pending, err := r.Choose(req)
			if err != nil {
				t.Fatalf("%q: %v", h.user, err)
			}
			passwords = append(passwords, passwordOf(t, pending))
			req.Pending = pending

			expect(t, "current before", r.Try(ctx, req, current), nil)
			expect(t, "pending before", r.Try(ctx, req, pending), rotation.ErrDead)
			expect(t, "spoilt", r.Try(ctx, req, spoil(t, r, req, current)), rotation.ErrDead)
			expect(t, "set", r.Set(ctx, req), nil)
			expect(t, "set again", r.Set(ctx, req), nil)
			for range 2 {
				expect(t, "pending", r.Try(ctx, req, pending), nil)
				expect(t, "old", r.Try(ctx, req, current), rotation.ErrDead)
			}
			old := current
			previous, current = current, pending
			req.Current, req.Previous, req.Pending = current, previous, rota.Value{}
			for range 2 {
				expect(t, "end", r.End(ctx, req, old), nil)
				expect(t, "old after its end", r.Try(ctx, req, old), rotation.ErrDead)
				expect(t, "current after the old one's end", r.Try(ctx, req, current), nil)
			}
			if t.Failed() {
				t.Fatalf("user %q, round %d", h.user, round)
			}
		}
	}
	s.silent(passwords)
}

func TestAlternatingUsersLiveThroughRotationsThatRepeatEveryMethod(t *testing.T) {
	for name, admin := range map[string]string{"a superuser": "SUPERUSER", "who may create roles": "CREATEROLE"} {
		t.Run("admin "+name, func(t *testing.T) {
			s := startServer(t, scramHBA)
			s.role("root", "the-admin's-password", admin)
			r := New(Options{})
			ctx := within(t)
			passwords := []string{"the-admin's-password"}
			for i, h := range hostile {
				s.role(h.user, h.password, "")
				s.sql(fmt.Sprintf("CREATE TABLE t%d AS SELECT 42 AS x; GRANT SELECT ON t%d TO %s", i, i, quoteName(h.user)))
				current := s.value(h.user, h.password)
				passwords = append(passwords, h.password)
				for round := range 4 {
					req := s.request(rotation.AlternatingUsers, current)
					req.Rand = chacha(byte(len(passwords)))
					req.Admin = rotation.Admin{ARN: "arn:admin", Value: s.value("root", "the-admin's-password")}
					pending, err := r.Choose(req)
					if err != nil {
						t.Fatalf("%q: %v", h.user, err)
					}
					passwords = append(passwords, passwordOf(t, pending))
					req.Pending = pending

					expect(t, "pending before", r.Try(ctx, req, pending), rotation.ErrDead)
					expect(t, "set", r.Set(ctx, req), nil)
					expect(t, "set again", r.Set(ctx, req), nil)
					for range 2 {
						expect(t, "pending", r.Try(ctx, req, pending), nil)
						expect(t, "old in the overlap", r.Try(ctx, req, current), nil)
						expect(t, "spoilt", r.Try(ctx, req, spoil(t, r, req, pending)), rotation.ErrDead)
					}
					expect(t, "reading the original's table", reads(ctx, r, req, pending, fmt.Sprintf("t%d", i)), nil)

					old := current
					current = pending
					req.Current, req.Previous, req.Pending = current, old, rota.Value{}
					if round != 1 { // next-rotation: the next Set overwrites it
						for range 2 {
							expect(t, "end", r.End(ctx, req, old), nil)
							expect(t, "old after its end", r.Try(ctx, req, old), rotation.ErrDead)
						}
					}
					expect(t, "current after the old one's end", r.Try(ctx, req, current), nil)
					if t.Failed() {
						t.Fatalf("user %q, round %d", h.user, round)
					}
				}
				if got := s.sql("SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member OR r.oid = m.roleid WHERE r.rolname = " +
					quoteLiteral(h.user)); got[0] != "1" {
					t.Errorf("%q: %s memberships, want the clone's alone", h.user, got)
				}
			}
			s.silent(passwords)
		})
	}
}

func spoil(t *testing.T, r *Rotator, req rotation.Request, v rota.Value) rota.Value {
	t.Helper()
	spoilt, err := r.Spoil(req, v)
	if err != nil {
		t.Fatal(err)
	}
	return spoilt
}

// expect wants no error, or one that is want.
func expect(t *testing.T, what string, err, want error) {
	t.Helper()
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// reads logs in with v and reads a table.
func reads(ctx context.Context, r *Rotator, req rotation.Request, v rota.Value, table string) error {
	l, _, err := parseLogin(v, true)
	if err != nil {
		return err
	}
	c, err := r.connect(ctx, l, tlsPrefer, nil)
	if err != nil {
		return err
	}
	defer c.close(ctx)
	rows, err := c.query(ctx, "read", "SELECT x FROM "+table)
	if err == nil && string(rows[0][0]) != "42" {
		err = errors.New("another answer")
	}
	return err
}

func TestCloneIsMadeInTheLikenessOfTheOriginal(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("root", "r", "SUPERUSER")
	s.role("app", "p", "CREATEDB BYPASSRLS CONNECTION LIMIT 7 VALID UNTIL '2999-01-02 03:04:05+00'")
	s.sql(`CREATE DATABASE "d'b"`)
	s.sql(`ALTER ROLE app SET search_path = "$user", public, "a, b"; ALTER ROLE app SET statement_timeout = '5s';
		ALTER ROLE app SET app.tenant = 'it''s \ me'; ALTER ROLE app IN DATABASE "d'b" SET work_mem = '5MB'`)
	req := s.request(rotation.AlternatingUsers, s.value("app", "p"))
	req.Admin = rotation.Admin{ARN: "arn:admin", Value: s.value("root", "r")}
	r, n := counting()
	rotate(t, r, &req)
	if n.Load() != 2 {
		t.Errorf("%d connections", n.Load())
	}
	same := func(what, query string) {
		t.Helper()
		a := s.sql(strings.ReplaceAll(query, "ROLE", "'app'"))
		b := s.sql(strings.ReplaceAll(query, "ROLE", "'app_clone'"))
		if strings.Join(a, "\n") != strings.Join(b, "\n") || len(a) == 0 {
			t.Errorf("%s: %q, the clone has %q", what, a, b)
		}
	}
	same("attributes", `SELECT (rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
		rolconnlimit, rolvaliduntil)::text FROM pg_roles WHERE rolname = ROLE`)
	same("configuration", `SELECT setdatabase || ' ' || unnest(setconfig) FROM pg_db_role_setting
		WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = ROLE) ORDER BY 1`)
}

func TestAdminWhoIsNoSuperuserLeavesOutConfigurationThatTakesOne(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("root", "r", "CREATEROLE")
	s.role("app", "p", "")
	s.sql(`ALTER ROLE app SET log_min_duration_statement = '5s'; ALTER ROLE app SET search_path = x`)
	req := s.request(rotation.AlternatingUsers, s.value("app", "p"))
	req.Admin = rotation.Admin{ARN: "arn:admin", Value: s.value("root", "r")}
	rotate(t, New(Options{}), &req)
	got := s.sql(`SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = 'app_clone')`)
	if len(got) != 1 || got[0] != "{search_path=x}" {
		t.Errorf("%q", got)
	}
}

// rotate chooses and sets a new value, tries it, and makes it current.
func rotate(t *testing.T, r *Rotator, req *rotation.Request) {
	t.Helper()
	ctx := within(t)
	var err error
	if req.Pending, err = r.Choose(*req); err != nil {
		t.Fatal(err)
	}
	if err := r.Set(ctx, *req); err != nil {
		t.Fatal(err)
	}
	if err := New(Options{}).Try(ctx, *req, req.Pending); err != nil {
		t.Fatal(err)
	}
	req.Previous, req.Current, req.Pending = req.Current, req.Pending, rota.Value{}
}

func TestCallsCostOneConnectionForEachLogin(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("root", "r", "SUPERUSER")
	s.role("app", "p", "")
	r, n := counting()
	ctx := within(t)
	noTLS := func(v rota.Value) rota.Value {
		return rota.StringValue(alter(t, string(v.Reveal()), map[string]any{"ssl": false}))
	}
	cost := func(what string, want int32, call func() error) {
		t.Helper()
		n.Store(0)
		err := call()
		if n.Load() != want {
			t.Errorf("%s: %d connections, want %d (%v)", what, n.Load(), want, err)
		}
	}
	single := s.request(rotation.SingleUser, noTLS(s.value("app", "p")))
	single.Pending, _ = r.Choose(single)
	cost("single: a refused try", 1, func() error { return r.Try(ctx, single, single.Pending) })
	cost("single: set", 1, func() error { return r.Set(ctx, single) })
	cost("single: an accepted try", 1, func() error { return r.Try(ctx, single, single.Pending) })
	single.Current, single.Previous, single.Pending = single.Pending, single.Current, rota.Value{}
	cost("single: end", 0, func() error { return r.End(ctx, single, single.Previous) })

	both := s.request(rotation.AlternatingUsers, single.Current)
	both.Rand = chacha(200)
	both.Admin = rotation.Admin{ARN: "arn:admin", Value: noTLS(s.value("root", "r"))}
	both.Pending, _ = r.Choose(both)
	cost("alternating: set", 2, func() error { return r.Set(ctx, both) })
	cost("alternating: set again", 2, func() error { return r.Set(ctx, both) })
	both.Current, both.Previous, both.Pending = both.Pending, both.Current, rota.Value{}
	cost("alternating: end", 1, func() error { return r.End(ctx, both, both.Previous) })
	cost("alternating: end again", 1, func() error { return r.End(ctx, both, both.Previous) })
}
