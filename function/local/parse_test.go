//go:build linux

package local

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 20 4 0 10 -1
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:C002 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:C003 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 444 1 0000000000000000 20 4 0 10 -1
`

func TestSocketOf(t *testing.T) {
	server := netip.MustParseAddrPort("127.0.0.1:8080")
	for _, c := range []struct {
		guards, table, from string
		want                string
	}{
		{"the client's end is found, not the server's", tcpTable, "127.0.0.1:49153", "333"},
		{"an end that nobody holds any more is not", tcpTable, "127.0.0.1:49154", ""},
		{"one that is not there is not", tcpTable, "127.0.0.1:1", ""},
		{"a version 6 socket that speaks version 4 is found", tcp6Table, "127.0.0.1:49155", "444"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			got, ok := socketOf(strings.NewReader(c.table), netip.MustParseAddrPort(c.from), server)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, c.want)
			}
		})
	}
}

// TestBothWaysToFindASocketAgree on a connection of this process, over a
// version 4 and over a version 6 socket.
func TestBothWaysToFindASocketAgree(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test is over
	from, to := netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	want, ok := socketOf(strings.NewReader(string(table)), from, to)
	if !ok {
		t.Fatal("the socket is not in the table")
	}
	if got, err := diag(from, to); err != nil || got != want {
		t.Errorf("sock_diag says %q %v, the table %q", got, err, want)
	}
	if got, err := diag(netip.AddrPortFrom(from.Addr(), 1), to); err != nil || got != "" {
		t.Errorf("of a socket that is not there: %q %v", got, err)
	}
	self, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fdOf(t, c.(*net.TCPConn))))
	if err != nil || self != "socket:["+want+"]" {
		t.Errorf("this process holds %s %v", self, err)
	}
}

func fdOf(t *testing.T, c *net.TCPConn) (fd int) {
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestParentIsReadBehindAnyName(t *testing.T) {
	for stat, want := range map[string]int{
		"12 (a) S 7 12": 7, "12 (a) b) S 9 (c) S 8 1": 8, "12 (x\n) 1 2) R 6 0": 6,
	} {
		if got, ok := parent([]byte(stat)); !ok || got != want {
			t.Errorf("%q: got %d %v, want %d", stat, got, ok, want)
		}
	}
	for _, stat := range []string{"", "12 a S 7", "12 (a)", "12 (a) S", "12 (a) S x"} {
		if _, ok := parent([]byte(stat)); ok {
			t.Errorf("%q has a parent", stat)
		}
	}
}

func TestBothWaysToFindChildrenAgree(t *testing.T) {
	a, b := children(1), scan(1)
	slices.Sort(a)
	slices.Sort(b)
	for _, p := range a {
		if parent, ok := parentOf(p); ok && parent == 1 && !slices.Contains(b, p) {
			t.Errorf("scan misses %d", p)
		}
	}
	if ppid := os.Getppid(); !slices.Contains(children(ppid), os.Getpid()) || !slices.Contains(scan(ppid), os.Getpid()) {
		t.Error("this process is not found below its parent")
	}
	if resident(os.Getpid()) < 1<<20 {
		t.Errorf("this process has %d bytes", resident(os.Getpid()))
	}
}

func TestOomKills(t *testing.T) {
	if !oomKills([]byte("low 0\noom 1\noom_kill 2\n")) || oomKills([]byte("oom 1\noom_kill 0\n")) || oomKills(nil) {
		t.Error("oom_kill is misread")
	}
}

func TestParentGroup(t *testing.T) {
	const mounts = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
	for own, want := range map[string]string{
		"0::/system.slice/rota.service/main\n":              "/sys/fs/cgroup/system.slice/rota.service",
		"4:memory:/x\n0::/system.slice/rota.service/main\n": "/sys/fs/cgroup/system.slice/rota.service",
		"0::/\n": "", "0::/../x\n": "", "4:memory:/x\n": "", "": "",
	} {
		if got := parentGroup(mounts, own); got != want {
			t.Errorf("%q: got %q, want %q", own, got, want)
		}
	}
	if got := parentGroup("proc /proc proc rw 0 0\n", "0::/a/b\n"); got != "" {
		t.Errorf("without cgroup v2: %q", got)
	}
}

func FuzzProc(f *testing.F) {
	f.Add([]byte(tcpTable))
	f.Add([]byte("12 (a) S 7 12"))
	f.Add([]byte("100 20 3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := residentOf(b, 4096); n < 0 {
			t.Errorf("%d bytes", n)
		}
		if n, ok := parent(b); !ok && n != 0 {
			t.Errorf("parent %d", n)
		}
		oomKills(b)
		if inode, err := diagInode(b); err != nil && inode != "" {
			t.Errorf("inode %q with %v", inode, err)
		}
		server := netip.MustParseAddrPort("127.0.0.1:8080")
		if inode, ok := socketOf(strings.NewReader(string(b)), netip.MustParseAddrPort("127.0.0.1:49153"), server); ok {
			if inode == "" || inode == "0" || !strings.Contains(string(b), inode) {
				t.Errorf("inode %q", inode)
			}
		}
		if a, ok := kernelAddr(b); ok && !a.IsValid() {
			t.Errorf("%q is %s", b, strconv.Quote(a.String()))
		}
	})
}

// Whose socket it is decides whether a function is turned away: all of its
// processes are found, also by the parents that they name.
func TestEveryProcessBelowIsFound(t *testing.T) {
	shell := exec.Command("sh", "-c", "sleep 60 & echo $!; wait")
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
		_ = shell.Wait()
	}()
	var grandchild int
	if _, err := fmt.Fscan(out, &grandchild); err != nil {
		t.Fatal(err)
	}
	found := below(os.Getpid())
	for what, pid := range map[string]int{"child": shell.Process.Pid, "grandchild": grandchild} {
		if !slices.Contains(found, pid) {
			t.Errorf("the %s %d is not in %v", what, pid, found)
		}
	}
	if slices.Contains(found, os.Getpid()) || slices.Contains(found, os.Getppid()) {
		t.Errorf("this process or its parent is in %v", found)
	}
}
