package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rotahq/rota/internal/testlog"
)

// rotaCommand is this test binary as rota, in an empty folder for what is
// temporary.
func rotaCommand(t *testing.T, args ...string) (cmd *exec.Cmd, temporary string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temporary = t.TempDir()
	cmd = exec.CommandContext(t.Context(), self)
	cmd.Args = append([]string{"rota"}, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	return cmd, temporary
}

// exitCode is how a program ended: -1 for by a signal.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// readTo reads lines up to one that has a text.
func readTo(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("it did not say %q", text)
}

func TestADemoLeavesNothingWhenItsReaderGoesAway(t *testing.T) {
	cmd, temporary := rotaCommand(t, "demo", "--overlap", "1s")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w // as in rota demo 2>&1 | head
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	readTo(t, bufio.NewScanner(r), "rotation 1 of 3")
	_ = r.Close()
	if code := exitCode(t, cmd.Wait()); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: it goes on for nobody, or was killed", code, exitInterrupted)
	}
	if left := leftovers(t, temporary); left != nil {
		t.Errorf("it left %v", left)
	}
}

func TestADemoLeavesNothingWhenItsTerminalCloses(t *testing.T) {
	cmd, temporary := rotaCommand(t, "demo")
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	readTo(t, lines, "rotation 1 of 3")
	// The shell tells its jobs, and so does the kernel when the shell ends.
	hung := make(chan struct{})
	go func() {
		for {
			select {
			case <-hung:
				return
			default:
				_ = cmd.Process.Signal(syscall.SIGHUP)
			}
		}
	}()
	defer close(hung)
	readTo(t, lines, "interrupted; everything was removed")
	if code := exitCode(t, cmd.Wait()); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if left := leftovers(t, temporary); left != nil {
		t.Errorf("it left %v", left)
	}
}

// TestNohupIsFollowed: who has asked that SIGHUP does nothing is not overruled.
func TestNohupIsFollowed(t *testing.T) {
	if !slices.Contains(stopSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("SIGHUP ends nothing")
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if slices.Contains(stopSignals(), os.Signal(syscall.SIGHUP)) {
		t.Error("SIGHUP ends what runs under nohup")
	}
}

func TestAVerbWhoseReaderGoesAwayEndsWithoutAWord(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	startTestNode(t, data, newDemoRotator())
	cmd, _ := rotaCommand(t, "status", "--data", data)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	log := &testlog.Buffer{}
	cmd.Stdout, cmd.Stderr = w, log
	code := exitCode(t, cmd.Run())
	_ = w.Close()
	if code != exitUnread || log.String() != "" {
		t.Errorf("exit code %d, want %d; it said %s", code, exitUnread, log)
	}
}
