package local

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rotahq/rota/function/invoke"
)

// afterAnswer is how long a function that has answered may take until it asks
// for the next invocation, or ends: only then is all of it known.
const afterAnswer = 500 * time.Millisecond

// endFor is how long a keeper has to end everything before it is ended
// itself: longer than it tries.
const endFor = killFor + 5*time.Second

// Process is a running function. Invoke is called by one goroutine at a time;
// End by any, and it must be called.
type Process struct {
	spec    Spec
	host    Host
	api     *runtimeAPI
	log     *capture
	group   cgroup
	scratch string
	keeper  *exec.Cmd
	control *os.File // closing it tells the keeper to end everything

	stopped chan struct{} // the function's first process ended, or must
	kept    chan struct{} // the keeper ended

	mu     sync.Mutex
	keeps  int             // the keeper's process id
	pid    int             // the function's
	why    *invoke.Failure // why it stopped
	left   int64           // processes that it had left behind
	stuck  int64           // processes that could not be ended
	ending sync.Once
}

// Start starts a function. It does not wait until its runtime asks for work:
// the first invocation does.
func (h Host) Start(s Spec) (*Process, error) {
	if s.ID == "" {
		s.ID = h.NewID()
	}
	p := &Process{spec: s, host: h, stopped: make(chan struct{}), kept: make(chan struct{})}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start the function %s: %w", s.Name, err)
	}
	return p, nil
}

func (p *Process) start() (err error) {
	var undo []func()
	defer func() {
		if err != nil {
			for i := range undo {
				undo[len(undo)-1-i]()
			}
		}
	}()
	if p.scratch, err = os.MkdirTemp("", "rota-function-"); err != nil {
		return err
	}
	undo = append(undo, func() { _ = os.RemoveAll(p.scratch) })
	if u := p.host.User; u != nil {
		if err := os.Chown(p.scratch, int(u.UID), int(u.GID)); err != nil {
			return err
		}
	}
	if p.api, err = newRuntimeAPI(p.spec.ARN, traceID(p.host.Now(), p.spec.ID), p.owns); err != nil {
		return err
	}
	undo = append(undo, p.api.close)
	if p.group, err = newCgroup(p.host.Cgroup, "rota-function-"+p.spec.ID, p.spec.Memory, MaxProcesses); err != nil {
		return fmt.Errorf("make a cgroup: %w", err)
	}
	undo = append(undo, p.group.end)
	var output *os.File
	if p.log, output, err = newCapture(); err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	undo = append(undo, p.log.close)
	return p.keep(output)
}

// keep starts the keeper.
func (p *Process) keep(output *os.File) error {
	o := order{Argv: p.spec.Argv, Folder: p.spec.Folder, Processes: MaxProcesses, User: p.host.User, Scratch: p.scratch}
	if !p.group.limits {
		o.Memory = p.spec.Memory
	}
	var extra []*os.File
	if p.group.dir != "" {
		dir, err := p.group.open()
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		o.Cgroup, extra = true, []*os.File{dir}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	status, said, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	in, control, err := os.Pipe()
	if err != nil {
		_ = status.Close()
		return err
	}
	defer func() { _ = in.Close() }()
	program := p.host.Keeper
	if program == "" {
		program = "/proc/self/exe" // this program, even if its file was replaced
	}
	p.keeper = &exec.Cmd{
		Path: program, Args: []string{keeperName, string(text)}, Dir: "/",
		Env:   p.spec.environ(p.api.address, p.scratch, p.host.Now()),
		Stdin: in, Stdout: output, Stderr: output, ExtraFiles: append([]*os.File{said}, extra...),
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := p.keeper.Start(); err != nil {
		return errors.Join(err, status.Close(), control.Close())
	}
	p.control = control
	p.mu.Lock()
	p.keeps = p.keeper.Process.Pid
	p.mu.Unlock()
	go p.listen(status)
	return nil
}

// traceID is an X-Ray trace that is not sampled.
func traceID(now time.Time, id string) string {
	hex := strings.ReplaceAll(id, "-", "")
	if len(hex) < 24 {
		hex += strings.Repeat("0", 24-len(hex))
	}
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), hex[:24], hex[:16])
}

// owns reports whether a connection comes from a process of the function.
func (p *Process) owns(c net.Conn) bool {
	p.mu.Lock()
	keeper := p.keeps
	p.mu.Unlock()
	return keeper != 0 && ownedBelow(keeper, c)
}

// listen hears what the keeper says until it ends.
func (p *Process) listen(status *os.File) {
	defer close(p.kept)
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		var w word
		if json.Unmarshal(lines.Bytes(), &w) == nil {
			p.heard(w)
		}
	}
	_ = status.Close()
	_ = p.keeper.Wait() // what it said matters, not how it ended
	p.stop(&invoke.Failure{Type: invoke.ExitError, Message: "the keeper of the function was killed, and the function with it"})
}

func (p *Process) heard(w word) {
	switch w.Said {
	case saidStarted:
		p.mu.Lock()
		p.pid = int(w.Number)
		p.mu.Unlock()
	case saidRefused:
		p.stop(&invoke.Failure{Type: invoke.InitError, Message: w.Text})
	case saidExited:
		p.stop(p.exited(w.Text))
	case saidMemory:
		p.stop(&invoke.Failure{Type: invoke.OutOfMemory, Message: fmt.Sprintf("the function used %d MB of memory and may use %d MB", w.Number>>20, p.spec.Memory>>20)})
	case saidProcesses:
		p.stop(&invoke.Failure{Type: "Runtime.TooManyProcesses", Message: fmt.Sprintf("the function had %d processes at once and may have %d", w.Number, MaxProcesses)})
	case saidGone:
		p.mu.Lock()
		p.left = w.Number
		p.mu.Unlock()
	case saidLeft:
		p.mu.Lock()
		p.stuck = w.Number
		p.mu.Unlock()
	}
}

