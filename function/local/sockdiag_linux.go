package local

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// The kernel's sock_diag(7) tells of one socket without listing all: what
// /proc/net/tcp takes grows with the machine's connections.
const (
	netlinkSockDiag  = 4  // NETLINK_SOCK_DIAG, linux/netlink.h
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY, linux/sock_diag.h
	diagRequestLen   = 16 + 56
	diagAnswerLen    = 16 + 72
)

// diagRequest asks for the TCP socket from one address to another: nlmsghdr
// and inet_diag_req_v2 (linux/inet_diag.h).
func diagRequest(from, to netip.AddrPort) []byte {
	b := make([]byte, diagRequestLen)
	ne, be := binary.NativeEndian, binary.BigEndian
	ne.PutUint32(b[0:], diagRequestLen)
	ne.PutUint16(b[4:], sockDiagByFamily)
	ne.PutUint16(b[6:], syscall.NLM_F_REQUEST)
	q := b[16:]
	q[0], q[1] = syscall.AF_INET, syscall.IPPROTO_TCP
	ne.PutUint32(q[4:], ^uint32(0)) // any state
	be.PutUint16(q[8:], from.Port())
	be.PutUint16(q[10:], to.Port())
	src, dst := from.Addr().As4(), to.Addr().As4()
	copy(q[12:], src[:])
	copy(q[28:], dst[:])
	ne.PutUint64(q[48:], ^uint64(0)) // no cookie
	return b
}

// diagInode reads the answer: the socket's inode, "" if there is none.
func diagInode(b []byte) (inode string, err error) {
	ne := binary.NativeEndian
	if len(b) < 16 {
		return "", errors.New("the kernel's answer is cut")
	}
	switch ne.Uint16(b[4:]) {
	case syscall.NLMSG_ERROR:
		if len(b) < 20 {
			return "", errors.New("the kernel's answer is cut")
		}
		if errno := syscall.Errno(-int32(ne.Uint32(b[16:]))); errno != syscall.ENOENT {
			return "", errno
		}
		return "", nil
	case sockDiagByFamily:
		if len(b) < diagAnswerLen {
			return "", errors.New("the kernel's answer is cut")
		}
		if n := ne.Uint32(b[16+68:]); n != 0 {
			return strconv.FormatUint(uint64(n), 10), nil
		}
		return "", nil
	}
	return "", errors.New("the kernel answers something else")
}

// diag asks the kernel for the inode of a socket over IPv4; "" means that
// there is none. It fails where the kernel has no sock_diag.
func diag(from, to netip.AddrPort) (inode string, err error) {
	if !from.Addr().Is4() || !to.Addr().Is4() {
		return "", errors.New("only for IPv4")
	}
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return "", err
	}
	defer func() { _ = syscall.Close(fd) }()
	second := syscall.NsecToTimeval(int64(time.Second))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &second); err != nil {
		return "", err
	}
	if err := syscall.Sendto(fd, diagRequest(from, to), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return "", err
	}
	var b [4096]byte
	n, sender, err := syscall.Recvfrom(fd, b[:], 0)
	if err != nil {
		return "", err
	}
	if s, ok := sender.(*syscall.SockaddrNetlink); !ok || s.Pid != 0 {
		return "", errors.New("the answer is not the kernel's")
	}
	return diagInode(b[:n])
}
