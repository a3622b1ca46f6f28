//go:build servers

package testserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// gone fails if somebody still listens.
func gone(t *testing.T, address string) {
	t.Helper()
	if c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/v3")); err == nil {
		_ = c.Close()
		t.Errorf("somebody still listens at %s after the test", address)
	}
}

func TestPostgresAnswersRefusesAWrongPasswordAndEndsWithItsTest(t *testing.T) {
	var address string
	t.Run("server", func(t *testing.T) {
		pg := Postgres(t)
		address = fmt.Sprintf("127.0.0.1:%d", pg.Port)
		if c, err := pgx.Connect(t.Context(), pg.URL(pg.Superuser, "wrong", "postgres")); err == nil {
			_ = c.Close(context.Background())
			t.Error("a wrong password logs in")
		}
		pg.Stop()
		pg.Start(t) // waits for a login
	})
	gone(t, address)
}

func TestPostgresIsSetUpAsAsked(t *testing.T) {
	pg := Postgres(t, HBA("host all all 127.0.0.1/32 reject\n"), File("note", []byte("a file")), Config("max_connections = 7\n"), Config("work_mem = '1MB'\n"))
	c, err := pgx.Connect(t.Context(), pg.URL(pg.Superuser, pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	var got string
	err = c.QueryRow(t.Context(), "SELECT current_setting('max_connections') || ' ' || current_setting('work_mem') || ' ' || pg_read_file('note')").Scan(&got)
	if err != nil || got != "7 1MB a file" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Exec(t.Context(), "CREATE ROLE app LOGIN PASSWORD 'right'"); err != nil {
		t.Fatal(err)
	}
	if other, err := pgx.Connect(t.Context(), pg.URL("app", "right", "postgres")); err == nil {
		_ = other.Close(context.Background())
		t.Error("pg_hba.conf refuses app, which logs in")
	}
	log, err := os.ReadFile(pg.LogFile)
	if err != nil || !strings.Contains(string(log), "pg_hba.conf rejects connection") {
		t.Errorf("the log does not show the refusal as soon as it is answered (%v)", err)
	}
}

func TestRabbitMQAnswersRefusesAWrongPasswordAndEndsWithItsTest(t *testing.T) {
	var address string
	t.Run("server", func(t *testing.T) {
		r := RabbitMQ(t)
		address = r.URL
		r.AddUser(t, "app", "right", "management")
		r.AddUser(t, "untagged", "right")
		if err := r.LogIn("app", "right"); err != nil {
			t.Error(err)
		}
		if err := r.LogIn("app", "wrong"); err == nil {
			t.Error("a wrong password logs in")
		}
		var user struct{ Tags []string }
		if r.Send(t, "GET", "/users/app", nil, &user); fmt.Sprint(user.Tags) != "[management]" {
			t.Errorf("tags %v", user.Tags)
		}
		if r.Send(t, "GET", "/users/untagged", nil, &user); len(user.Tags) != 0 {
			t.Errorf("a user without tags has %v", user.Tags)
		}
	})
	gone(t, address)
}

func TestKeystoneAnswersRefusesAWrongSecretAndEndsWithItsTest(t *testing.T) {
	var address string
	t.Run("server", func(t *testing.T) {
		k := Keystone(t)
		address = k.URL
		user := k.AddUser(t, "user-password")
		if user.UserID == k.UserID || user.ProjectID != k.ProjectID {
			t.Errorf("user %s in %s, administrator %s in %s", user.UserID, user.ProjectID, k.UserID, k.ProjectID)
		}
		for _, who := range []*Keys{k, user} {
			id, secret := who.AddCredential(t, map[string]any{"name": "app"})
			if got := k.TryCredential(t, id, secret); got != http.StatusCreated {
				t.Errorf("the right secret: %d", got)
			}
			if got := k.TryCredential(t, id, "wrong"); got != http.StatusUnauthorized {
				t.Errorf("a wrong secret: %d, want 401", got)
			}
			who.Send(t, "GET", "/users/"+who.UserID+"/application_credentials/"+id, nil, nil) // fails if it is another's
		}
	})
	gone(t, address)
}

func TestAWSCLIIsTheOldOneOfDebian(t *testing.T) { AWSCLI(t) }
