//go:build servers

package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

func TestSingleUserSetFallsBackToThePreviousPasswordOfTheSameUserAndServer(t *testing.T) {
	s := startServer(t, scramHBA)
	r, logins := counting()
	t.Run("not if the server knows the current one and will not have it", func(t *testing.T) {
		s.role("app", "right", "NOLOGIN")
		req := s.request(rotation.SingleUser, s.value("app", "right"))
		req.Previous, req.Pending = s.value("app", "older"), s.value("app", "newer")
		err := r.Set(within(t), req)
		if err == nil || !strings.Contains(err.Error(), "28000") || rotation.IsPermanent(err) || errors.Is(err, rotation.ErrRefused) || rotation.Unreachable(err) {
			t.Error(err)
		}
	})
	for name, row := range map[string]struct {
		previous rota.Value
		want     string // "" succeeds
	}{
		"the previous one works": {s.value("app", "right"), ""},
		"none":                   {rota.Value{}, "Unable to log into database with previous, current, or pending secret of secret arn arn:child: store the value that works now, with rota put"},
		"it is wrong as well":    {s.value("app", "wrong"), "Unable to log into database with previous, current, or pending secret of secret arn arn:child: store the value that works now, with rota put"},
		"it is the current one":  {s.value("app", "stale"), "Unable to log into database with previous, current, or pending secret of secret arn arn:child: store the value that works now, with rota put"},
		"it is another user's":   {s.value("other", "right"), "Attempting to modify user app other than previous valid user other"},
		"it is for another host": {rota.StringValue(alter(t, string(s.value("app", "right").Reveal()), map[string]any{"host": "localhost"})), "Attempting to modify user for host 127.0.0.1 other than previous valid host localhost"},
		"it is not readable":     {rota.StringValue("text"), "Unable to log into database"},
	} {
		s.sql("DROP ROLE IF EXISTS app")
		s.role("app", "right", "")
		req := s.request(rotation.SingleUser, s.value("app", "stale"))
		req.Previous = row.previous
		req.Pending, _ = r.Choose(req)
		logins.Store(0)
		err := r.Set(within(t), req)
		if name == "it is the current one" && logins.Load() != 2 {
			t.Errorf("%s: %d logins, want one with the current and one with the pending password", name, logins.Load())
		}
		switch {
		case row.want == "":
			expect(t, name, err, nil)
			expect(t, name, r.Try(within(t), req, req.Pending), nil)
		case err == nil || !strings.Contains(err.Error(), row.want):
			t.Errorf("%s: %v", name, err)
		case rotation.IsPermanent(err) || errors.Is(err, rotation.ErrRefused):
			t.Errorf("%s: the error gives up the pending value, which may be the only good one", name)
		case rotation.Unreachable(err):
			t.Errorf("%s: %v is held against the server, which answered", name, err)
		}
	}
}

