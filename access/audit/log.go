package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Options are how a log is kept; zero values are the defaults.
type Options struct {
	Now      func() time.Time // time.Now
	MaxBytes int64            // a file that has so many bytes is followed by a new one; 64 MiB
	MaxAge   time.Duration    // and so is one that has been written for so long; 24 hours

	disk disk // the file system; tests hand in others
}

// Log appends events to the files of a folder. It may be used by many
// goroutines. One process at a time may have it open.
type Log struct {
	dir string
	opt Options
	cut int64

	mu      sync.Mutex
	waiting []*request
	writes  bool // somebody writes: one of those who append
	closed  bool
	ended   *sync.Cond // nobody writes any more

	// of who writes
	file   file
	size   int64 // of what is known to be on the disk
	opened time.Time
	head   Head
	broken bool // the file may hold more than size
	buf    []byte
}

// request is one Append. Whoever waits is woken when it was written, or to
// write itself what waits.
type request struct {
	events [][]byte
	wake   chan struct{}
	done   bool
	err    error
}

// maxBatch is how many requests one fsync serves at most.
const maxBatch = 4096

var errClosed = errors.New("the audit log is closed")

// Open opens the log in a folder, which it makes if it is not there, and
// checks the two newest files. What a crash left of the last write, which was
// never acknowledged, is cut off. A chain that does not hold is a *Break: the
// log is not continued behind a change by somebody else.
func Open(dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxAge == 0 {
		o.MaxAge = 24 * time.Hour
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	l := &Log{dir: dir, opt: o}
	l.ended = sync.NewCond(&l.mu)
	if err := l.resume(); err != nil {
		if l.file != nil {
			err = errors.Join(err, l.file.Close())
		}
		return nil, fmt.Errorf("open the audit log in %s: %w", dir, err)
	}
	return l, nil
}

// resume finds the end of the chain.
func (l *Log) resume() error {
	if err := l.opt.disk.makeDir(l.dir); err != nil {
		return err
	}
	l.head = Head{Hash: beginning}
	c := chain{own: true}
	newest, err := c.newest(l.dir)
	if err != nil || newest == "" {
		return err
	}
	if c.Records > 0 {
		l.head = c.Head
	} else if newest != fileName(1) {
		return &Break{File: newest, What: "it has no whole line, and the file before it is gone: put that one back"}
	}
	l.size, l.opened = c.size, l.opt.Now()
	f, size, err := l.opt.disk.open(filepath.Join(l.dir, newest))
	if err != nil {
		return err
	}
	l.file = f
	if l.cut = size - l.size; l.cut != 0 {
		return l.mend()
	}
	return nil
}

// newest reads the two newest files and returns the name of the last, "" if
// there is none.
func (c *chain) newest(dir string) (string, error) {
	files, err := list(dir)
	if err != nil || len(files) == 0 {
		return "", err
	}
	last := files[len(files)-1]
	if len(files) > 1 {
		if err := c.file(dir, files[len(files)-2], false); err != nil {
			return "", err
		}
	}
	return last, c.file(dir, last, true)
}

// Cut is how many bytes Open cut off: what a crash left of a write that was
// never acknowledged.
func (l *Log) Cut() int64 { return l.cut }

// Wrote tells which of the ids are those of events in the two newest files.
// Who does not know whether an Append of a former process succeeded asks
// before it repeats it.
func (l *Log) Wrote(ids []string) (map[string]bool, error) {
	wanted, found := map[string]bool{}, map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	c := chain{each: func(event []byte) {
		var e struct {
			EventID string `json:"eventID"`
			ID      string `json:"id"`
		}
		if json.Unmarshal(event, &e) == nil && wanted[e.EventID+e.ID] {
			found[e.EventID+e.ID] = true
		}
	}}
	_, err := c.newest(l.dir)
	return found, err
}

// Append writes events, each one JSON object without a line break, and returns
// when they are on the disk. Calls that wait at the same time share one fsync.
// After an error none of the events is in the log, or the log refuses more
// until it could remove what is in doubt; the call may be repeated. Only if
// the process dies in that doubt may they be found later.
func (l *Log) Append(ctx context.Context, events ...[]byte) error {
	for _, e := range events {
		if len(e) == 0 || e[0] != '{' || bytes.IndexByte(e, '\n') >= 0 {
			return errors.New("write the audit log: an event is not one line with an object")
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{events: events}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosed
	}
	// Once it waits it is written: who gave up would not know.
	l.waiting = append(l.waiting, r)
	if l.writes {
		r.wake = make(chan struct{})
		l.mu.Unlock()
		<-r.wake
		if r.done {
			return r.err
		}
		l.mu.Lock()
	}
	l.writes = true
	n := min(len(l.waiting), maxBatch)
	batch := l.waiting[:n:n] // with its own: who is woken to write is the first
	l.waiting = l.waiting[n:]
	l.mu.Unlock()
	l.write(batch)
	return r.err
}

// write writes what waited, says so to everybody, and wakes one of those who
// came meanwhile to go on.
func (l *Log) write(batch []*request) {
	err := errors.New("the writer was ended")
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the audit log in %s: %w", l.dir, err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, r := range batch {
			if r.done, r.err = true, err; r.wake != nil && r != batch[0] {
				close(r.wake)
			}
		}
		if len(l.waiting) > 0 {
			close(l.waiting[0].wake)
			return
		}
		l.waiting, l.writes = nil, false
		l.ended.Broadcast()
	}()
	err = l.commit(batch)
}

// Close waits for what is being written and ends; a later Append is an error.
// It may be called again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.writes {
		l.ended.Wait()
	}
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// commit puts a batch on the disk, all or none.
func (l *Log) commit(batch []*request) error {
	if l.broken {
		if err := l.mend(); err != nil {
			return err
		}
	}
	if err := l.turn(); err != nil {
		return err
	}
	b, head := l.buf[:0], l.head
	for _, r := range batch {
		for _, e := range r.events {
			head.Sequence++
			b, head.Hash = appendLine(b, head.Sequence, head.Hash, l.head.Sequence, e)
			b = append(b, '\n')
		}
	}
	if cap(b) <= keepBuffer {
		l.buf = b
	}
	if len(b) == 0 {
		return nil
	}
	// Until both succeeded nobody knows how much is there.
	l.broken = true
	_, err := l.file.Write(b)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return errors.Join(err, l.mend())
	}
	l.broken = false
	l.head, l.size = head, l.size+int64(len(b))
	return nil
}

// keepBuffer is how much memory is kept for the next batch.
const keepBuffer = 1 << 20

// turn starts a new file where there is none, or the old one is full.
func (l *Log) turn() error {
	now := l.opt.Now()
	age := now.Sub(l.opened)
	if l.file != nil && (l.size == 0 || l.size < l.opt.MaxBytes && age < l.opt.MaxAge) {
		return nil
	}
	f, err := l.opt.disk.create(filepath.Join(l.dir, fileName(l.head.Sequence+1)))
	if err != nil {
		return err
	}
	if l.file != nil {
		_ = l.file.Close() // all of it was synced
	}
	l.file, l.size, l.opened = f, 0, now
	return nil
}

// mend cuts off what may stand behind the last line that was acknowledged.
func (l *Log) mend() error {
	l.broken = true
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.broken = false
	return nil
}
