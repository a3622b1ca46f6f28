package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota/rotation"
)

// newSubject is what the demo rotates.
func newSubject(ctx context.Context, o demoOptions) (*demoSubject, error) {
	if o.postgres != "" {
		return postgresSubject(ctx, o.postgres)
	}
	return apiSubject(ctx)
}

func apiSubject(ctx context.Context) (*demoSubject, error) {
	api, err := startDemoAPI(ctx)
	if err != nil {
		return nil, err
	}
	first := api.issue("made by hand")
	admin, err := json.Marshal(demoAdminValue{api.url, api.admin})
	if err != nil {
		return nil, err
	}
	h := &http.Client{Timeout: 10 * time.Second}
	d := demoRotator{h}
	return &demoSubject{
		what: "an API that issues keys at " + api.url, rotators: []rotation.Rotator{d}, function: demoRotatorName,
		admin: string(admin), first: string(demoValue(first).Reveal()),
		use: func(ctx context.Context, value string) error {
			var k demoKey
			if err := json.Unmarshal([]byte(value), &k); err != nil {
				return errors.New("the secret cannot be read")
			}
			status, err := d.send(ctx, http.MethodGet, api.url+"/whoami", k.ID+"."+k.Secret, nil, nil)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("the API answered %d", status)
			}
			return err
		},
		close: func(context.Context) error { return api.server.Close() },
	}, nil
}

// postgresSubject makes a role of its own in a real database.
func postgresSubject(ctx context.Context, address string) (*demoSubject, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, usage("--postgres wants an address such as postgres://user:password@host:5432/postgres")
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("the database at %s:%d does not let %s in; check --postgres", cfg.Host, cfg.Port, cfg.User)
	}
	role, password := "rota_demo_"+strings.ToLower(rand.Text()[:8]), rand.Text()
	value := func(user, password string) string {
		b, _ := json.Marshal(map[string]any{ // texts and a number always encode
			"engine": "postgres", "host": cfg.Host, "port": cfg.Port, "username": user, "password": password, "dbname": cfg.Database,
		})
		return string(b)
	}
	s := &demoSubject{
		what: fmt.Sprintf("the role %s of PostgreSQL at %s:%d", role, cfg.Host, cfg.Port), function: "postgres",
		admin: value(cfg.User, cfg.Password), first: value(role, password),
		use: func(ctx context.Context, value string) error { return logIn(ctx, cfg, value) },
		close: func(ctx context.Context) error {
			defer func() { _ = conn.Close(ctx) }()
			for _, r := range []string{role + "_clone", role} {
				if _, err := conn.Exec(ctx, "DROP ROLE IF EXISTS "+pgx.Identifier{r}.Sanitize()); err != nil {
					return fmt.Errorf("remove the role %s: drop it by hand", r)
				}
			}
			return nil
		},
	}
	if _, err := conn.Exec(ctx, "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN PASSWORD '"+password+"'"); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("%s may not create roles in the database at %s:%d", cfg.User, cfg.Host, cfg.Port)
	}
	return s, nil
}

// logIn is a request of a client: a login and a harmless query.
func logIn(ctx context.Context, base *pgx.ConnConfig, value string) error {
	var v struct{ Username, Password string }
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return errors.New("the secret cannot be read")
	}
	cfg := base.Copy()
	cfg.User, cfg.Password = v.Username, v.Password
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%s does not log in", v.Username)
	}
	_, err = conn.Exec(ctx, "SELECT now()")
	return errors.Join(err, conn.Close(ctx))
}
