//go:build servers

package clients

import (
	"os/exec"
	"strings"
	"testing"
)

// run lets a program live the life of a secret, as a user would start it.
func (p *program) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v (what it needs is installed by: make test-deps)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAnOldBoto3LivesTheWholeLifeOfASecret(t *testing.T) {
	t.Parallel()
	p := serve(t)
	p.run(t, "/usr/bin/python3", "testdata/python/life.py")
	p.oldPasswordIsRefused(t)
	p.calledAllBut(t, "Boto3/"+boto3Version+" ", "BatchGetSecretValue")
}

func TestAnOldAWSCLILivesTheWholeLifeOfASecret(t *testing.T) {
	t.Parallel()
	p := serve(t)
	p.run(t, "/bin/bash", "testdata/awscli/life.sh")
	p.oldPasswordIsRefused(t)
	p.calledAllBut(t, "aws-cli/"+awscliVersion+" ", "BatchGetSecretValue")
}

func TestTheJavaScriptSDKLivesTheWholeLifeOfASecret(t *testing.T) {
	t.Parallel()
	p := serve(t)
	p.run(t, "/usr/bin/node", "testdata/javascript/life.mjs")
	p.oldPasswordIsRefused(t)
	p.calledAllBut(t, "aws-sdk-js/"+javaScriptVersion(t)+" ")
}
