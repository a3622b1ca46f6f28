//go:build servers && linux

package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators"
)

// catalog is every rotator of rota's.
func catalog(t *testing.T) []rotation.Rotator {
	t.Helper()
	c, err := rotators.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	return c.All()
}

func object(t *testing.T, members map[string]any) rota.Value {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return rota.StringValue(string(b))
}

// real is a configuration for a real server, with its admin secret if it has
// one.
func real(t *testing.T, rotator string, value, admin map[string]any, tags ...rota.Tag) conformance.Config {
	t.Helper()
	c := config(t, "rota, "+rotator, ours(t, catalog(t)...))
	c.Timeout = 8 * time.Second // of which a test of a value that is refused takes most
	c.Value, c.Tags = object(t, value), append(tags, rota.Tag{Key: "rota:rotator", Value: rotator})
	if admin != nil {
		c.Tags = append(c.Tags, rota.Tag{Key: "rota:admin", Value: "admin"})
		c.Others = []conformance.Secret{{Name: "admin", Value: object(t, admin), Tags: []rota.Tag{{Key: "rota:serves", Value: conformance.Prefix}}}}
	}
	return c
}

// accepting makes the oracle of a login; a server that does not answer fails
// the test in the login itself.
func accepting(logIn func(v map[string]any) bool) func(context.Context, rota.Value) (conformance.Verdict, error) {
	return func(_ context.Context, v rota.Value) (conformance.Verdict, error) {
		var members map[string]any
		if err := json.Unmarshal(v.Reveal(), &members); err != nil {
			return conformance.Unknown, err
		}
		if logIn(members) {
			return conformance.Accepted, nil
		}
		return conformance.Refused, nil
	}
}

func text(v any) string { s, _ := v.(string); return s }

// TestEveryRotatorOfTheCatalogHoldsEveryRule, at a real server. A rotator that
// is new in the catalog fails here until it is played. None of these servers can
// be made slow: slow propagation is played with the provider in memory.
func TestEveryRotatorOfTheCatalogHoldsEveryRule(t *testing.T) {
	plays := map[string]func(*testing.T){"postgres": playPostgreSQL, "rabbitmq": playRabbitMQ, "keystone": playKeystone}
	for _, r := range catalog(t) {
		name := r.Descriptor().Name
		play, ok := plays[name]
		if !ok {
			t.Errorf("nobody plays the rotator %s: add a function to plays that runs the kit on it", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t)
		})
	}
}

func playPostgreSQL(t *testing.T) {
	pg := testserver.Postgres(t, testserver.HBA("host all all 127.0.0.1/32 scram-sha-256\n"))
	sql := func(statement string) {
		t.Helper()
		c, err := pgx.Connect(t.Context(), pg.URL(pg.Superuser, pg.Password, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(context.Background()) }()
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	logIn := accepting(func(v map[string]any) bool {
		c, err := pgx.Connect(context.Background(), pg.URL(text(v["username"]), text(v["password"]), "postgres"))
		if err != nil {
			return false
		}
		return c.Close(context.Background()) == nil
	})
	value := func(user, password string) map[string]any {
		return map[string]any{"engine": "postgres", "host": "127.0.0.1", "port": pg.Port, "dbname": "postgres", "username": user, "password": password}
	}
	t.Run("single user", func(t *testing.T) {
		t.Parallel()
		sql("CREATE ROLE single LOGIN PASSWORD 'first-password'")
		c := real(t, "postgres", value("single", "first-password"), nil)
		c.Provider.Accepts = logIn
		run(t, c)
	})
	t.Run("alternating users", func(t *testing.T) {
		t.Parallel()
		sql("CREATE ROLE alternating LOGIN PASSWORD 'first-password'")
		c := real(t, "postgres", value("alternating", "first-password"), value(pg.Superuser, pg.Password),
			rota.Tag{Key: "rota:strategy", Value: rotation.AlternatingUsers})
		c.Provider.Accepts = logIn
		run(t, c)
	})
}

func playRabbitMQ(t *testing.T) {
	r := testserver.RabbitMQ(t)
	r.AddUser(t, "app-a", "first-password-of-a", "management")
	r.AddUser(t, "app-b", "nobody-knows-this", "management")
	c := real(t, "rabbitmq", map[string]any{"username": "app-a", "password": "first-password-of-a", "alternateUsername": "app-b"},
		map[string]any{"managementUrl": r.URL, "username": r.AdminUser, "password": r.AdminPassword})
	c.Provider.Accepts = accepting(func(v map[string]any) bool { return r.LogIn(text(v["username"]), text(v["password"])) == nil })
	run(t, c)
}

func playKeystone(t *testing.T) {
	k := testserver.Keystone(t)
	id, secret := k.AddCredential(t, map[string]any{"name": "by hand"})
	c := real(t, "keystone", map[string]any{"id": id, "secret": secret},
		map[string]any{"authUrl": k.URL, "userId": k.UserID, "password": k.Password, "projectId": k.ProjectID})
	c.Provider.Accepts = accepting(func(v map[string]any) bool {
		return k.TryCredential(t, text(v["id"]), text(v["secret"])) == http.StatusCreated
	})
	c.Timeout = 20 * time.Second // it takes a second for an answer where the machine is busy
	// Keystone takes seconds for a rotation, and most calls are reads. A process
	// that dies at a read leaves Keystone as one that dies at the write before or
	// after it, which are played. What the handler does in between is the same for
	// every rotator that mints: the one in memory is played at every read.
	c.Play = func(name string) bool {
		return !strings.Contains(name, "GetSecretValue") && !strings.Contains(name, "DescribeSecret")
	}
	c.Provider.List = func(context.Context) (ids []string, err error) {
		var all struct {
			Credentials []struct{ ID string } `json:"application_credentials"`
		}
		k.Send(t, "GET", fmt.Sprintf("/users/%s/application_credentials", k.UserID), nil, &all)
		for _, c := range all.Credentials {
			ids = append(ids, c.ID)
		}
		return ids, nil
	}
	run(t, c)
}
