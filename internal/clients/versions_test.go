package clients

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The versions of the clients that do not come with go.mod or with the lock
// file: Debian 12's, on purpose old ones.
const (
	awscliVersion = "2.9.19"
	boto3Version  = "1.26.27"
)

// operations are all of the API, as the service model has them.
func operations(t *testing.T) (names []string) {
	t.Helper()
	var model struct{ Operations map[string]any }
	if err := json.Unmarshal([]byte(file(t, "../../wire/model/service-2.json")), &model); err != nil {
		t.Fatal(err)
	}
	for name := range model.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

type packageVersion struct{ Version, Integrity string }

// lock is what npm installs: package-lock.json.
func lock(t *testing.T) map[string]packageVersion {
	t.Helper()
	var l struct{ Packages map[string]packageVersion }
	if err := json.Unmarshal([]byte(file(t, "testdata/javascript/package-lock.json")), &l); err != nil {
		t.Fatal(err)
	}
	return l.Packages
}

func javaScriptVersion(t *testing.T) string {
	t.Helper()
	return lock(t)["node_modules/@aws-sdk/client-secrets-manager"].Version
}

// goVersion is that of a module that go.mod requires.
func goVersion(t *testing.T, module string) string {
	t.Helper()
	for line := range strings.Lines(file(t, "../../go.mod")) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == module {
			return strings.TrimPrefix(f[1], "v")
		}
	}
	t.Fatalf("go.mod does not require %s", module)
	return ""
}
