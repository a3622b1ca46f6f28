package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// disk is the part of a file system that a log needs to write; it is the seam
// at which tests let a disk fail.
type disk interface {
	// makeDir makes a folder that survives a crash.
	makeDir(dir string) error
	// create makes an empty file that survives a crash as soon as it was
	// returned; an empty one of the name, that a failure left, is taken.
	create(path string) (file, error)
	// open opens a file that is there, and says how long it is.
	open(path string) (f file, size int64, err error)
}

// file is written at its end only.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

type osDisk struct{}

func (osDisk) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func (osDisk) open(path string) (file, int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func (osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		err = fmt.Errorf("somebody else wrote %s", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
