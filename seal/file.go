package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rotahq/rota"
)

// What the environment may give. Only one of the two may be set.
const (
	EnvKey     = "ROTA_SEAL_KEY"      // the key text itself
	EnvKeyFile = "ROTA_SEAL_KEY_FILE" // the path of a file that holds it
)

// FromEnv returns the Sealer that the environment gives: ROTA_SEAL_KEY, else
// ROTA_SEAL_KEY_FILE, which must exist, else OpenOrCreate(path,
// databaseIsNew).
func FromEnv(getenv func(string) string, path string, databaseIsNew bool) (*Sealer, error) {
	text, file := getenv(EnvKey), getenv(EnvKeyFile)
	switch {
	case text != "" && file != "":
		return nil, &rota.Error{
			Code: rota.Internal, Message: EnvKey + " and " + EnvKeyFile + " are both set",
			Hint: "unset one of them",
		}
	case text != "":
		s, err := Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvKey, err)
		}
		return s, nil
	case file != "":
		s, err := Load(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvKeyFile, err)
		}
		return s, nil
	}
	return OpenOrCreate(path, databaseIsNew)
}

// OpenOrCreate loads the key file, and makes one only if there is none and
// the database is new. A file beside a new database is used as it is: a crash
// may have come between the two. A missing file beside a database that has
// values is a refusal. It may be repeated after a crash at any point.
//
// Nodes that share a database must share one key: the first node's is copied
// to the others. A node that made a key of its own is refused by Verify.
func OpenOrCreate(path string, databaseIsNew bool) (*Sealer, error) {
	s, err := Load(path)
	switch {
	case err == nil && databaseIsNew:
		// Whoever made the file may have crashed before its folder was on
		// disk, and from now on values depend on it.
		return durable(path, s)
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	if !databaseIsNew {
		return nil, &rota.Error{
			Code: rota.Internal, Err: fs.ErrNotExist,
			Message: "the database exists and its sealing key " + path + " does not; without it no stored value can be read",
			Hint:    "restore " + path + " from a backup, or give the key by " + EnvKeyFile + " or " + EnvKey,
		}
	}
	s, err = Create(path)
	if errors.Is(err, fs.ErrExist) {
		if s, err = Load(path); err == nil { // another process was first
			return durable(path, s)
		}
	}
	return s, err
}

func durable(path string, s *Sealer) (*Sealer, error) {
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, fileError("sync the folder of", path, err)
	}
	return s, nil
}

// Load reads a key file. It refuses a file that others than its owner may
// touch, and prints the chmod command. The error of a missing file is an
// fs.ErrNotExist.
func Load(path string) (*Sealer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError("open", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileError("open", path, err)
	}
	if info.IsDir() {
		return nil, fileError("open", path, errors.New("it is a directory"))
	}
	if perm := info.Mode().Perm(); perm&^0o600 != 0 {
		return nil, &rota.Error{
			Code:    rota.Internal,
			Message: fmt.Sprintf("the mode of the sealing key %s is %04o, and must let nobody but its owner read and write", path, perm),
			Hint:    "chmod 600 " + shellQuote(path),
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyText+1))
	defer clear(text)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Create makes a new key in a new file of mode 0600; THE FILE IS THE KEY. It
// returns once file and folder are on disk. A file that is there already is
// an fs.ErrExist and is left alone.
//
// The file appears whole or not at all: half a key after a crash would look
// like a damaged one, and stand in the way of every later start.
func Create(path string) (*Sealer, error) {
	text, err := newKeyText()
	if err != nil {
		return nil, &rota.Error{Code: rota.Internal, Message: "no sealing key could be made"}
	}
	defer clear(text)
	if err := writeNew(path, text); err != nil {
		return nil, fileError("create", path, err)
	}
	return Parse(text)
}

func writeNew(path string, text []byte) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*") // mode 0600, exclusive
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	// A link, unlike a rename, never replaces what is there.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	// The other name goes before the sync, so that it does not come back.
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fileError names the path once: the errors of os name it again.
func fileError(verb, path string, err error) error {
	var inPath *fs.PathError
	var inLink *os.LinkError
	switch {
	case errors.As(err, &inPath):
		err = inPath.Err
	case errors.As(err, &inLink):
		err = inLink.Err
	}
	e := &rota.Error{Code: rota.Internal, Message: "cannot " + verb + " the sealing key " + path, Err: err}
	if errors.Is(err, fs.ErrNotExist) {
		e.Hint = "check the path; a key that was lost can only be restored from its backup"
	}
	return e
}

// shellQuote makes a path safe to paste into a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
