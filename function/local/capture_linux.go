package local

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// logMax is how much of the end of a function's log is kept, in bytes.
const logMax = 256 << 10

// capture reads a function's log from a pipe, all of it and always, so that
// the function never waits, and keeps the end.
type capture struct {
	pipe *os.File
	raw  syscall.RawConn
	done chan struct{}

	mu      sync.Mutex
	kept    []byte
	dropped bool // what is kept is not all
}

// newCapture returns a capture and the end of the pipe that is written to.
func newCapture() (*capture, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	c := &capture{pipe: r, raw: raw, done: make(chan struct{})}
	go c.run()
	return c, w, nil
}

// run reads until the last writer is gone or close is called.
func (c *capture) run() {
	defer close(c.done)
	ended := false
	for !ended {
		err := c.raw.Read(func(fd uintptr) bool {
			more := false
			more, ended = c.read(int(fd))
			return more || ended
		})
		if err != nil {
			return // closed
		}
	}
}

// read takes what is there. more is false when nothing was.
func (c *capture) read(fd int) (more, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readLocked(fd)
}

func (c *capture) readLocked(fd int) (more, ended bool) {
	var buf [16 << 10]byte
	for {
		n, err := syscall.Read(fd, buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false, false
		case err != nil || n == 0:
			return false, true
		}
		c.kept = append(c.kept, buf[:n]...)
		if len(c.kept) > 2*logMax {
			c.kept = append(c.kept[:0], c.kept[len(c.kept)-logMax:]...)
			c.dropped = true
		}
		return true, false
	}
}

// take returns what was written since the last take, and whether its
// beginning is missing. What is in the pipe at the call is in it, up to a
// bound, since a function may write forever.
func (c *capture) take() (log []byte, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.Control(func(fd uintptr) { // closed: nothing more to read
		for range logMax / (16 << 10) * 2 {
			if more, _ := c.readLocked(int(fd)); !more {
				break
			}
		}
	})
	log, cut = c.kept, c.dropped
	if len(log) > logMax {
		log, cut = log[len(log)-logMax:], true
	}
	c.kept, c.dropped = nil, false
	return log, cut
}

// close ends the reading.
func (c *capture) close() {
	_ = c.pipe.Close()
	<-c.done
}