func TestSetRefusesAPendingValueAboutAnotherRoleOrServer(t *testing.T) {
	value := func(user, host string) rota.Value {
		return rota.StringValue(alter(t, app, map[string]any{"username": user, "host": host, "port": 1}))
	}
	r, n := counting()
	for name, row := range map[string]struct {
		strategy string
		pending  rota.Value
		admin    rota.Value
		want     string
	}{
		"single, another user":        {rotation.SingleUser, value("app2", "h"), rota.Value{}, "Attempting to modify user app2 other than current user app"},
		"single, another host":        {rotation.SingleUser, value("app", "h2"), rota.Value{}, "Attempting to modify user for host h2 other than current host h"},
		"alternating, same user":      {rotation.AlternatingUsers, value("app", "h"), value("root", "h"), "Attempting to modify user app other than current user or clone app"},
		"alternating, another user":   {rotation.AlternatingUsers, value("postgres", "h"), value("root", "h"), "Attempting to modify user postgres other than current user or clone app"},
		"alternating, another host":   {rotation.AlternatingUsers, value("app_clone", "h2"), value("root", "h"), "Attempting to modify user for host h2 other than current host h"},
		"alternating, admin's host":   {rotation.AlternatingUsers, value("app_clone", "h"), value("root", "h2"), "Current database host h is not the same host as/rds replica of master h2"},
		"alternating, no admin":       {rotation.AlternatingUsers, value("app_clone", "h"), rota.Value{}, "admin secret arn:admin has no value"},
		"a password nobody agrees on": {rotation.SingleUser, rota.StringValue(alter(t, string(value("app", "h").Reveal()), map[string]any{"password": "hunterﬁ"})), rota.Value{}, "normalise in different ways"},
	} {
		req := request(row.strategy, string(value("app", "h").Reveal()))
		req.Pending, req.Admin = row.pending, rotation.Admin{ARN: "arn:admin", Value: row.admin}
		err := r.Set(within(t), req)
		if err == nil || !strings.Contains(err.Error(), row.want) || !rotation.IsPermanent(err) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n.Load() != 0 {
		t.Errorf("%d connections were made", n.Load())
	}
}

func TestSetWorksForRolesWithConfigurationOfTheirOwn(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("app", "p", "")
	s.sql(`ALTER ROLE app SET default_transaction_read_only = on; ALTER ROLE app SET standard_conforming_strings = off;
		ALTER ROLE app SET search_path = 'nowhere'; ALTER ROLE app SET synchronous_commit = off; ALTER ROLE app SET client_encoding = 'LATIN1'`)
	req := s.request(rotation.SingleUser, s.value("app", "p"))
	rotate(t, New(Options{}), &req)
	rotate(t, New(Options{}), &req)
}

func TestAlternatingSetExplainsWhatTheServerIsMissing(t *testing.T) {
	s := startServer(t, scramHBA)
	r := New(Options{})
	s.role("root", "r", "SUPERUSER")
	s.role("weak", "r", "")
	for name, row := range map[string]struct {
		roles   string
		current string // password
		admin   rota.Value
		want    string
	}{
		"the current password is refused":      {"", "wrong", s.value("root", "r"), "Unable to log into database using current credentials for secret arn:child"},
		"the admin's password is refused":      {"", "p", s.value("root", "wrong"), "Unable to log into database using credentials in master secret arn:admin"},
		"the same, with what to do":            {"", "p", s.value("root", "wrong"), "store its value that works now, with rota put"},
		"the admin may not create roles":       {"", "p", s.value("weak", "r"), "needs CREATEROLE"},
		"the admin may not change the partner": {"CREATE ROLE app_clone LOGIN; GRANT app TO app_clone", "p", s.value("weak", "r"), "needs CREATEROLE"},
		"the partner is somebody else's":       {"CREATE ROLE app_clone LOGIN", "p", s.value("root", "r"), `role "app_clone" exists and is not a member`},
		"the partner is a superuser":           {"CREATE ROLE app_clone LOGIN SUPERUSER", "p", s.value("root", "r"), `role "app_clone" exists and is not a member`},
		"the partner is NOLOGIN":               {"CREATE ROLE app_clone; GRANT app TO app_clone", "p", s.value("root", "r"), `role "app_clone" is NOLOGIN`},
		"the partner is past its VALID UNTIL":  {"CREATE ROLE app_clone LOGIN VALID UNTIL '2001-01-01'; GRANT app TO app_clone", "p", s.value("root", "r"), "VALID UNTIL"},
		"the current user is a superuser":      {"ALTER ROLE app SUPERUSER", "p", s.value("root", "r"), "rota makes no superusers"},
	} {
		s.sql("DROP ROLE IF EXISTS app_clone; DROP ROLE IF EXISTS app")
		s.role("app", "p", "")
		if row.roles != "" {
			s.sql(row.roles)
		}
		before := s.sql("SELECT (rolname, rolpassword)::text FROM pg_authid ORDER BY 1")
		req := s.request(rotation.AlternatingUsers, s.value("app", row.current))
		req.Admin = rotation.Admin{ARN: "arn:admin", Value: row.admin}
		req.Pending, _ = r.Choose(req)
		err := r.Set(within(t), req)
		if err == nil || !strings.Contains(err.Error(), row.want) || rotation.IsPermanent(err) || errors.Is(err, rotation.ErrRefused) || rotation.Unreachable(err) {
			t.Errorf("%s: %v", name, err)
		}
		if after := s.sql("SELECT (rolname, rolpassword)::text FROM pg_authid ORDER BY 1"); strings.Join(after, "") != strings.Join(before, "") {
			t.Errorf("%s: roles changed", name)
		}
	}
}

func TestSetsAtTheSameTimeAllSucceed(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("root", "r", "SUPERUSER")
	for name, strategy := range map[string]string{"single": rotation.SingleUser, "alternating": rotation.AlternatingUsers} {
		user := "app_" + name
		s.role(user, "p", "")
		req := s.request(strategy, s.value(user, "p"))
		req.Admin = rotation.Admin{ARN: "arn:admin", Value: s.value("root", "r")}
		r := New(Options{})
		var err error
		if req.Pending, err = r.Choose(req); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				req := req
				req.Rand = chacha(byte(i))
				if err := r.Set(within(t), req); err != nil {
					t.Errorf("%s %d: %v", name, i, err)
				}
			})
		}
		wg.Wait()
		expect(t, name, r.Try(within(t), req, req.Pending), nil)
	}
}

