//go:build servers

package awslambda

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota/internal/testserver"
)

// provider is a real server that credentials are for.
type provider struct {
	name string
	// single is that one user changes its own password: there is no overlap.
	single bool
	// make makes credentials of their own for one secret and returns its
	// value, with the value of its admin secret; nil where there is none.
	make func(t testing.TB) (value, admin map[string]any)
	// works tries a credential at the server itself.
	works func(t testing.TB, value map[string]any) bool
	// alive counts the credentials beside the one given, for the same secret,
	// that the provider could still accept; nil where it cannot be asked.
	others func(t testing.TB, value map[string]any) int
}

// postgres: two users take turns. What the function is told is the tripwire's
// way to the server.
func postgres(t testing.TB, w *tripwire) provider {
	pg := testserver.Postgres(t)
	conn, err := pgx.Connect(t.Context(), pg.URL(pg.Superuser, pg.Password, "postgres"))
	must(t, err)
	host, text, _ := strings.Cut(w.through(t, fmt.Sprintf("%s:%d", pg.Host, pg.Port)), ":")
	port, err := strconv.Atoi(text)
	must(t, err)
	login := func(user, password string) map[string]any {
		return map[string]any{"engine": "postgres", "host": host, "port": port, "username": user, "password": password, "dbname": "postgres", "ssl": false}
	}
	n := 0
	return provider{
		name: "postgres",
		make: func(t testing.TB) (value, admin map[string]any) {
			n++
			user := fmt.Sprintf("app%d", n)
			_, err := conn.Exec(t.Context(), "CREATE ROLE "+user+" LOGIN PASSWORD 'first'")
			must(t, err)
			return login(user, "first"), login(pg.Superuser, pg.Password)
		},
		works: func(t testing.TB, v map[string]any) bool {
			c, err := pgx.Connect(t.Context(), pg.URL(v["username"].(string), v["password"].(string), "postgres"))
			if err != nil {
				return false
			}
			_ = c.Close(t.Context())
			return true
		},
	}
}

// postgresAlone: one user changes its own password.
func postgresAlone(t testing.TB, w *tripwire) provider {
	p := postgres(t, w)
	two := p.make
	p.name, p.single = "postgres, single user", true
	p.make = func(t testing.TB) (value, admin map[string]any) {
		value, _ = two(t)
		return value, nil
	}
	return p
}

// rabbitmq: two users take turns.
func rabbitmq(t testing.TB, w *tripwire) provider {
	r := testserver.RabbitMQ(t)
	u, err := url.Parse(r.URL)
	must(t, err)
	way := "http://" + w.through(t, u.Host)
	return provider{
		name: "rabbitmq",
		make: func(t testing.TB) (value, admin map[string]any) {
			user := "app-" + rand.Text()
			r.AddUser(t, user, "first", "management")
			r.AddUser(t, user+"-b", "nobody-knows", "management")
			return map[string]any{"username": user, "password": "first", "alternateUsername": user + "-b"},
				map[string]any{"managementUrl": way, "username": r.AdminUser, "password": r.AdminPassword}
		},
		works: func(_ testing.TB, v map[string]any) bool {
			return r.LogIn(v["username"].(string), v["password"].(string)) == nil
		},
	}
}

// keystone: the provider mints, and each secret has a user of its own, whose
// credentials can be counted.
func keystone(t testing.TB, w *tripwire) provider {
	k := testserver.Keystone(t)
	u, err := url.Parse(k.URL)
	must(t, err)
	way := "http://" + w.through(t, u.Host) + u.Path
	owners := map[string]*testserver.Keys{} // by the id of a user
	return provider{
		name: "keystone",
		make: func(t testing.TB) (value, admin map[string]any) {
			o := k.AddUser(t, "password-of-the-owner")
			owners[o.UserID] = o
			id, secret := o.AddCredential(t, map[string]any{"name": "first"})
			return map[string]any{"id": id, "secret": secret, "owner": o.UserID},
				map[string]any{"authUrl": way, "userId": o.UserID, "password": o.Password, "projectId": o.ProjectID}
		},
		works: func(t testing.TB, v map[string]any) bool {
			return k.TryCredential(t, v["id"].(string), v["secret"].(string)) == http.StatusCreated
		},
		others: func(t testing.TB, v map[string]any) int {
			o := owners[v["owner"].(string)]
			var all struct {
				List []struct{ ID string } `json:"application_credentials"`
			}
			o.Send(t, "GET", "/users/"+o.UserID+"/application_credentials", nil, &all)
			n := 0
			for _, c := range all.List {
				if c.ID != v["id"] {
					n++
				}
			}
			return n
		},
	}
}
