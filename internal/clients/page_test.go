package clients

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestThePageOfClientsHasTheVersionsThatTheTestsRun(t *testing.T) {
	page := file(t, "../../docs/clients.md")
	const sdk, cache = "github.com/aws/aws-sdk-go-v2/service/secretsmanager", "github.com/aws/aws-secretsmanager-caching-go/v2"
	want := []string{
		"| AWS CLI, Debian 12 | " + awscliVersion + " | all but BatchGetSecretValue |",
		"| boto3, Debian 12 | " + boto3Version + " | all but BatchGetSecretValue |",
		"| AWS SDK for Go v2, `service/secretsmanager` | " + goVersion(t, sdk) + " | all |",
		"| `aws-secretsmanager-caching-go/v2` | " + goVersion(t, cache) + " | those that it uses |",
		"| AWS SDK for JavaScript v3, `client-secrets-manager` | " + javaScriptVersion(t) + " | all |",
	}
	var rows []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	if got := rows[2:]; !slices.Equal(got, want) { // after the heading of the table
		t.Errorf("docs/clients.md has the rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEachLineOnThePageOfClientsIsInTheProgramThatItNames(t *testing.T) {
	const program = "`internal/clients/"
	lines, checked := strings.Split(file(t, "../../docs/clients.md"), "\n"), 0
	for i, line := range lines {
		if !strings.HasPrefix(line, program) || !strings.HasSuffix(line, "`") {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(line, program), "`")
		if i+4 >= len(lines) || !strings.HasPrefix(lines[i+2], "```") || lines[i+4] != "```" {
			t.Errorf("no one line of code follows %s", name)
			continue
		}
		if !strings.Contains(file(t, name), lines[i+3]) {
			t.Errorf("%s does not have the line %q", name, lines[i+3])
		}
		checked++
	}
	if want := 5; checked != want {
		t.Errorf("%d lines were checked, want %d", checked, want)
	}
}

// A lock file that names a registry asks that one, whatever npm is set to. And
// one without hashes takes what it gets.
func TestTheLockFileHasHashesAndNoAddresses(t *testing.T) {
	if strings.Contains(file(t, "testdata/javascript/package-lock.json"), "://") {
		t.Error("package-lock.json has an address")
	}
	for name, p := range lock(t) {
		if name != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
			t.Errorf("package-lock.json has no hash for %s", name)
		}
	}
}
