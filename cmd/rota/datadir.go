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
	"strconv"
	"strings"
	"syscall"
)

// lockFolder takes the data folder for this process: two servers on one
// folder would each believe to be alone.
func lockFolder(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = f.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another rota serve (process %s): stop it, or take another folder with --data", dir, strings.TrimSpace(string(holder)))
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock the data folder: %w", err)
		}
	}
	return func() { _ = f.Close() }, nil
}

// accessKey is a key pair, with the region that requests are signed for.
type accessKey struct{ id, secret, region string }

// firstKeys reads the access key pair, or makes it at the first start.
func firstKeys(path, region string) (accessKey, error) {
	k, err := readKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	secret := make([]byte, 30)
	_, _ = rand.Read(secret) // never fails
	k = accessKey{id: "AKIA" + rand.Text()[:16], secret: base64.StdEncoding.EncodeToString(secret), region: region}
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", k.id, k.secret, region)
	return k, writeFile(path, text)
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
			k.secret = value
		case "region":
			k.region = value
		}
	}
	if lines.Err() != nil || k.id == "" || k.secret == "" || k.region == "" {
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
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
