package audit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

var (
	errFault = errors.New("the disk failed")
	errDead  = errors.New("the machine is off")
)

// faultDisk is the real disk, with operations that a test lets fail, and with
// a crash after which only what was synced is sure.
type faultDisk struct {
	mu     sync.Mutex
	ops    []string // all that were asked for
	before func(op string, n int)
	// fault says what becomes of the n-th operation.
	fault func(n int, op string) fault
	dead  bool
	files map[string]*diskFile
}

// fault is what becomes of an operation: of its effect, and of its answer.
type fault struct {
	partial bool // a write puts half of it there
	effect  bool // it happens
	err     error
}

var works = fault{effect: true}

// diskFile is a file with what of it is sure to survive.
type diskFile struct {
	durable []byte
	now     []byte
	named   bool // its name is sure
}

func newFaultDisk() *faultDisk { return &faultDisk{files: map[string]*diskFile{}} }

func (d *faultDisk) op(op string) fault {
	d.mu.Lock()
	n := len(d.ops)
	d.ops = append(d.ops, op)
	f, dead, before := works, d.dead, d.before
	if dead {
		f = fault{err: errDead}
	} else if d.fault != nil {
		f = d.fault(n, op)
	}
	nth := 0
	for _, o := range d.ops {
		if o == op {
			nth++
		}
	}
	d.mu.Unlock()
	if before != nil {
		before(op, nth)
	}
	return f
}

func (d *faultDisk) count(op string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.ops {
		if o == op {
			n++
		}
	}
	return n
}

func (d *faultDisk) makeDir(dir string) error {
	f := d.op("makeDir")
	if f.effect {
		f.err = errors.Join(f.err, osDisk{}.makeDir(dir))
	}
	return f.err
}

func (d *faultDisk) create(path string) (file, error) {
	f := d.op("create")
	if f.effect || f.partial {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return nil, err
		}
		d.files[path] = &diskFile{named: f.err == nil}
	}
	if f.err != nil {
		return nil, f.err
	}
	return &faultFile{d, path}, nil
}

func (d *faultDisk) open(path string) (file, int64, error) {
	f := d.op("open")
	if f.err != nil {
		return nil, 0, f.err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	d.files[path] = &diskFile{durable: b, now: b, named: true}
	return &faultFile{d, path}, int64(len(b)), nil
}

type faultFile struct {
	d    *faultDisk
	path string
}

func (f *faultFile) set(b []byte) error {
	f.d.files[f.path].now = b
	return replace(f.path, b)
}

// replace writes a file anew: one that is cut to nothing and written again is
// put on the disk at once by some file systems, which here only costs time.
func replace(path string, b []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func (f *faultFile) Write(p []byte) (int, error) {
	o := f.d.op("write")
	n := 0
	switch {
	case o.effect:
		n = len(p)
	case o.partial:
		n = len(p) / 2
	}
	if n > 0 {
		if err := f.set(slices.Concat(f.d.files[f.path].now, p[:n])); err != nil {
			return 0, err
		}
	}
	return n, o.err
}

func (f *faultFile) Sync() error {
	o := f.d.op("sync")
	if o.effect {
		f.d.files[f.path].durable = f.d.files[f.path].now
	}
	return o.err
}

func (f *faultFile) Truncate(size int64) error {
	o := f.d.op("truncate")
	if o.effect {
		now := f.d.files[f.path].now
		if int64(len(now)) < size {
			return fmt.Errorf("%s has %d bytes and is cut to %d", f.path, len(now), size)
		}
		if err := f.set(bytes.Clone(now[:size])); err != nil {
			return err
		}
	}
	return o.err
}

func (f *faultFile) Close() error { return nil }

// image is what a crash leaves: content by name.
type image map[string][]byte

// images are all that a crash now may leave: of each file what is durable, and
// of what is not all, nothing, or a part, in every shape that a file system
// gives it. At most one file is in doubt at a time.
func (d *faultDisk) images() []image {
	sure := image{}
	var doubtful string
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[path]
		if f.named {
			sure[filepath.Base(path)] = f.durable
		}
		if !f.named || !bytes.Equal(f.now, f.durable) {
			if doubtful != "" {
				panic("two files are in doubt: " + doubtful + " and " + path)
			}
			doubtful = path
		}
	}
	out := []image{sure}
	if doubtful == "" {
		return out
	}
	f, name := d.files[doubtful], filepath.Base(doubtful)
	with := func(b []byte) {
		i := maps.Clone(sure)
		i[name] = b
		out = append(out, i)
	}
	if len(f.now) <= len(f.durable) {
		with(f.now)
		return out
	}
	fresh := f.now[len(f.durable):]
	for n := range len(fresh) + 1 {
		with(slices.Concat(f.durable, fresh[:n]))
	}
	// Where the length is there, bytes may be missing, a block at a time.
	for from := 0; from < len(fresh); from += block {
		for to := from; to < len(fresh); to += block {
			end := min(to+block, len(fresh))
			zeros := make([]byte, end-from)
			with(slices.Concat(f.durable, fresh[:from], zeros, fresh[end:]))
			with(slices.Concat(f.durable, fresh[:from], zeros))
		}
	}
	return out
}

// block is smaller than that of any disk, since so are the lines.
const block = 64

// restore puts a folder into the state that the crash left.
func (i image) restore(dir string) error {
	old, err := list(dir)
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for name, b := range i {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
