//go:build servers && linux

package scaffold

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsWrittenPassesItsOwnTest: each function is written, and its own test
// runs the kit on it, as its README says, and leaves no rule unchecked.
func TestWhatIsWrittenPassesItsOwnTest(t *testing.T) {
	path := program(t)
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		checksAll(t, do(t, written(t, "go"), []string{path, "GOFLAGS=-mod=mod", "GOPROXY=off", "CGO_ENABLED=0"}, "go", "test", "-v", "-timeout", "10m", "."))
	})
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		// The system's Python, for which scripts/test-deps installs boto3.
		checksAll(t, do(t, written(t, "python"), []string{path}, "/usr/bin/python3", "-m", "unittest"))
	})
	t.Run("node", func(t *testing.T) {
		t.Parallel()
		checksAll(t, do(t, written(t, "node"), []string{path}, "node", "--test"))
	})
}

// TestTheREADMERotatesUnderRotaServe: the commands of its last two blocks, as
// they stand, but for the port; the first block's run until the test ends.
func TestTheREADMERotatesUnderRotaServe(t *testing.T) {
	path := program(t)
	for _, language := range Languages() {
		t.Run(language, func(t *testing.T) {
			folder := written(t, language)
			if language == "go" {
				do(t, folder, []string{"GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOPROXY=off"}, "go", "build", "-o", "bootstrap", ".")
			}
			text, err := os.ReadFile(filepath.Join(folder, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			blocks := strings.Split(string(text), "\n```\n") // each second one
			if len(blocks) < 4 {
				t.Fatalf("the README has no two blocks of commands:\n%s", text)
			}
			blocks = blocks[len(blocks)-4:]
			for line := range strings.Lines(blocks[0]) {
				runs(t, folder, path, strings.TrimSpace(line))
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			follow := exec.CommandContext(ctx, "sh", "-ec", blocks[2])
			follow.Dir, follow.SysProcAttr = folder, &syscall.SysProcAttr{Setpgid: true}
			follow.Cancel = func() error { return syscall.Kill(-follow.Process.Pid, syscall.SIGINT) } // the shell and what it runs
			said, err := follow.CombinedOutput()
			shown, serr := exec.CommandContext(t.Context(), "rota", "--data", filepath.Join(folder, "rota-data"), "show", "app/key").CombinedOutput()
			if err != nil || serr != nil || strings.Contains(string(shown), "failed") || !strings.Contains(string(shown), "AWSPREVIOUS") {
				t.Errorf("the secret did not rotate at once (%v, %v):\n%s\n%s", err, serr, said, shown)
			}
		})
	}
}

// patience is how long a README may take: a step that fails is tried again, and
// watched for ever.
const patience = time.Minute

// runs starts a program that runs until the test ends, and returns when it says
// that it is ready.
func runs(t *testing.T, folder, path, line string) {
	t.Helper()
	args := strings.Fields(line)
	if args[1] == "serve" {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), path)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context ended it
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready at") || strings.Contains(lines.Text(), "keys are issued at") {
			go func() { _, _ = io.Copy(io.Discard, said) }()
			return
		}
	}
	t.Fatalf("%s: it ended without being ready", line)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// program builds rota, and returns the PATH that has it.
func program(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	do(t, root(t), nil, "go", "build", "-o", filepath.Join(bin, "rota"), "./cmd/rota")
	path := bin + ":" + os.Getenv("PATH")
	t.Setenv("PATH", path)
	return "PATH=" + path
}

// written is a function as rota function new writes it, with what it needs
// installed.
func written(t *testing.T, language string) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "rotate-keys")
	do(t, root(t), nil, "rota", "function", "new", "--lang", language, folder)
	switch language {
	case "go":
		// This checkout in the place of the release that go.mod names, and the
		// modules that it has.
		do(t, folder, nil, "go", "mod", "edit", "-replace", "github.com/rotahq/rota="+root(t))
		sum, err := os.ReadFile(filepath.Join(root(t), "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "go.sum"), sum, 0o644); err != nil {
			t.Fatal(err)
		}
	case "node":
		modules := filepath.Join(root(t), "internal/clients/testdata/javascript/node_modules")
		if _, err := os.Stat(filepath.Join(modules, "@aws-sdk", "client-secrets-manager")); err != nil {
			t.Fatalf("the AWS SDK for JavaScript is not installed; run: make test-deps (%v)", err)
		}
		if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// do runs a program, which must succeed, and returns what it says.
func do(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
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
