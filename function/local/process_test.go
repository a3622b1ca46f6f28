//go:build linux

package local

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rotahq/rota/function/invoke"
)

var ids struct {
	sync.Mutex
	n int
}

func newID() string {
	ids.Lock()
	defer ids.Unlock()
	ids.n++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", os.Getpid(), ids.n)
}

func host() Host { return Host{Now: time.Now, NewID: newID} }

const arn = "arn:aws:lambda:us-east-1:123456789012:function:fn"

func spec(t testing.TB, handler string) Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Name: "fn", ARN: arn, Argv: []string{exe}, Folder: t.TempDir(), Handler: handler,
		Timeout: 30 * time.Second, Memory: 512 << 20, Region: "us-east-1", Endpoint: "http://127.0.0.1:1",
	}
}

func begin(t testing.TB, s Spec) *Process {
	t.Helper()
	p, err := host().Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.End() })
	return p
}

// lingering lists the processes that start left under a name.
func lingering(name string) (pids []int) {
	for _, p := range processes() {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(p) + "/cmdline")
		if err == nil && strings.Contains(string(b), "linger\x00"+name+"\x00") {
			pids = append(pids, p)
		}
	}
	return pids
}

// alive reports whether a process runs; one that waits to be reaped by its
// parent, whoever that is, does not.
func alive(pid int) bool { return pid != 0 && !ended(pid) }

// nothingLeft checks what End promises.
func nothingLeft(t *testing.T, p *Process) {
	t.Helper()
	if left := tree(p.keeper.Process.Pid); len(left) > 0 {
		t.Errorf("processes %v are left below the keeper", left)
	}
	for _, pid := range []int{p.keeper.Process.Pid, p.pid} {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	if _, err := os.Stat(p.scratch); !os.IsNotExist(err) {
		t.Errorf("its scratch folder is left: %v", err)
	}
}

func TestOneProcessServesManyInvocations(t *testing.T) {
	p := begin(t, spec(t, "echoes"))
	for n := 1; n <= 4; n++ {
		event := fmt.Sprintf(`{"n":%d}`, n)
		out, cut := p.Invoke(t.Context(), []byte(event))
		if out.Failure != nil || string(out.Payload) != event || cut {
			t.Fatalf("invocation %d: %s %v", n, out.Payload, out.Failure)
		}
		if want := fmt.Sprintf("invocation %d\n", n); out.Log != want {
			t.Errorf("its log is %q, want %q", out.Log, want)
		}
	}
	if notes := p.End(); len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
	nothingLeft(t, p)
}

// TestBadFunctions: whatever a function does, its invocation ends with the
// cause in words, and no process is left.
func TestBadFunctions(t *testing.T) {
	for _, c := range []struct {
		guards, handler string
		timeout         time.Duration
		memory          int64
		fails           string // the error begins so; "": it succeeds
		says            string // the log has it
		note            string
	}{
		{guards: "an error of the function is in its own words", handler: "fails", fails: "ValueError: no host"},
		{guards: "an error that cannot be read is one", handler: "garbage", fails: invoke.Unknown},
		{guards: "one that is too large says so", handler: "huge-error", fails: "Runtime.UnknownReason: the function's error is too large to be read: it may have 262144 bytes"},
		{guards: "a function that never answers is timed out", handler: "hangs", timeout: 300 * time.Millisecond, fails: "Sandbox.Timedout: Task timed out after 0.30 seconds", says: "invocation 1"},
		{
			guards: "a program that is no function is timed out, and told so", handler: "never-asks", timeout: 300 * time.Millisecond,
			fails: "Sandbox.Timedout: Task timed out after 0.30 seconds; it never asked for work", says: "waiting for nothing",
		},
		{guards: "one that exits at once says with which status", handler: "exits", fails: "Runtime.ExitError: Runtime exited with error: exit status 3, before it asked for work", says: "giving up"},
		{guards: "one that crashes says by which signal", handler: "dies", fails: "Runtime.ExitError: Runtime exited with error: signal: killed", says: "about to die"},
		{guards: "one that cannot start says why", handler: "cannot-start", fails: "ImportError: no module app"},
		{guards: "the first of two answers counts, and the journal is told", handler: "twice", note: "answered 1 more times"},
		{guards: "an answer of more than 6 MB is none", handler: "big", fails: "Function.ResponseSizeTooLarge: " + invoke.MsgTooLarge},
		{guards: "an answer of 6 MB is one", handler: "just-fits"},
		{guards: "a flood in the log keeps nobody waiting, and its end is kept", handler: "floods", says: "the end\n"},
		{guards: "one that ends after its answer did not do its work to the end", handler: "ends-after-answer", fails: "Runtime.ExitError: Runtime exited with error: exit status 4, after it had answered"},
		{guards: "one that eats memory is ended", handler: "eats", memory: 200 << 20, fails: invoke.OutOfMemory},
		{guards: "one that asks for more before it answered is refused", handler: "too-early"},
		{guards: "an answer under another id is refused", handler: "foreign-id"},
		{guards: "one that forks without end is ended", handler: "forks", memory: 64 << 30, fails: "Runtime.TooManyProcesses"},
		{guards: "a streamed answer is one answer", handler: "streams"},
		{guards: "a stream that fails half way is a failure", handler: "stream-breaks", fails: "Stream.Failed: half way"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			t.Parallel()
			s := spec(t, c.handler)
			if c.timeout != 0 {
				s.Timeout = c.timeout
			}
			if c.memory != 0 {
				s.Memory = c.memory
			}
			p := begin(t, s)
			out, _ := p.Invoke(t.Context(), []byte(`{}`))
			notes := append(out.Notes, p.End()...)
			switch {
			case c.fails == "" && out.Failure != nil:
				t.Errorf("failed: %v; log: %s", out.Failure, invoke.LastLines(out.Log))
			case c.fails != "" && (out.Failure == nil || !strings.HasPrefix(out.Failure.Error(), c.fails)):
				t.Errorf("got %v, want %s; log: %s", out.Failure, c.fails, invoke.LastLines(out.Log))
			}
			if !strings.Contains(out.Log, c.says) {
				t.Errorf("its log is %q and lacks %q", invoke.LastLines(out.Log), c.says)
			}
			if len(out.Log) > logMax {
				t.Errorf("%d bytes of log are kept", len(out.Log))
			}
			if c.note != "" && !strings.Contains(strings.Join(notes, "; "), c.note) {
				t.Errorf("notes %q lack %q", notes, c.note)
			}
			nothingLeft(t, p)
		})
	}
}