// The server fails the later of two changes to one role with XX000. Here the
// first change is held open until the second waits for it.
func TestAChangeThatMetAnotherIsSentAgain(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("root", "r", "SUPERUSER")
	s.role("app", "p", "")
	ctx := within(t)
	r := New(Options{})
	req := s.request(rotation.SingleUser, s.value("app", "p"))
	req.Pending, _ = r.Choose(req)

	first := s.super()
	defer first.Close(ctx)
	watch := s.super()
	defer watch.Close(ctx)
	if _, err := first.Exec(ctx, "BEGIN; ALTER ROLE app CONNECTION LIMIT 50").ReadAll(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Set(ctx, req) }()
	for waiting := false; !waiting; {
		res, err := watch.Exec(ctx, "SELECT FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		waiting = len(res[0].Rows) == 1
	}
	if _, err := first.Exec(ctx, "COMMIT").ReadAll(); err != nil {
		t.Fatal(err)
	}
	expect(t, "set", <-done, nil)
	expect(t, "pending", r.Try(ctx, req, req.Pending), nil)
	if !strings.Contains(s.log(0), "tuple concurrently updated") {
		t.Error("the two did not meet: the test proves nothing")
	}
}

func TestEndReachesOnlyCredentialsThatItHoldsOrThePartner(t *testing.T) {
	s := startServer(t, scramHBA)
	r := New(Options{})
	stored := func(role string) string {
		return strings.Join(s.sql("SELECT rolpassword FROM pg_authid WHERE rolname = "+quoteLiteral(role)), "")
	}
	for name, row := range map[string]struct {
		setup   string
		old     rota.Value
		pending rota.Value
		noAdmin bool
		role    string
		changed bool
		want    string // "" succeeds
	}{
		"alive":                                       {"", s.value("app", "o"), rota.Value{}, false, "app", true, ""},
		"alive, without the admin":                    {"", s.value("app", "o"), rota.Value{}, true, "app", true, ""},
		"dead already":                                {"", s.value("app", "other"), rota.Value{}, false, "app", false, ""},
		"the role is gone":                            {"DROP ROLE app", s.value("app", "o"), rota.Value{}, false, "app", false, ""},
		"a stranger's name":                           {"", s.value("victim", "o"), rota.Value{}, false, "victim", false, ""},
		"the current credential":                      {"", s.value("app_clone", "c"), rota.Value{}, false, "app_clone", false, "as the current one"},
		"the current user's old password":             {"", s.value("app_clone", "older"), rota.Value{}, false, "app_clone", false, ""},
		"what the server takes from the current user": {"", s.value("app_clone", "c"), rota.Value{}, false, "app_clone", false, ""},
		"the pending credential":                      {"", s.value("app", "o"), s.value("app", "o"), false, "app", false, "as the pending one"},
		"the pending user's old password":             {"", s.value("app", "o"), s.value("app", "new"), false, "app", false, "not yet"},
		"NOLOGIN":                                     {"ALTER ROLE app NOLOGIN", s.value("app", "o"), rota.Value{}, false, "app", true, ""},
		"NOLOGIN, without the admin":                  {"ALTER ROLE app NOLOGIN", s.value("app", "o"), rota.Value{}, true, "app", false, "28000"},
		"at its connection limit":                     {"ALTER ROLE app CONNECTION LIMIT 0", s.value("app", "o"), rota.Value{}, false, "app", true, ""},
		"NOLOGIN, but no partner by name":             {"ALTER ROLE victim NOLOGIN", s.value("victim", "v"), rota.Value{}, false, "victim", false, "Attempting to modify user victim other than current user or clone app_clone"},
		"NOLOGIN, but no partner by grant":            {"ALTER ROLE app NOLOGIN; REVOKE app FROM app_clone", s.value("app", "o"), rota.Value{}, false, "app", false, "is not a member"},
	} {
		s.sql("DROP ROLE IF EXISTS root, app, app_clone, victim")
		s.role("root", "r", "SUPERUSER")
		s.role("app", "o", "")
		s.role("app_clone", "c", "IN ROLE app")
		s.role("victim", "v", "")
		if row.setup != "" {
			s.sql(row.setup)
		}
		req := s.request(rotation.AlternatingUsers, s.value("app_clone", "c"))
		req.Pending = row.pending
		if name == "what the server takes from the current user" {
			// As after a backup was restored: ending it would leave nothing.
			req.Current = s.value("app_clone", "newer")
		}
		if !row.noAdmin {
			req.Admin = rotation.Admin{ARN: "arn:admin", Value: s.value("root", "r")}
		}
		before := stored(row.role)
		for range 2 { // ended already is success
			err := r.End(within(t), req, row.old)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v", name, err)
			}
			leaks(t, name, err)
		}
		if (stored(row.role) != before) != row.changed {
			t.Errorf("%s: changed: %t", name, !row.changed)
		}
		if row.changed {
			expect(t, name+": proof", r.Try(within(t), req, row.old), rotation.ErrDead)
		}
		if stored("app_clone") == "" || stored("victim") == "" {
			t.Errorf("%s: a role is gone", name)
		}
	}
}

func TestEndAfterAChangeToSingleUserEndsTheFormerPartner(t *testing.T) {
	s := startServer(t, scramHBA)
	s.role("app", "p", "")
	s.role("app_clone", "c", "")
	r := New(Options{})
	req := s.request(rotation.SingleUser, s.value("app", "p"))
	expect(t, "end", r.End(context.Background(), req, s.value("app_clone", "c")), nil)
	expect(t, "old", r.Try(context.Background(), req, s.value("app_clone", "c")), rotation.ErrDead)
	expect(t, "current", r.Try(context.Background(), req, req.Current), nil)
}
