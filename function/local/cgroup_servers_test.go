//go:build servers && linux

package local

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rotahq/rota/function/invoke"
)

// cgroups is a folder of cgroup v2 to make groups in, with the memory
// controller if the machine has it there.
func cgroups(t *testing.T) (dir string, memory bool) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "cgroup2" {
			continue
		}
		_ = write(filepath.Join(f[1], "cgroup.subtree_control"), "+memory +pids")
		dir = filepath.Join(f[1], "rota-test-"+rand.Text())
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatalf("cgroup v2 is not writable: run this test as root: %v", err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Errorf("a group is left: %v", err)
			}
		})
		_, err := os.Stat(filepath.Join(dir, "memory.max"))
		return dir, err == nil
	}
	t.Fatal("no cgroup v2 is mounted, and none could be")
	return "", false
}

// mountCgroups mounts a cgroup v2 for the test where the machine has none, as
// in a bare root directory.
func mountCgroups(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), " cgroup2 ") {
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
		t.Fatalf("no cgroup v2 is mounted, and mounting one failed: run this test as root of the machine: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingEscapesACgroup: with a group not even what killed its keeper and
// emptied its environment lives on.
func TestNothingEscapesACgroup(t *testing.T) {
	mountCgroups(t)
	dir, memory := cgroups(t)
	name := rand.Text()
	h := host()
	h.Cgroup = dir
	p, err := h.Start(spec(t, "kills-its-keeper "+name))
	if err != nil {
		t.Fatal(err)
	}
	out, _ := p.Invoke(t.Context(), []byte(`{}`))
	if out.Failure == nil {
		t.Error("it did not fail")
	}
	p.End()
	for _, pid := range lingering(name) {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	if !memory {
		t.Log("the memory controller is not on cgroup v2 here: the kernel's limit is not tried")
		return
	}
	s := spec(t, "eats")
	s.Memory = 200 << 20
	if p, err = h.Start(s); err != nil {
		t.Fatal(err)
	}
	defer p.End()
	if out, _ := p.Invoke(t.Context(), []byte(`{}`)); out.Failure == nil || out.Failure.Type != invoke.OutOfMemory {
		t.Errorf("got %v", out.Failure)
	}
}
