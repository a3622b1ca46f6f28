//go:build servers

package testserver

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// running is a process that cannot be taken for a later one with its number.
type running struct {
	pid     int
	started string
}

// processes are all that run, with their parents' numbers and their names.
func processes(t *testing.T) (parents map[running]int, names map[running]string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no process in /proc (%v)", err)
	}
	parents, names = map[running]int{}, map[running]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it ended since
		}
		// 1 (name) state parent … started at the 22nd place; a name may hold anything
		before, after, _ := cutLast(string(b), ") ")
		number, name, _ := strings.Cut(before, " (")
		rest := strings.Fields(after)
		if len(rest) < 20 || rest[0] == "Z" || rest[0] == "X" {
			continue // only its parent's note of it is left
		}
		pid, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		parent, err := strconv.Atoi(rest[1])
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		r := running{pid, rest[19]}
		parents[r], names[r] = parent, name
	}
	return parents, names
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// below are the names of a process's children, their children and so on.
func below(t *testing.T, ancestor int) map[running]string {
	t.Helper()
	parents, names := processes(t)
	found, pids := map[running]string{}, map[int]bool{ancestor: true}
	for grown := true; grown; {
		grown = false
		for r, parent := range parents {
			if _, known := found[r]; !known && pids[parent] {
				found[r], pids[r.pid], grown = names[r], true, true
			}
		}
	}
	return found
}

// has fails unless the processes have these names among theirs: a search that
// finds nothing proves nothing.
func has(t *testing.T, found map[running]string, want ...string) {
	t.Helper()
	names := slices.Sorted(maps.Values(found))
	for _, w := range want {
		if !slices.Contains(names, w) {
			t.Errorf("no process %s runs, only %v", w, names)
		}
	}
}

// gone fails if one of the processes is left after some seconds, or somebody
// listens at one of the ports.
func gone(t *testing.T, before map[running]string, ports ...int) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		var left []string
		_, now := processes(t)
		for r, name := range before {
			if _, lives := now[r]; lives {
				left = append(left, name+" "+strconv.Itoa(r.pid))
			}
		}
		for _, p := range ports {
			if c, err := net.Dial("tcp", "127.0.0.1:"+port(p)); err == nil {
				_ = c.Close()
				left = append(left, "a listener at port "+port(p))
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("left behind: %v", left)
		}
	}
}
