package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTheSameBinaryMakesTheSameZip: also when the file is younger and is
// called otherwise, and nobody may run it.
func TestTheSameBinaryMakesTheSameZip(t *testing.T) {
	dir := t.TempDir()
	var zips [2][]byte
	for i, name := range []string{"a", "another"} {
		in, out := filepath.Join(dir, name), filepath.Join(dir, name+".zip")
		if err := os.WriteFile(in, bytes.Repeat([]byte("binary"), 1000), os.FileMode(0o600+0o100*i)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(in, time.Time{}, time.Unix(int64(1e9*(i+1)), 0)); err != nil {
			t.Fatal(err)
		}
		if err := pack(in, out); err != nil {
			t.Fatal(err)
		}
		var err error
		if zips[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("two zips of one binary differ")
	}
	z, err := zip.NewReader(bytes.NewReader(zips[0]), int64(len(zips[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode() != 0o755 || !z.File[0].Modified.Equal(epoch) {
		t.Fatalf("%+v", z.File[0].FileHeader)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("binary"), 1000)) {
		t.Errorf("what is in it is not the binary: %v", err)
	}
}
