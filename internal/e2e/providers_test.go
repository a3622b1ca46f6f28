//go:build servers

package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/wire"
)

// subject is a secret of an outside API.
type subject struct {
	name    string
	rotator string
	value   map[string]any
	admin   map[string]any
}

// rotateTwice creates the secret with its admin secret, rotates it twice over
// the wire, and checks after each that the new value works at the real
// server, that the old one works during the overlap, and that it is proven
// dead and really refused after it.
func rotateTwice(t *testing.T, sub subject, works func(value map[string]string) bool) {
	t.Helper()
	ctx := t.Context()
	s := serve(t, build(t), filepath.Join(t.TempDir(), "data"))
	c := s.client(t)
	create := func(name string, v map[string]any, tags ...types.Tag) {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(string(b)), Tags: tags}); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
	}
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	create("api/admin", sub.admin, tag("rota:serves", "api/"))
	create("api/"+sub.name, sub.value, tag("rota:admin", "api/admin"), tag("rota:expire", "after 3s"))
	name := "api/" + sub.name
	get := func() (out map[string]string) {
		t.Helper()
		got, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(*got.SecretString), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i := range 2 {
		old := get()
		if !works(old) {
			t.Fatalf("rotation %d: the current value does not work before it", i)
		}
		out, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
			SecretId: &name, RotationLambdaARN: aws.String(functionARN + sub.rotator),
			RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(30 days)")},
		})
		if err != nil {
			t.Fatalf("rotate: %v", err)
		}
		var show wire.ShowOutput
		eventually(t, time.Minute, "AWSCURRENT moves", func() (bool, string) {
			s.own(t, "Show", wire.ShowInput{SecretId: name}, &show)
			for _, v := range show.Versions {
				for _, l := range v.Labels {
					if l == rota.Current && v.VersionId == *out.VersionId {
						return true, ""
					}
				}
			}
			return false, show.State + " " + show.Detail
		})
		if now := get(); !works(now) {
			t.Errorf("rotation %d: the new value does not work", i)
		}
		if !works(old) {
			t.Errorf("rotation %d: the old value does not work during the overlap", i)
		}
		eventually(t, time.Minute, "the old credential is proven dead", func() (bool, string) {
			s.own(t, "Show", wire.ShowInput{SecretId: name}, &show)
			dead, seen := 0, ""
			for _, row := range show.Credentials {
				if row.State == string(rota.ProvenDead) {
					dead++
				}
				seen += row.State + ": " + row.Evidence + "; "
			}
			return dead == i+1, seen
		})
		if works(old) {
			t.Errorf("rotation %d: the old value works after it was proven dead", i)
		}
	}
}

// TestKeystoneApplicationCredentials: the provider mints.
func TestKeystoneApplicationCredentials(t *testing.T) {
	k := testserver.Keystone(t)
	id, secret := k.AddCredential(t, map[string]any{"name": "by hand"})
	rotateTwice(t, subject{
		name: "keystone", rotator: "keystone",
		value: map[string]any{"id": id, "secret": secret},
		admin: map[string]any{"authUrl": k.URL, "userId": k.UserID, "password": k.Password, "projectId": k.ProjectID},
	}, func(v map[string]string) bool { return k.TryCredential(t, v["id"], v["secret"]) == http.StatusCreated })
}

// TestRabbitMQUsers: rota chooses, on two existing users.
func TestRabbitMQUsers(t *testing.T) {
	r := testserver.RabbitMQ(t)
	r.AddUser(t, "app-a", "first-password-of-a", "management")
	r.AddUser(t, "app-b", "nobody-knows-this", "management")
	rotateTwice(t, subject{
		name: "rabbitmq", rotator: "rabbitmq",
		value: map[string]any{"username": "app-a", "password": "first-password-of-a", "alternateUsername": "app-b"},
		admin: map[string]any{"managementUrl": r.URL, "username": r.AdminUser, "password": r.AdminPassword},
	}, func(v map[string]string) bool { return r.LogIn(v["username"], v["password"]) == nil })
}
