package local

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ownedBelow reports whether the other end of a connection over loopback is a
// socket of a process below pid. The Runtime API has no credentials, and
// clients take no more than a host and a port for its address; but on one
// machine the kernel knows whose socket it is. What /proc does not show is
// not taken for the function's.
func ownedBelow(pid int, c net.Conn) bool {
	local, ok1 := c.LocalAddr().(*net.TCPAddr)
	remote, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return false
	}
	here, there := unmapped(local.AddrPort()), unmapped(remote.AddrPort())
	if inode, err := diag(there, here); err == nil {
		return inode != "" && holds(pid, inode)
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		inode, found := socketOf(f, there, here)
		_ = f.Close()
		if found {
			return holds(pid, inode)
		}
	}
	return false
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// socketOf finds the inode of the socket from one address to another in a
// table of the kernel (proc(5), /proc/net/tcp).
func socketOf(table io.Reader, from, to netip.AddrPort) (inode string, ok bool) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := bytes.Fields(lines.Bytes())
		if len(f) < 10 {
			continue
		}
		a, ok1 := kernelAddr(f[1])
		b, ok2 := kernelAddr(f[2])
		if ok1 && ok2 && a == from && b == to && string(f[9]) != "0" {
			return string(f[9]), true
		}
	}
	return "", false
}

// kernelAddr reads an address as these tables have it: words of four bytes in
// the machine's order, which on what rota is built for is little-endian.
func kernelAddr(text []byte) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(string(text), ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(host)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	addr, _ := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}

// holds reports whether a process below pid has the socket open. The kernel's
// lists of children may miss one: a no is given only after every process was
// looked at, since it turns a function away.
func holds(pid int, inode string) bool {
	has := func(p int) bool { return hasOpen(p, "socket:["+inode+"]") }
	return slices.ContainsFunc(tree(pid), has) || slices.ContainsFunc(below(pid), has)
}

func hasOpen(pid int, want string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	names, _ := d.Readdirnames(-1) // what could be read
	_ = d.Close()
	return slices.ContainsFunc(names, func(n string) bool {
		to, err := os.Readlink(dir + "/" + n)
		return err == nil && to == want
	})
}
