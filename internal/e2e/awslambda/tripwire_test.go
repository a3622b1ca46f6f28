//go:build servers

package awslambda

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// tripwire stands between the function and everything that it talks to. It
// counts the requests over all connections, and at the one of a given number
// ends the process: the request was done, and its answer is not passed on.
// The state before a request is the one that the request before it left, and
// what only reads from Secrets Manager leaves none of its own: so these are
// all states in which a crash can leave the world.
//
// It works on plain TCP, so that it is the same for HTTP and for a database:
// a request is what the function sends until it waits.
type tripwire struct {
	mu   sync.Mutex
	n    int
	at   int    // 0: never
	trip func() // called once
}

// arm counts anew, and trips at a number.
func (w *tripwire) arm(at int, trip func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n, w.at, w.trip = 0, at, trip
}

// passed is how many requests were seen since arm, and whether it tripped.
func (w *tripwire) passed() (n int, tripped bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n, w.at > 0 && w.trip == nil
}

// through opens a way to an address, and returns its own.
func (w *tripwire) through(t testing.TB, target string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(c, target)
		}
	}()
	return l.Addr().String()
}

func (w *tripwire) serve(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var mu sync.Mutex
	request, waits := 0, false // the number of the request that is on its way
	go func() {
		defer func() { _ = server.(*net.TCPConn).CloseWrite() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if n > 0 {
				mu.Lock()
				if !waits && !reads(buf[:n]) {
					request, waits = w.count(), true
				}
				mu.Unlock()
				if _, err := server.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		mu.Lock()
		answered, was := request, waits
		waits = false
		mu.Unlock()
		if was && w.trips(answered) {
			return
		}
		if n > 0 {
			if _, err := client.Write(buf[:n]); err != nil {
				_, _ = io.Copy(io.Discard, server) // the process ended; the server goes on
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// reads tells the calls to Secrets Manager that change nothing.
func reads(request []byte) bool {
	for _, op := range []string{"DescribeSecret", "GetSecretValue"} {
		if bytes.Contains(request, []byte("X-Amz-Target: secretsmanager."+op+"\r\n")) {
			return true
		}
	}
	return false
}

func (w *tripwire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n
}

// trips ends the process if this is the number.
func (w *tripwire) trips(n int) bool {
	w.mu.Lock()
	trip := w.trip
	if n != w.at || trip == nil {
		w.mu.Unlock()
		return false
	}
	w.trip = nil
	w.mu.Unlock()
	trip()
	return true
}
