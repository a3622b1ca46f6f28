package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rotahq/rota"
)

// accessKey is a key pair, with the region that requests are signed for.
type accessKey struct {
	id     string
	secret rota.Value
	token  rota.Value // of temporary credentials
	region string
}

// firstKeys reads the access key pair, or makes it at the first start.
func firstKeys(path, region string) (k accessKey, made bool, err error) {
	k, err = readKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	b := make([]byte, 30)
	_, _ = rand.Read(b) // never fails
	id, secret := "AKIA"+rand.Text()[:16], base64.StdEncoding.EncodeToString(b)
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", id, secret, region)
	return accessKey{id: id, secret: rota.StringValue(secret), region: region}, true, writeFile(path, text)
}

// readKeys reads the default profile of a shared credentials file
// (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).
func readKeys(path string) (k accessKey, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, fmt.Errorf("read the access keys: %w", err)
	}
	defer func() { _ = f.Close() }()
	profile := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			profile = line
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || profile != "[default]" {
			continue
		}
		switch value := strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.id = value
		case "aws_secret_access_key":
			k.secret = rota.StringValue(value)
		case "aws_session_token":
			k.token = rota.StringValue(value)
		case "region":
			k.region = value
		}
	}
	if lines.Err() != nil || k.id == "" || k.secret.Len() == 0 || k.region == "" {
		return k, fmt.Errorf("read the access keys: %s has no [default] with aws_access_key_id, aws_secret_access_key and region", path)
	}
	return k, nil
}

// writeFile writes a small file as a whole, readable by its owner only.
func writeFile(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// rename gives a file its name, also after a power failure: the name is the
// folder's, which is written to the disk by itself.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
