//go:build servers

package awslambda

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testlog"
)

const roleARN = "arn:aws:iam::123456789012:role/rota-scheduler"

// buildFlags are those of make lambda.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"}

// build compiles a package as make lambda does.
func build(t testing.TB, arch, pkg string) string {
	t.Helper()
	return buildIn(t, ".", arch, pkg)
}

func buildIn(t testing.TB, dir, arch, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.Command("go", slices.Concat([]string{"build"}, buildFlags, []string{"-o", bin, pkg})...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly") // which is the default: flags of this machine are nobody else's
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return bin
}

const program = "github.com/rotahq/rota/cmd/rota"

// lambda is the function as Lambda runs it: one process at a time, started
// again after it ended.
type lambda struct {
	t       testing.TB
	command []string
	env     []string
	said    testlog.Buffer

	mu      sync.Mutex // the tripwire kills while the test starts and invokes
	process *exec.Cmd
	runtime *runtimeAPI // the process's own: what a former one still asks is nobody's answer
	gone    chan struct{}
}

// running is the process that was started last, and what is closed at its end.
func (l *lambda) running() (*exec.Cmd, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.process, l.gone
}

// newLambda runs the program behind the tripwire. Its environment is the one
// that Lambda documents, and nothing of this test's own
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func newLambda(t testing.TB, c *cloud, w *tripwire, command ...string) *lambda {
	t.Helper()
	l := &lambda{t: t, command: command}
	l.env = []string{
		"_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=/var/task", "AWS_LAMBDA_FUNCTION_NAME=rota-rotation",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "TZ=:UTC", "PATH=/usr/local/bin:/usr/bin:/bin",
		"SECRETS_MANAGER_ENDPOINT=http://" + w.through(t, c.secrets), "AWS_ENDPOINT_URL_SCHEDULER=http://" + w.through(t, c.scheduler),
		"ROTA_SCHEDULER_ROLE_ARN=" + roleARN, "ROTA_SCHEDULER_GROUP=rota",
		"ROTA_ALLOW_ROTATORS=postgres rabbitmq keystone", "ROTA_ALLOW_HOSTS=127.0.0.1", "ROTA_ALLOW_ADMIN_SECRETS=admin/*",
	}
	t.Cleanup(func() {
		l.kill()
		if t.Failed() {
			said := l.said.String()
			t.Logf("the function said:\n%s", said[max(0, len(said)-8<<10):])
		}
	})
	return l
}

// start starts the process unless it runs.
func (l *lambda) start() {
	l.t.Helper()
	if process, gone := l.running(); process != nil {
		select {
		case <-gone:
		default:
			return
		}
	}
	runtime := newRuntimeAPI(l.t)
	cmd := exec.Command(l.command[0], l.command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(slices.Clone(l.env), "AWS_LAMBDA_RUNTIME_API="+runtime.address), "/", &l.said, &l.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(l.t, cmd.Start())
	gone := make(chan struct{})
	l.mu.Lock()
	l.process, l.runtime, l.gone = cmd, runtime, gone
	l.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	select {
	case <-runtime.ready:
	case <-gone:
		l.t.Fatalf("the function ended at its start:\n%s", l.said.String())
	case <-time.After(patience):
		l.t.Fatal("the function does not ask for an event")
	}
}

// kill is kill -9, and waits until the process is gone.
func (l *lambda) kill() {
	process, gone := l.running()
	if process == nil {
		return
	}
	_ = process.Process.Kill()
	<-gone
}

// invoke sends an event to a process that runs.
func (l *lambda) invoke(ev rota.Event, step rota.Step) (answer map[string]any, died bool, err error) {
	l.t.Helper()
	l.start()
	ev.Step = step
	_, gone := l.running()
	return l.runtime.invoke(ev, gone) // only start, which this goroutine calls too, sets it
}

var fourSteps = []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret}

// rotate runs the four steps, each times times, and begins again with the
// first after the process died, as Secrets Manager does.
func (l *lambda) rotate(ev rota.Event, times int) {
	l.t.Helper()
	for i := 0; i < len(fourSteps); {
		again := false
		for range times {
			_, died, err := l.invoke(ev, fourSteps[i])
			if err != nil {
				l.t.Fatalf("%s: %v", fourSteps[i], err)
			}
			again = again || died
		}
		if i++; again {
			i = 0
		}
	}
}
