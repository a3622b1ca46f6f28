//go:build servers

package clients

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

func TestTheCacheOfTheGoSDKSeesTheNewValueAfterARotation(t *testing.T) {
	p := serve(t)
	client := p.goClient(t)
	// The one thing that differs from AWS is the endpoint, of the cache's client.
	cache, err := secretcache.New(func(c *secretcache.Cache) { c.Client = client })
	if err != nil {
		t.Fatal(err)
	}
	shortLived, err := secretcache.New(func(c *secretcache.Cache) { c.Client, c.CacheItemTTL = client, 1 })
	if err != nil {
		t.Fatal(err)
	}
	read := func(c *secretcache.Cache) string {
		t.Helper()
		value, err := c.GetSecretStringWithContext(t.Context(), "app/db")
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	l := life{t, t.Context(), client}
	l.rotate(p, func() {
		if read(cache) != p.database || read(shortLived) != p.database {
			t.Error("the caches do not give what was put")
		}
	})
	if read(cache) != p.database {
		t.Error("the value of the first hour does not come from the cache")
	}
	rotated := read(shortLived)
	if err := p.logIn(t, rotated); err != nil {
		t.Errorf("a cache whose time is over gives a password with which %v", err)
	}
	cache.RefreshNowWithContext(t.Context(), "app/db")
	if read(cache) != rotated {
		t.Error("a refreshed cache gives another value")
	}
	before, err := cache.GetSecretStringWithStageWithContext(t.Context(), "app/db", "AWSPREVIOUS")
	if err != nil || before != p.database {
		t.Errorf("the value from before is not AWSPREVIOUS, %v", err)
	}
	p.oldPasswordIsRefused(t)

	must(l.CreateSecret(l.ctx, &secretsmanager.CreateSecretInput{Name: key, SecretBinary: allBytes}))(l)
	if b, err := cache.GetSecretBinaryWithContext(t.Context(), *key); err != nil || string(b) != string(allBytes) {
		t.Errorf("a binary value is %q, %v", b, err)
	}
	fails[*secretcache.VersionNotFoundError](l, "", func() error {
		_, err := cache.GetSecretStringWithStageWithContext(t.Context(), *key, "AWSPENDING")
		return err
	}())
}
