package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

// newKey is a key pair that is told once, as it is printed or written.
type newKey struct {
	id      string
	secret  rota.Value
	token   rota.Value // of temporary credentials
	expires time.Time  // likewise
	region  string
}

// credentials is the key in the format of the shared credentials file
// (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).
func (k newKey) credentials() string {
	var b strings.Builder
	b.WriteString("[default]\n")
	if !k.expires.IsZero() {
		b.WriteString("# until " + k.expires.UTC().Format(time.RFC3339) + "\n")
	}
	b.WriteString("aws_access_key_id = " + k.id + "\naws_secret_access_key = " + string(k.secret.Reveal()) + "\n")
	if !k.token.IsZero() {
		b.WriteString("aws_session_token = " + string(k.token.Reveal()) + "\n")
	}
	if k.region != "" {
		b.WriteString("region = " + k.region + "\n")
	}
	return b.String()
}

// keyFile is a credentials file that is going to be written. It is opened
// before the key is made, so that no key is made whose secret half then has no
// place.
type keyFile struct {
	path string
	tmp  *os.File
}

// newKeyFile opens a file for a key, nil without a path. A file that is there
// is replaced, unless it has other profiles than the default one.
func newKeyFile(path string) (*keyFile, error) {
	if path == "" {
		return nil, nil
	}
	if err := onlyDefault(path); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &keyFile{path, tmp}, nil
}

func onlyDefault(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "[") && line != "[default]" {
			return usage("%s has other profiles, which would be lost: name another file with --to", path)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("write %s: it is no credentials file; name another with --to", path)
	}
	return nil
}

// write puts the key into the file. Without a file it does nothing.
func (f *keyFile) write(k newKey) error {
	if f == nil {
		return nil
	}
	_, err := f.tmp.WriteString(k.credentials())
	err = errors.Join(err, f.tmp.Sync(), f.tmp.Close())
	if err == nil {
		err = rename(f.tmp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w; the secret half of the key %s is lost: delete the key and make another one", f.path, err, k.id)
	}
	return nil
}

// discard removes what was not written. It may be called after write.
func (f *keyFile) discard() {
	if f != nil {
		_ = f.tmp.Close()
		_ = os.Remove(f.tmp.Name())
	}
}
