package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotahq/rota/rotation"
)

func TestARegionThatWasNamedOnceIsServedFromThenOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	catalog, err := rotation.NewCatalog(newDemoRotator())
	if err != nil {
		t.Fatal(err)
	}
	// serve starts a node, and returns how its value reads in a region.
	serve := func(regions ...string) (stop func(), read func(region string) string, home *client) {
		t.Helper()
		n, err := startNode(t.Context(), nodeConfig{
			dir: dir, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, regions: regions, catalog: catalog,
			getenv: func(string) string { return "" }, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.stop)
		c, err := (&global{data: dir}).client()
		if err != nil {
			t.Fatal(err)
		}
		return n.stop, func(region string) string {
			there := *c
			there.keys.region = region
			var out struct{ SecretString, ARN string }
			if err := there.aws(t.Context(), "GetSecretValue", map[string]string{"SecretId": "s"}, &out); err != nil {
				return err.Error()
			}
			return strings.Split(out.ARN, ":")[3] + " " + out.SecretString
		}, c
	}

	stop, read, c := serve()
	in := map[string]any{"Name": "s", "ClientRequestToken": newID(), "SecretString": "one"}
	if err := c.aws(t.Context(), "CreateSecret", in, nil); err != nil {
		t.Fatal(err)
	}
	if got := read("eu-west-1"); !strings.Contains(got, "Credential should be scoped to a valid region, not 'eu-west-1'.") {
		t.Errorf("before it was named: %s", got)
	}
	stop()

	stop, _, c = serve("eu-west-1")
	add := map[string]any{"SecretId": "s", "AddReplicaRegions": []map[string]string{{"Region": "eu-west-1"}}}
	if err := c.aws(t.Context(), "ReplicateSecretToRegions", add, nil); err != nil {
		t.Fatal(err)
	}
	stop()

	_, read, c = serve()
	put := map[string]any{"SecretId": "s", "ClientRequestToken": newID(), "SecretString": "two"}
	if err := c.aws(t.Context(), "PutSecretValue", put, nil); err != nil {
		t.Fatal(err)
	}
	for region, want := range map[string]string{defaultRegion: "us-east-1 two", "eu-west-1": "eu-west-1 two"} {
		if got := read(region); got != want {
			t.Errorf("in %s: %q, want %q", region, got, want)
		}
	}
	if got := read("sa-east-1"); !strings.Contains(got, "not 'sa-east-1'") {
		t.Errorf("a region that was never named: %s", got)
	}
}