func TestAnswersOfTheRuntimeAPI(t *testing.T) {
	for handler, want := range map[string]string{
		"too-early":  "403",
		"foreign-id": `400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
		"streams":    `"one two"`,
	} {
		p := begin(t, spec(t, handler))
		if out, _ := p.Invoke(t.Context(), []byte(`{}`)); string(out.Payload) != want {
			t.Errorf("%s: got %s, want %s", handler, out.Payload, want)
		}
	}
}

func TestHeadersOfAnInvocation(t *testing.T) {
	p := begin(t, spec(t, "headers"))
	deadline := time.Now().Add(7 * time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	out, _ := p.Do(ctx, invoke.Request{ID: "the-request", Payload: []byte(`{}`), Context: `{"custom":{"a":"b"}}`})
	f := strings.Fields(string(out.Payload))
	if len(f) != 5 || f[0] != arn || f[1] != strconv.FormatInt(deadline.UnixMilli(), 10) || !strings.HasPrefix(f[2], "Root=1-") || f[3] != "the-request" || f[4] != `{"custom":{"a":"b"}}` {
		t.Errorf("got %q; the deadline is the sooner of the function's and the caller's, %d", f, deadline.UnixMilli())
	}
	out, _ = p.Invoke(t.Context(), []byte(`{}`))
	if f := strings.Fields(string(out.Payload)); len(f) != 4 || len(f[3]) != 36 {
		t.Errorf("got %q; without an id it gets one, and nothing of the last one's context", f)
	}
}

func TestTheEnvironmentIsTheFunctionsOwn(t *testing.T) {
	t.Setenv("ROTA_SEAL_KEY", "canary")
	t.Setenv("AWS_PROFILE", "canary")
	t.Setenv("PGPASSWORD", "canary")
	s := spec(t, "environment")
	s.Env = []string{"EXCLUDE_CHARACTERS=/@", "TZ=Europe/Paris"}
	s.Session = Session{"ASIA1", "its secret", "its token"}
	p := begin(t, s)
	out, _ := p.Invoke(t.Context(), []byte(`{}`))
	got := map[string]string{}
	for line := range strings.SplitSeq(string(out.Payload), "\n") {
		name, value, _ := strings.Cut(line, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		got[name] = value
	}
	if strings.Contains(string(out.Payload), "canary") {
		t.Error("rota's own environment is in it")
	}
	for name, want := range map[string]string{
		"_HANDLER": "environment", "LAMBDA_TASK_ROOT": s.Folder, "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "fn",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "EXCLUDE_CHARACTERS": "/@", "TZ": "Europe/Paris",
		"SECRETS_MANAGER_ENDPOINT": s.Endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.Endpoint,
		"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "its secret", "AWS_SESSION_TOKEN": "its token",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "PWD": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestReservedVariablesAreRefused(t *testing.T) {
	for _, name := range []string{"_HANDLER", "AWS_LAMBDA_RUNTIME_API", "AWS_SESSION_TOKEN", "AWS_REGION", "", "A=B", "A\x00"} {
		if CheckEnvironment(map[string]string{name: "x"}) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"EXCLUDE_CHARACTERS", "PGHOST", "AWS_CA_BUNDLE", "a"} {
		if err := CheckEnvironment(map[string]string{name: "x"}); err != nil {
			t.Error(err)
		}
	}
	if CheckEnvironment(map[string]string{"A": "a\x00b"}) == nil {
		t.Error("a zero byte is taken")
	}
}

// TestAFunctionForAnotherServer brings the address and all credentials, and
// gets nothing that would lead it here.
func TestAFunctionForAnotherServer(t *testing.T) {
	env := map[string]string{"SECRETS_MANAGER_ENDPOINT": "https://there:7682"}
	if err := CheckEnvironment(env); err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "AKIA1", "there's secret"
	if err := CheckEnvironment(env); err != nil {
		t.Error(err)
	}
	if env["_HANDLER"] = "x"; CheckEnvironment(env) == nil {
		t.Error("_HANDLER is taken")
	}
	for _, c := range []struct {
		more   []string
		region string
	}{{nil, "us-east-1"}, {[]string{"AWS_REGION=eu-west-1"}, "eu-west-1"}} {
		s := Spec{Region: "us-east-1", Endpoint: "http://127.0.0.1:7682"}
		s.Env = append([]string{"SECRETS_MANAGER_ENDPOINT=https://there:7682", "AWS_ACCESS_KEY_ID=AKIA1", "AWS_SECRET_ACCESS_KEY=there's secret"}, c.more...)
		got := strings.Join(s.environ("127.0.0.1:9001", "/tmp/x", time.Now()), "\n")
		for _, want := range []string{"SECRETS_MANAGER_ENDPOINT=https://there:7682", "AWS_ENDPOINT_URL_SECRETS_MANAGER=https://there:7682", "AWS_ACCESS_KEY_ID=AKIA1", "AWS_REGION=" + c.region, "AWS_DEFAULT_REGION=" + c.region} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%s is not in\n%s", want, got)
			}
		}
		if strings.Contains(got, "http://127.0.0.1:7682") || strings.Contains(got, "AWS_SESSION_TOKEN") {
			t.Errorf("it is led here:\n%s", got)
		}
	}
}

// TestNothingEscapes: what was forked twice into a session of its own, with
// an empty environment, ends with its function.
func TestNothingEscapes(t *testing.T) {
	for _, c := range []struct {
		guards, handler, note string
	}{
		{"children of a function that goes on are ended with it", "leaves-children", ""},
		{"children of a function that exited are ended and counted", "leaves-children-and-exits", "left 3 processes behind"},
	} {
		t.Run(c.guards, func(t *testing.T) {
			name := rand.Text()
			p := begin(t, spec(t, c.handler+" "+name))
			out, _ := p.Invoke(t.Context(), []byte(`{}`))
			if c.note == "" && (out.Failure != nil || len(lingering(name)) != 3) {
				t.Fatalf("%v; %d processes linger", out.Failure, len(lingering(name)))
			}
			notes := strings.Join(p.End(), "; ")
			if !strings.Contains(notes, c.note) {
				t.Errorf("notes %q lack %q", notes, c.note)
			}
			if left := lingering(name); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
			nothingLeft(t, p)
		})
	}
}

func TestAKeeperThatIsKilledTakesTheFunctionAlong(t *testing.T) {
	p := begin(t, spec(t, "kills-its-keeper "+rand.Text()))
	out, _ := p.Invoke(t.Context(), []byte(`{}`))
	if out.Failure == nil || !strings.Contains(out.Failure.Message, "keeper") {
		t.Errorf("got %v", out.Failure)
	}
	p.End()
	nothingLeft(t, p)
	for _, pid := range lingering(strings.Fields(p.spec.Handler)[1]) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // documented: it emptied its environment and killed its keeper
	}
}

func TestAFunctionThatDiesBetweenTwoInvocationsSaysSo(t *testing.T) {
	p := begin(t, spec(t, "dies-between"))
	if out, _ := p.Invoke(t.Context(), []byte(`{}`)); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	<-p.stopped
	out, _ := p.Invoke(t.Context(), []byte(`{}`))
	if want := "Runtime.ExitError: Runtime exited with error: exit status 5, between two invocations"; out.Failure == nil || out.Failure.Error() != want {
		t.Errorf("got %v, want %s", out.Failure, want)
	}
}

// TestTheRuntimeAPIIsOneProcesses: whoever else knows the address is refused,
// although the protocol has no credentials.
func TestTheRuntimeAPIIsOneProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "address")
	p := begin(t, spec(t, "lends "+path))
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		var address []byte
		for len(address) == 0 {
			address, _ = os.ReadFile(path)
			time.Sleep(5 * time.Millisecond)
		}
		for _, try := range []string{"next", "1/response"} {
			res, err := http.Get("http://" + string(address) + "/2018-06-01/runtime/invocation/" + try)
			if err != nil {
				t.Error(err)
				continue
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s is answered %d", try, res.StatusCode)
			}
		}
		_ = os.Remove(path)
	}()
	out, _ := p.Invoke(t.Context(), []byte(`"mine"`))
	<-tried
	if out.Failure != nil || string(out.Payload) != `"mine"` {
		t.Errorf("got %s %v", out.Payload, out.Failure)
	}
	if len(out.Notes) != 1 || !strings.HasPrefix(out.Notes[0], "2 requests to its Runtime API") {
		t.Errorf("notes %q", out.Notes)
	}
}

func TestAProgramThatIsNotThereIsAFailureInWords(t *testing.T) {
	for argv, want := range map[string]string{
		"no-such-program": "Runtime.InitError: there is no program no-such-program in its PATH",
		"./bootstrap":     "Runtime.InitError: start ./bootstrap in ",
	} {
		s := spec(t, "echoes")
		s.Argv = []string{argv}
		p := begin(t, s)
		out, _ := p.Invoke(t.Context(), []byte(`{}`))
		if out.Failure == nil || !strings.HasPrefix(out.Failure.Error(), want) {
			t.Errorf("got %v, want %s", out.Failure, want)
		}
	}
}

func TestWhoeverWaitsMayGiveUp(t *testing.T) {
	p := begin(t, spec(t, "hangs"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for { // until the function has the invocation
			p.api.mu.Lock()
			given := p.api.current != nil && p.api.current.given
			p.api.mu.Unlock()
			if given {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if out, _ := p.Invoke(ctx, []byte(`{}`)); out.Failure == nil || out.Failure.Type != "Sandbox.Stopped" {
		t.Errorf("got %v", out.Failure)
	}
	p.End()
	nothingLeft(t, p)
}

// hostFunction is a rota that runs a function and waits to be killed.
func hostFunction(name string) {
	exe, err := os.Executable()
	if err != nil {
		os.Exit(1)
	}
	p, err := host().Start(Spec{
		Name: "fn", ARN: arn, Argv: []string{exe}, Folder: "/", Handler: "leaves-children " + name, Timeout: time.Minute, Memory: 1 << 30,
	})
	if err != nil {
		os.Exit(1)
	}
	if out, _ := p.Invoke(context.Background(), []byte(`{}`)); out.Failure != nil {
		os.Exit(1)
	}
	fmt.Println(p.keeper.Process.Pid, p.pid, p.scratch)
	select {}
}

// TestAKilledHostLeavesNothing: when rota is killed outright its keepers find
// their pipe closed, and end everything.
func TestAKilledHostLeavesNothing(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := rand.Text()
	c := exec.Command(exe, "host", name)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var keeper, function int
	var scratch string
	if _, err := fmt.Fscan(out, &keeper, &function, &scratch); err != nil || len(lingering(name)) != 3 || !alive(function) {
		t.Fatalf("it did not start: %v, %v", err, lingering(name))
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var left []int
		for _, pid := range append(lingering(name), keeper, function) {
			if alive(pid) {
				left = append(left, pid)
			}
		}
		if _, err := os.Stat(scratch); len(left) == 0 && os.IsNotExist(err) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("processes %v are left", left)
		}
	}
}

// TestAFunctionGetsNoneOfOurOpenFiles: not one that was left open for this
// process by its own parent either, as a shell does with 9<seal.key.
func TestAFunctionGetsNoneOfOurOpenFiles(t *testing.T) {
	key := filepath.Join(t.TempDir(), "seal.key")
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(key, syscall.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if !strings.Contains(strings.Join(openFiles(), "\n"), key) {
		t.Fatal("the file is not open here")
	}
	out, _ := begin(t, spec(t, "lists-files")).Invoke(t.Context(), []byte(`{}`))
	if out.Failure != nil || !strings.Contains(string(out.Payload), "pipe:") {
		t.Fatalf("it does not tell what it has open: %s %v", out.Payload, out.Failure)
	}
	if strings.Contains(string(out.Payload), key) {
		t.Errorf("it has %s", out.Payload)
	}
}
