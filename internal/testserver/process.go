package testserver

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const install = "run: make test-deps"

// look finds a program, or fails with what installs it.
func look(t testing.TB, places ...string) string {
	t.Helper()
	for _, p := range places {
		if found, err := filepath.Glob(p); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Fatalf("%s is not installed; %s", filepath.Base(places[0]), install)
	return ""
}

// freePorts finds ports that nobody listens on, below those that Linux gives to
// outgoing connections: one of these could take the port while its server is
// down, or connect to itself there.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		p := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", "127.0.0.1:"+port(p))
		if err != nil {
			if tries == 100 {
				t.Fatalf("no free port: %v", err)
			}
			continue
		}
		defer func() { _ = l.Close() }() // until all are found, so that they differ
		ports = append(ports, p)
	}
	return ports
}

// process is a server in a process group of its own.
type process struct {
	cmd  *exec.Cmd
	end  syscall.Signal
	log  string
	done chan struct{}
}

// command says how a server is run.
type command struct {
	log  string // the file to whose end its output goes
	env  []string
	cred *syscall.Credential // whose process it is; nil for ours
	end  syscall.Signal      // what ends it; 0 for SIGKILL
}

// start runs a server until the end of the test. It ends with the test binary
// too, even if that is killed, provided that the program is the server itself
// and no wrapper around it.
//
// The errors of the server go directly to its log: what PostgreSQL logs before
// it answers a client is there when the client has the answer. The rest goes
// through a pipe, so that Wait returns when the children are gone too, who
// hold the pipe.
func start(t testing.TB, c command, name string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if c.end == 0 {
		c.end = syscall.SIGKILL
	}
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.env, "/", struct{ io.Writer }{out}, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: c.end, Credential: c.cred}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p := &process{cmd: cmd, end: c.end, log: c.log, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		_ = out.Close()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), p.said())
		}
	})
	return p
}

// said is the end of what the server wrote: a log of all statements is long.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-16<<10):])
}

// stop ends the server by its own signal, and the whole group by SIGKILL if
// that is not enough, and waits. Children in a group of their own, as
// PostgreSQL's are, end when they miss their parent.
func (p *process) stop() {
	select {
	case <-p.done: // its number may be another's by now
		return
	default:
	}
	if p.end != syscall.SIGKILL {
		_ = p.cmd.Process.Signal(p.end)
		select {
		case <-p.done:
			return
		case <-time.After(10 * time.Second):
		}
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// await polls until a server is ready. Its end is a failure.
func await(t testing.TB, what string, p *process, ready func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended (%v)", what, err)
		case <-ctx.Done():
			t.Fatalf("%s is not ready after a minute: %v", what, err)
		}
	}
}

// account is the user of a server that root must not run, or nil if the test
// is not run by root and so cannot change who it is.
func account(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("%v; %s", err, install)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// folder is a temporary folder that belongs to the server's user.
func folder(t testing.TB, cred *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rota-server")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own(t, dir, cred)
	return dir
}

// write makes a file that belongs to the server's user.
func write(t testing.TB, cred *syscall.Credential, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, path, cred)
}

func own(t testing.TB, path string, cred *syscall.Credential) {
	t.Helper()
	if cred == nil {
		return
	}
	if err := os.Chown(path, int(cred.Uid), int(cred.Gid)); err != nil {
		t.Fatal(err)
	}
}

func port(n int) string { return strconv.Itoa(n) }
