//go:build servers

package awslambda

import (
	"os"
	"testing"
)

// qemu is Debian's emulator of the other processor.
func qemu(t testing.TB) string {
	t.Helper()
	const path = "/usr/bin/qemu-aarch64-static"
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed; run: make test-deps", path)
	}
	return path
}
