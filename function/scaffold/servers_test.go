//go:build servers && linux

package scaffold

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsWrittenPassesItsOwnTest: each function is written, and its own test
// runs the kit on it, as its README says, and leaves no rule unchecked.
func TestWhatIsWrittenPassesItsOwnTest(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	do(t, root, nil, "go", "build", "-o", filepath.Join(bin, "rota"), "./cmd/rota")
	path := "PATH=" + bin + ":" + os.Getenv("PATH")
	write := func(t *testing.T, language string) string {
		folder := filepath.Join(t.TempDir(), "rotate-keys")
		do(t, root, []string{path}, "rota", "function", "new", "--lang", language, folder)
		return folder
	}
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		folder := write(t, "go")
		// This checkout in the place of the release that go.mod names, and the
		// modules that it has.
		do(t, folder, nil, "go", "mod", "edit", "-replace", "github.com/rotahq/rota="+root)
		sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "go.sum"), sum, 0o644); err != nil {
			t.Fatal(err)
		}
		checksAll(t, do(t, folder, []string{path, "GOFLAGS=-mod=mod", "GOPROXY=off", "CGO_ENABLED=0"}, "go", "test", "-v", "-timeout", "10m", "."))
	})
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		// The system's Python, for which scripts/test-deps installs boto3.
		checksAll(t, do(t, write(t, "python"), []string{path}, "/usr/bin/python3", "-m", "unittest"))
	})
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		modules := filepath.Join(root, "internal/clients/testdata/javascript/node_modules")
		if _, err := os.Stat(filepath.Join(modules, "@aws-sdk", "client-secrets-manager")); err != nil {
			t.Fatalf("the AWS SDK for JavaScript is not installed; run: make test-deps (%v)", err)
		}
		folder := write(t, "node")
		if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
		checksAll(t, do(t, folder, []string{path}, "node", "--test"))
	})
}

// do runs a program, which must succeed, and returns what it says. It is looked
// for where env says.
func do(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	for _, e := range env {
		if path, ok := strings.CutPrefix(e, "PATH="); ok && !strings.Contains(program, "/") {
			for _, folder := range filepath.SplitList(path) {
				if p, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
					cmd.Path, cmd.Err = p, nil
					break
				}
			}
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	t.Logf("%s", out)
	return string(out)
}

// checksAll wants a report of the kit in which no rule was left out.
func checksAll(t *testing.T, out string) {
	t.Helper()
	if !strings.Contains(out, "Nothing found.") || strings.Contains(out, "not checked") {
		t.Error("the test that was written leaves rules unchecked")
	}
}
