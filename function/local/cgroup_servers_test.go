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
	t.Run("the kernel holds the memory limit", func(t *testing.T) {
		switch {
		case !memory && onVersion1(t, "memory"):
			t.Skip("NOT TESTED: this machine has the memory controller on cgroup v1, so that no group of v2 can have it; " +
				"start the kernel with cgroup_no_v1=memory to try memory.max, memory.swap.max and memory.oom.group")
		case !memory:
			t.Fatal("the kernel has the memory controller free for cgroup v2, and this test's group has none: let the group above delegate it (cgroup.subtree_control)")
		}
		s := spec(t, "eats")
		s.Memory = 200 << 20
		p, err := h.Start(s)
		if err != nil {
			t.Fatal(err)
		}
		defer p.End()
		if out, _ := p.Invoke(t.Context(), []byte(`{}`)); out.Failure == nil || out.Failure.Type != invoke.OutOfMemory {
			t.Errorf("got %v", out.Failure)
		}
	})
}

// onVersion1 reports whether a controller belongs to a hierarchy of cgroup v1,
// or is off, so that it cannot be on v2 (/proc/cgroups, cgroups(7)).
func onVersion1(t *testing.T, controller string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == controller {
			return f[1] != "0" || f[3] != "1"
		}
	}
	return false // newer kernels list those of v1 only
}
