package local

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// keeperName is what a keeper is called, in the list of processes too.
const keeperName = "rota-keeper"

// order is what a keeper is told, in its one argument.
type order struct {
	Argv      []string
	Folder    string
	Memory    int64 `json:",omitempty"` // bytes; 0: a cgroup limits it
	Processes int
	User      *User  `json:",omitempty"`
	Cgroup    bool   `json:",omitempty"` // its folder is open as cgroupFD
	Scratch   string // the function's temporary folder, which goes with it
}

// The files of a keeper. Standard input is open for as long as the function
// may run; standard output and error are the function's log.
const (
	statusFD = 3
	cgroupFD = 4
)

// The words in which a keeper tells what happened, one object a line.
const (
	saidStarted   = "started"
	saidRefused   = "refused"   // it could not be started
	saidExited    = "exited"    // the function's first process ended
	saidMemory    = "memory"    // too much of it
	saidProcesses = "processes" // too many of them
	saidGone      = "gone"      // nothing is left
	saidLeft      = "left"      // something could not be ended
)

// word is one of them. Number is the process id of what started, the bytes,
// the count, or how many processes the function had left behind.
type word struct {
	Said   string
	Number int64  `json:",omitempty"`
	Text   string `json:",omitempty"`
}

// Linux's numbers that package syscall lacks, linux/prctl.h.
const (
	prSetChildSubreaper = 36
	prSetNoNewPrivs     = 38
)

// How often a keeper looks at memory and processes, and how long it tries to
// end what does not end.
const (
	lookEvery = 100 * time.Millisecond
	killEvery = 5 * time.Millisecond
	killFor   = 10 * time.Second
)

// Keep must be the first call of main (and of TestMain): in a process that
// was started as a keeper it does that work and never returns. In any other
// it returns at once.
func Keep() {
	if len(os.Args) != 2 || os.Args[0] != keeperName {
		return
	}
	os.Exit(keep(os.Args[1]))
}

func keep(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil || len(o.Argv) == 0 {
		return 2
	}
	// The thread that starts the function must live as long: the parent's
	// death signal is that of its thread. Privileges are of a thread too.
	runtime.LockOSThread()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT) // the pipe says when to end
	k := &keeper{order: o, status: os.NewFile(statusFD, "status"), gone: make(chan struct{})}
	err := keepFiles()
	if err == nil {
		err = k.start()
	}
	if err != nil {
		k.say(word{Said: saidRefused, Text: err.Error()})
		k.say(word{Said: saidGone})
		return 1
	}
	go k.reap()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		k.end()
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-k.gone:
			k.mu.Lock()
			left := k.left
			k.mu.Unlock()
			_ = os.RemoveAll(k.Scratch) // rota does so too, unless it was killed
			k.say(word{Said: saidGone, Number: left})
			return 0
		case <-tick.C:
			k.look()
		}
	}
}

// keepFiles sees to it that the function gets none of this process's open
// files. Each may be one that rota's own parent left open for rota, such as a
// key: those come without the mark that Go gives to what it opens.
func keepFiles() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return errors.New("which files are open cannot be known, and the function must not have them: mount /proc: " + err.Error())
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil {
			syscall.CloseOnExec(fd) // the function's own three are given to it by ForkExec
		}
	}
	return nil
}

type keeper struct {
	order
	status *os.File
	pid    int
	gone   chan struct{} // no child is left, and so nothing below
	ending sync.Once

	mu   sync.Mutex
	left int64 // processes that were alive when the first one had ended
}

func (k *keeper) say(w word) {
	b, err := json.Marshal(w)
	if err == nil {
		_, _ = k.status.Write(append(b, '\n')) // if rota is gone, standard input says so
	}
}

// start starts the function: in a group of its own, without core files, which
// would hold values, and without a way to other privileges.
func (k *keeper) start() error {
	if err := prctl(prSetChildSubreaper); err != nil {
		return errors.New("the kernel refuses PR_SET_CHILD_SUBREAPER: " + err.Error())
	}
	if err := prctl(prSetNoNewPrivs); err != nil {
		return errors.New("the kernel refuses PR_SET_NO_NEW_PRIVS: " + err.Error())
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return errors.New("the kernel refuses to go without core files: " + err.Error())
	}
	path := k.Argv[0] // relative to its folder
	if !strings.Contains(path, "/") {
		var err error
		if path, err = exec.LookPath(path); err != nil { // in the function's own PATH
			return errors.New("there is no program " + k.Argv[0] + " in its PATH")
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	sys := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if k.User != nil {
		sys.Credential = &syscall.Credential{Uid: k.User.UID, Gid: k.User.GID, Groups: k.User.Groups}
	}
	if k.Cgroup {
		sys.UseCgroupFD, sys.CgroupFD = true, cgroupFD
	}
	k.pid, err = syscall.ForkExec(path, k.Argv, &syscall.ProcAttr{
		Dir: k.Folder, Env: os.Environ(), Files: []uintptr{null.Fd(), 1, 2}, Sys: sys,
	})
	if err != nil {
		return errors.New("start " + k.Argv[0] + " in " + k.Folder + ": " + err.Error())
	}
	k.say(word{Said: saidStarted, Number: int64(k.pid)})
	return nil
}

func prctl(option uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// reap waits for every child: the function, and what was orphaned below it.
// When the kernel says that there is none, nothing is left.
func (k *keeper) reap() {
	for {
		var st syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &st, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // ECHILD
			close(k.gone)
			return
		case pid == k.pid:
			// Counted before anybody knows, and ends them.
			left := int64(len(tree(os.Getpid())))
			k.mu.Lock()
			k.left = left
			k.mu.Unlock()
			k.say(word{Said: saidExited, Text: statusText(st)})
			go k.end()
		}
	}
}

// statusText is how Lambda words the end of a process.
func statusText(st syscall.WaitStatus) string {
	if st.Signaled() {
		return "signal: " + st.Signal().String()
	}
	return "exit status " + strconv.Itoa(st.ExitStatus())
}

// look ends a function that uses too much.
func (k *keeper) look() {
	pids := tree(os.Getpid())
	if len(pids) > k.Processes {
		k.say(word{Said: saidProcesses, Number: int64(len(pids))})
		k.end()
		return
	}
	if k.Memory == 0 {
		return
	}
	var sum int64
	for _, p := range pids {
		sum += resident(p)
	}
	if sum > k.Memory {
		k.say(word{Said: saidMemory, Number: sum})
		k.end()
	}
}

// end ends everything below this process. What a process starts while it is
// looked for is found the next time.
func (k *keeper) end() {
	k.ending.Do(func() {
		go func() {
			until := time.Now().Add(killFor)
			for {
				for _, p := range tree(os.Getpid()) {
					_ = syscall.Kill(p, syscall.SIGKILL) // gone already
				}
				select {
				case <-k.gone:
					return
				case <-time.After(killEvery):
				}
				if time.Now().After(until) {
					k.say(word{Said: saidLeft, Number: int64(len(tree(os.Getpid())))})
					os.Exit(3)
				}
			}
		}()
	})
}
