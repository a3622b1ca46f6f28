package clients

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// The versions of the clients that do not come with go.mod or with the lock
// file: Debian 12's, on purpose old ones.
const (
	awscliVersion   = "2.9.19"
	boto3Version    = "1.26.27"
	botocoreVersion = "1.29.27"
)

// operations are all of the API, as the service model has them.
func operations(t *testing.T) (names []string) {
	t.Helper()
	b, err := os.ReadFile("../../wire/model/service-2.json")
	if err != nil {
		t.Fatal(err)
	}
	var model struct{ Operations map[string]any }
	if err := json.Unmarshal(b, &model); err != nil {
		t.Fatal(err)
	}
	for name := range model.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// javaScriptVersion is the one that the lock file has.
func javaScriptVersion(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/javascript/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		t.Fatal(err)
	}
	return lock.Packages["node_modules/@aws-sdk/client-secrets-manager"].Version
}
