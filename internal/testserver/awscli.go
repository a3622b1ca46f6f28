package testserver

import (
	"os/exec"
	"strings"
	"testing"
)

// AWSCLI is the path of Debian's AWS CLI, an old client on purpose. It is
// called by its full path: another may hide it on PATH.
func AWSCLI(t testing.TB) string {
	t.Helper()
	path := look(t, "/usr/bin/aws")
	out, err := exec.CommandContext(t.Context(), path, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "aws-cli/2.9.19 ") {
		t.Fatalf("%s --version says %q (%v), want aws-cli/2.9.19; %s", path, out, err, install)
	}
	return path
}
