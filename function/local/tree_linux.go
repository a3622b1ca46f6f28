package local

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
)

// children lists the processes whose parent is pid, as the kernel lists them
// for each of its threads. While processes come and go one may be missing:
// who must be sure looks again.
func children(pid int) (pids []int) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, t := range threads {
		list, err := os.ReadFile(dir + "/" + t.Name() + "/children")
		if errors.Is(err, os.ErrNotExist) {
			if _, gone := os.Stat(dir + "/" + t.Name()); gone == nil {
				return scan(pid) // a kernel without CONFIG_PROC_CHILDREN
			}
		}
		for f := range strings.FieldsSeq(string(list)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

// scan is children by looking at every process.
func scan(pid int) (pids []int) {
	for _, p := range processes() {
		if parent, ok := parentOf(p); ok && parent == pid {
			pids = append(pids, p)
		}
	}
	return pids
}

// processes lists all processes.
func processes() (pids []int) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = d.Close() }()
	names, _ := d.Readdirnames(-1) // what could be read
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// parentOf reads the fourth field of /proc/<pid>/stat, proc(5). The second is
// the name, in parentheses, and may hold anything.
func parentOf(pid int) (int, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	return parent(stat)
}

func parent(stat []byte) (int, bool) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	f := bytes.Fields(stat[i+1:])
	if len(f) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(string(f[1]))
	return n, err == nil
}

// tree lists all processes below pid, without it.
func tree(pid int) (pids []int) {
	next := children(pid)
	for len(next) > 0 {
		p := next[0]
		next = next[1:]
		if slices.Contains(pids, p) {
			continue
		}
		pids = append(pids, p)
		next = append(next, children(p)...)
	}
	return pids
}

// below is tree by the parents that every process names.
func below(pid int) (pids []int) {
	for _, p := range processes() {
		for at := p; at > 1; {
			up, ok := parentOf(at)
			if !ok {
				break
			}
			if up == pid {
				pids = append(pids, p)
				break
			}
			at = up
		}
	}
	return pids
}

// ended reports whether a process is no more, or only waits for its parent.
func ended(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	state := bytes.TrimLeft(stat[bytes.LastIndexByte(stat, ')')+1:], " ")
	return len(state) == 0 || state[0] == 'Z' || state[0] == 'X'
}

// resident is the memory of a process in bytes, shared pages included.
func resident(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	return residentOf(b, int64(os.Getpagesize()))
}

// residentOf reads the second field of statm, proc(5).
func residentOf(statm []byte, page int64) int64 {
	f := bytes.Fields(statm)
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return n * page
}