// exited words the end of the function's first process as Lambda does.
func (p *Process) exited(how string) *invoke.Failure {
	if p.group.outOfMemory() {
		return &invoke.Failure{Type: invoke.OutOfMemory, Message: fmt.Sprintf("the kernel ended the function, which may use %d MB of memory", p.spec.Memory>>20)}
	}
	return &invoke.Failure{Type: invoke.ExitError, Message: "Runtime exited with error: " + how}
}

// stop says why nothing more is to be expected of the function; the first
// reason counts.
func (p *Process) stop(why *invoke.Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		p.why = why
		close(p.stopped)
	}
}

// Invoke is Do with a payload and nothing else.
func (p *Process) Invoke(ctx context.Context, payload []byte) (out invoke.Outcome, cut bool) {
	return p.Do(ctx, invoke.Request{Payload: payload})
}

// Do runs one invocation and returns when it is over: the function
// answered and asked for the next one, or failed, or its time was up. ctx may
// end it sooner than the function's own time-out. After a failure the process
// is of no more use, and End is due. The log of the outcome is as the function
// wrote it: whoever passes it on removes what is secret.
func (p *Process) Do(ctx context.Context, req invoke.Request) (out invoke.Outcome, cut bool) {
	timeout := p.spec.Timeout
	deadline := p.host.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
		timeout = time.Until(d)
	}
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if req.ID == "" {
		req.ID = p.host.NewID()
	}
	i := &invocation{id: req.ID, payload: req.Payload, context: req.Context, deadline: deadline}
	p.api.offer(i)
	answered := p.api.await(timed, p.stopped, func() bool { return i.answered || p.api.initErr != nil })
	if answered {
		grace, stop := context.WithTimeout(timed, afterAnswer)
		p.api.await(grace, p.stopped, func() bool { return i.over || p.api.initErr != nil })
		stop()
	}
	out.Payload, out.Failure, out.Notes = p.judge(ctx, i, timeout)
	log, cut := p.log.take()
	out.Log = string(log)
	return out, cut
}

// judge says how an invocation went.
func (p *Process) judge(ctx context.Context, i *invocation, timeout time.Duration) (answer []byte, f *invoke.Failure, notes []string) {
	p.mu.Lock()
	why := p.why
	p.mu.Unlock()
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	if n := p.api.repeated; n > 0 {
		notes = append(notes, fmt.Sprintf("the function answered %d more times; the first answer counts", n))
	}
	if n := p.api.strays; n > 0 {
		notes = append(notes, fmt.Sprintf("%d requests to its Runtime API came from processes that are not its own and were refused", n))
		p.api.strays = 0
	}
	switch {
	case i.answered && i.failure != nil:
		f = i.failure
	case i.answered && why != nil:
		f = &invoke.Failure{Type: why.Type, Message: why.Message + ", after it had answered"}
	case i.answered:
		answer = i.answer
	case p.api.initErr != nil:
		f = p.api.initErr
	case why != nil:
		f = &invoke.Failure{Type: why.Type, Message: why.Message}
		switch {
		case !p.api.asked:
			f.Message += ", before it asked for work"
		case !i.given:
			f.Message += ", between two invocations"
		}
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		f = &invoke.Failure{Type: "Sandbox.Stopped", Message: "the invocation was ended from outside"}
	default:
		f = &invoke.Failure{Type: invoke.Timedout, Message: fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds())}
		if !p.api.asked {
			f.Message += "; it never asked for work: is it a program with a Lambda runtime client?"
		}
	}
	i.answered, i.given = true, true // whatever comes now is too late
	p.api.lastID = i.id
	return answer, f, notes
}

// End ends the function with everything that it started, and returns when
// nothing is left. It may be called again. The notes say what was found then.
func (p *Process) End() (notes []string) {
	p.ending.Do(func() {
		_ = p.control.Close()
		late := time.AfterFunc(endFor, func() { _ = p.keeper.Process.Kill() })
		<-p.kept
		late.Stop()
		p.sweep()
		p.api.close()
		p.log.close()
		p.group.end()
		_ = os.RemoveAll(p.scratch)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left > 0 {
		notes = append(notes, fmt.Sprintf("the function left %d processes behind; they were ended", p.left))
	}
	if p.stuck > 0 {
		notes = append(notes, fmt.Sprintf("%d processes of the function could not be ended", p.stuck))
	}
	return notes
}

// sweep ends what a keeper that was killed could not: the function's group,
// and what has its Runtime API's address in its environment.
func (p *Process) sweep() {
	if p.keeper.ProcessState != nil && p.keeper.ProcessState.Success() {
		return
	}
	p.mu.Lock()
	pid := p.pid
	p.mu.Unlock()
	if pid > 0 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	mark := "AWS_LAMBDA_RUNTIME_API=" + p.api.address
	for _, other := range processes() {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(other) + "/environ")
		if err != nil || other == os.Getpid() {
			continue
		}
		for v := range strings.SplitSeq(string(env), "\x00") {
			if v == mark {
				_ = syscall.Kill(other, syscall.SIGKILL)
			}
		}
	}
	// It is ended when the kernel comes to it.
	for until := time.Now().Add(killFor); pid > 0 && !ended(pid) && time.Now().Before(until); {
		time.Sleep(killEvery)
	}
}
