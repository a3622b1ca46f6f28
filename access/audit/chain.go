package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// chain is a chain while it is read.
type chain struct {
	Report
	noted Head
	// own is set by the writer of the log, who reads what its former process
	// left: whatever of the last file cannot have been acknowledged counts as
	// torn.
	own  bool
	each func(event []byte) // optional
	size int64              // of the whole lines of the file that is read
}

// file reads one file; last is the newest.
func (c *chain) file(dir, name string, last bool) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	c.Files++
	c.size = 0
	r := bufio.NewReaderSize(f, 32<<10)
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(b) > 0 && !last {
				return &Break{name, n, "the line is not whole"}
			}
			c.Torn = len(b) > 0
			return c.empty(name, last)
		}
		if err != nil {
			return err
		}
		l, err := parseLine(b[:len(b)-1])
		if err != nil {
			if c.own && last {
				synced, rerr := c.synced(name, r)
				if rerr != nil {
					return rerr
				}
				if c.Torn = !synced; c.Torn {
					return c.empty(name, last)
				}
			}
			return &Break{name, n, err.Error()}
		}
		if err := c.line(name, n, l); err != nil {
			return err
		}
		c.size += int64(len(b))
	}
}

// synced says whether the line that comes next in the chain was acknowledged,
// as the lines after it tell: the lines of one write can reach the disk in any
// order, but none is written behind one that is in doubt.
func (c *chain) synced(name string, r *bufio.Reader) (bool, error) {
	next, _ := firstOf(name)
	if c.Records > 0 {
		next = c.Head.Sequence + 1
	}
	for {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if l, err := parseLine(b[:len(b)-1]); err == nil && l.synced >= next {
			return true, nil
		}
	}
}

// empty checks a file that has no whole line: the writer leaves one if it ends
// before the first line, and that is the newest.
func (c *chain) empty(name string, last bool) error {
	first, _ := firstOf(name)
	switch {
	case c.size > 0:
		return nil
	case !last:
		return &Break{File: name, What: "it is empty, and others follow it"}
	case c.Records > 0 && first != c.Head.Sequence+1:
		return &Break{File: name, What: fmt.Sprintf("it has no whole line, and the line before it has number %d", c.Head.Sequence)}
	}
	return nil
}

func (c *chain) line(name string, n int, l line) error {
	if n == 1 && name != fileName(l.sequence) {
		return &Break{name, n, fmt.Sprintf("it has number %d, which the file's name does not", l.sequence)}
	}
	switch {
	case c.Records == 0:
		c.First = l.sequence
		if l.sequence == 1 && l.previous != beginning {
			return &Break{name, n, "it is the first line and names one before it"}
		}
	case l.sequence != c.Head.Sequence+1:
		return &Break{name, n, fmt.Sprintf("it has number %d after %d", l.sequence, c.Head.Sequence)}
	case l.previous != c.Head.Hash:
		return &Break{name, n, fmt.Sprintf("the line before it, number %d, is not the one that was written", c.Head.Sequence)}
	}
	c.Records++
	c.Head = Head{l.sequence, l.hash}
	if l.sequence == c.noted.Sequence {
		if l.hash != c.noted.Hash {
			return &Break{name, n, fmt.Sprintf("number %d is not the line that was noted", l.sequence)}
		}
		c.Noted = true
	}
	if c.each != nil {
		c.each(l.event)
	}
	return nil
}
