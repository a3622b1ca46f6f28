package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is a control group of version 2 for one function, made where rota
// was given a folder to make them in
// (https://docs.kernel.org/admin-guide/cgroup-v2.html). The zero value is
// none: then memory and processes are watched instead.
type cgroup struct {
	dir    string
	limits bool // the kernel holds the memory limit
}

// newCgroup makes a group below parent. What the parent does not delegate is
// left to the keeper.
func newCgroup(parent, name string, memory int64, processes int) (cgroup, error) {
	if parent == "" {
		return cgroup{}, nil
	}
	// Refused where the parent has no such controller, or processes of its own.
	_ = write(filepath.Join(parent, "cgroup.subtree_control"), "+memory +pids")
	g := cgroup{dir: filepath.Join(parent, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return cgroup{}, err
	}
	g.limits = g.set("memory.max", strconv.FormatInt(memory, 10))
	if g.limits {
		g.set("memory.swap.max", "0") // none where the kernel has no swap accounting
		g.set("memory.oom.group", "1")
	}
	g.set("pids.max", strconv.Itoa(processes))
	return g, nil
}

func (g cgroup) set(file, text string) bool { return write(filepath.Join(g.dir, file), text) == nil }

// write writes to a file that is there: a control file, which cannot be made.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// open opens the folder, for a process to be started in it.
func (g cgroup) open() (*os.File, error) { return os.Open(g.dir) }

// outOfMemory reports whether the kernel ended the function for its memory.
func (g cgroup) outOfMemory() bool {
	if !g.limits {
		return false
	}
	b, err := os.ReadFile(filepath.Join(g.dir, "memory.events"))
	return err == nil && oomKills(b)
}

func oomKills(events []byte) bool {
	for line := range bytes.Lines(events) {
		name, n, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if name == "oom_kill" && n != "0" {
			return true
		}
	}
	return false
}

// end ends what is still in the group, and removes it, which the kernel lets
// happen when the last process is gone.
func (g cgroup) end() {
	if g.dir == "" {
		return
	}
	g.set("cgroup.kill", "1")
	for until := time.Now().Add(killFor); os.Remove(g.dir) != nil && time.Now().Before(until); {
		time.Sleep(killEvery)
	}
}

// Delegated is the folder of cgroup v2 that was given to this process to make
// groups in, as systemd does for a service with Delegate=yes and
// DelegateSubgroup=: the parent of its own group, marked so
// (https://systemd.io/CGROUP_DELEGATION). "" where there is none.
func Delegated() string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	dir := parentGroup(string(mounts), string(own))
	var mark [4]byte
	if n, err := syscall.Getxattr(dir, "user.delegate", mark[:]); dir == "" || err != nil || string(mark[:n]) != "1" {
		return ""
	}
	return dir
}

// parentGroup is the folder above a process's own group, "" if it has none.
func parentGroup(mounts, own string) string {
	path := ""
	for line := range strings.Lines(own) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::/"); ok {
			path = p
		}
	}
	if path == "" || strings.HasPrefix(path, "..") { // the root, or outside of what is mounted
		return ""
	}
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return filepath.Dir(filepath.Join(f[1], path))
		}
	}
	return ""
}
