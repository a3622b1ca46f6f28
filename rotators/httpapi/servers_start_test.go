//go:build servers

package httpapi

import (
	"strings"
	"testing"

	"github.com/rotahq/rota/internal/testserver"
)

func rabbitServer(r *testserver.Rabbit) server {
	return server{provider: "rabbitmq", name: "RabbitMQ 3.10.8", address: r.URL, fresh: func(t *testing.T) (current, admin map[string]string) {
		r.AddUser(t, "rota-admin", "hidden-admin-password", "administrator")
		r.AddUser(t, "app-a", "hidden-first-password", "management")
		r.AddUser(t, "app-b", "nobody-knows")
		return map[string]string{"username": "app-a", "password": "hidden-first-password", "alternateUsername": "app-b"},
			map[string]string{"managementUrl": r.URL, "username": "rota-admin", "password": "hidden-admin-password"}
	}}
}

// keystoneServer starts each scenario with a user of its own, who owns a
// credential whose secret is the placeholder that recordings show.
func keystoneServer(k *testserver.Keys) server {
	return server{provider: "keystone", name: "Keystone 22.0.2", address: strings.TrimSuffix(k.URL, "/v3"), fresh: func(t *testing.T) (current, admin map[string]string) {
		owner := k.AddUser(t, "hidden-owner-password")
		id, secret := owner.AddCredential(t, map[string]any{"name": "first", "secret": "hidden-application-credential-secret"})
		return map[string]string{"id": id, "secret": secret, "name": "first"}, keystoneAdmin(owner)
	}}
}

// keystoneAdmin is the admin secret of a user.
func keystoneAdmin(k *testserver.Keys) map[string]string {
	return map[string]string{"authUrl": k.URL, "userId": k.UserID, "password": k.Password, "projectId": k.ProjectID}
}
