//go:build servers

package testserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
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

func TestRabbitMQAnswersRefusesAWrongPasswordAndEndsWithItsTest(t *testing.T) {
	var address string
	t.Run("server", func(t *testing.T) {
		r := RabbitMQ(t)
		address = r.URL
		r.AddUser(t, "app", "right")
		if err := r.LogIn("app", "right"); err != nil {
			t.Error(err)
		}
		if err := r.LogIn("app", "wrong"); err == nil {
			t.Error("a wrong password logs in")
		}
	})
	gone(t, address)
}

func TestKeystoneAnswersRefusesAWrongSecretAndEndsWithItsTest(t *testing.T) {
	var address string
	t.Run("server", func(t *testing.T) {
		k := Keystone(t)
		address = k.URL
		id, secret := k.AddCredential(t, "app")
		if got := k.TryCredential(t, id, secret); got != http.StatusCreated {
			t.Errorf("the right secret: %d", got)
		}
		if got := k.TryCredential(t, id, "wrong"); got != http.StatusUnauthorized {
			t.Errorf("a wrong secret: %d, want 401", got)
		}
	})
	gone(t, address)
}

func TestAWSCLIIsTheOldOneOfDebian(t *testing.T) { AWSCLI(t) }
