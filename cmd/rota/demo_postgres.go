package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// demoDatabase is a real database in which the demo has a role of its own,
// and the second one that rota makes of it.
type demoDatabase struct {
	admin *pgx.ConnConfig
	role  string
}

func postgresSubject(ctx context.Context, address string) (*demoSubject, error) {
	admin, err := pgx.ParseConfig(address)
	if err != nil { // its text could hold the password
		return nil, usage("--postgres wants an address such as postgres://user:password@host:5432/postgres")
	}
	d := demoDatabase{admin, "rota_demo_" + strings.ToLower(rand.Text()[:8])}
	password := rand.Text()
	s := &demoSubject{
		what: fmt.Sprintf("the role %s of PostgreSQL at %s:%d", d.role, admin.Host, admin.Port), rotator: "postgres",
		admin: d.value(admin.User, admin.Password), first: d.value(d.role, password),
		use: d.logIn, close: d.drop,
	}
	if u, err := url.Parse(address); err == nil && u.Query().Get("sslmode") != "" && u.Query().Get("sslmode") != "allow" {
		s.settings = map[string]string{"rota:tls": u.Query().Get("sslmode")}
	}
	if err := d.exec(ctx); err != nil {
		return nil, err
	}
	// An interrupt must not leave open whether the role was made.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), demoClean)
	defer cancel()
	return s, d.exec(ctx, "CREATE ROLE "+pgx.Identifier{d.role}.Sanitize()+" LOGIN PASSWORD '"+password+"'")
}

// value is a secret's, with the fields that AWS documents.
func (d demoDatabase) value(user, password string) string {
	b, _ := json.Marshal(map[string]any{ // texts and a number always encode
		"engine": "postgres", "host": d.admin.Host, "port": d.admin.Port, "username": user, "password": password, "dbname": d.admin.Database,
	})
	return string(b)
}

// exec logs in as the user of --postgres and runs the statements. Its errors hold no part of
// them.
func (d demoDatabase) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.ConnectConfig(ctx, d.admin)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("the database at %s:%d does not let %s in; check --postgres", d.admin.Host, d.admin.Port, d.admin.User))
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("%s may not make and drop roles in the database at %s:%d", d.admin.User, d.admin.Host, d.admin.Port))
		}
	}
	return nil
}

// drop removes the roles; they own nothing.
func (d demoDatabase) drop(ctx context.Context) error {
	err := d.exec(ctx,
		"DROP ROLE IF EXISTS "+pgx.Identifier{d.role + "_clone"}.Sanitize(), "DROP ROLE IF EXISTS "+pgx.Identifier{d.role}.Sanitize())
	if err != nil {
		return fmt.Errorf("the roles %s and %s_clone may be left; drop them by hand: %w", d.role, d.role, err)
	}
	return nil
}

// logIn is a request of a client: a login and a harmless query.
func (d demoDatabase) logIn(ctx context.Context, value string) error {
	var v struct{ Username, Password string }
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return errors.New("the secret cannot be read")
	}
	cfg := d.admin.Copy()
	cfg.User, cfg.Password = v.Username, v.Password
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%s does not log in", v.Username)
	}
	if _, err = conn.Exec(ctx, "SELECT now()"); err != nil {
		err = fmt.Errorf("%s cannot ask for the time", v.Username)
	}
	return errors.Join(err, conn.Close(ctx))
}
