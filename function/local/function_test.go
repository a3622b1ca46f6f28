//go:build linux

package local

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this binary three programs: the tests, the keeper, and the
// function, which behaves as its handler says.
func TestMain(m *testing.M) {
	Keep()
	if len(os.Args) > 1 && os.Args[1] == "linger" {
		linger()
	}
	if len(os.Args) > 1 && os.Args[1] == "host" {
		hostFunction(os.Args[2])
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		behave(os.Getenv("_HANDLER"))
		return
	}
	os.Exit(m.Run())
}

// client is a runtime client, as small as one can be.
type client struct{ base string }

func api() client {
	return client{"http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"}
}

func (c client) next() (id string, event []byte, h http.Header) {
	res, err := http.Get(c.base + "invocation/next")
	if err != nil {
		fmt.Println("next:", err)
		os.Exit(9)
	}
	defer func() { _ = res.Body.Close() }()
	event, _ = io.ReadAll(res.Body)
	if res.StatusCode != 200 {
		fmt.Printf("next: %d %s\n", res.StatusCode, event)
		os.Exit(8)
	}
	return res.Header.Get("Lambda-Runtime-Aws-Request-Id"), event, res.Header
}

func (c client) post(path string, body []byte) (status int, answer string) {
	res, err := http.Post(c.base+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// behave is a function that behaves well or badly.
func behave(how string) {
	how, arg, _ := strings.Cut(how, " ")
	a := api()
	switch how {
	case "exits":
		fmt.Println("giving up")
		os.Exit(3)
	case "never-asks":
		fmt.Println("waiting for nothing")
		select {}
	case "cannot-start":
		a.post("init/error", []byte(`{"errorType":"ImportError","errorMessage":"no module app"}`))
		os.Exit(1)
	case "forks":
		for range 400 { // a small program, so that it is quick
			if c := exec.Command("sleep", "86399"); c.Start() != nil {
				break
			}
		}
		select {}
	}
	for n := 1; ; n++ {
		id, event, h := a.next()
		fmt.Printf("invocation %d\n", n)
		switch how {
		case "echoes":
			a.post("invocation/"+id+"/response", event)
		case "headers":
			a.post("invocation/"+id+"/response", fmt.Appendf(nil, "%s %s %s %s %s", h.Get("Lambda-Runtime-Invoked-Function-Arn"),
				h.Get("Lambda-Runtime-Deadline-Ms"), h.Get("Lambda-Runtime-Trace-Id"), id, h.Get("Lambda-Runtime-Client-Context")))
		case "environment":
			a.post("invocation/"+id+"/response", []byte(strings.Join(os.Environ(), "\n")))
		case "lists-files":
			a.post("invocation/"+id+"/response", []byte(strings.Join(openFiles(), "\n")))
		case "fails":
			a.post("invocation/"+id+"/error", []byte(`{"errorType":"ValueError","errorMessage":"no host","stackTrace":["app.py"]}`))
		case "huge-error":
			a.post("invocation/"+id+"/error", []byte(`{"errorType":"ValueError","errorMessage":"`+strings.Repeat("x", 256<<10)+`"}`))
		case "garbage":
			a.post("invocation/"+id+"/error", []byte("<html>oops"))
		case "dies":
			fmt.Println("about to die")
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "hangs":
			select {}
		case "twice":
			a.post("invocation/"+id+"/response", event)
			status, answer := a.post("invocation/"+id+"/response", []byte(`"second"`))
			fmt.Println("second answer:", status, answer)
		case "too-early":
			res, err := http.Get(a.base + "invocation/next")
			if err == nil {
				a.post("invocation/"+id+"/response", fmt.Appendf(nil, "%d", res.StatusCode))
			}
		case "foreign-id":
			status, answer := a.post("invocation/"+strings.Repeat("0", 36)+"/response", event)
			a.post("invocation/"+id+"/response", fmt.Appendf(nil, "%d %s", status, answer))
		case "big":
			status, answer := a.post("invocation/"+id+"/response", bytes.Repeat([]byte("x"), 6_291_557))
			fmt.Println("big answer:", status, answer)
		case "just-fits":
			a.post("invocation/"+id+"/response", bytes.Repeat([]byte("x"), 6_291_556))
		case "floods":
			line := bytes.Repeat([]byte("0123456789abcdef"), 64)
			for range 64 << 10 { // 64 MB
				_, _ = os.Stdout.Write(line)
			}
			fmt.Println("\nthe end")
			a.post("invocation/"+id+"/response", event)
		case "ends-after-answer":
			a.post("invocation/"+id+"/response", event)
			os.Exit(4)
		case "dies-between":
			a.post("invocation/"+id+"/response", event)
			go func() { a.next() }() // asks, so that the first is over, and ends while it waits
			time.Sleep(20 * time.Millisecond)
			os.Exit(5)
		case "leaves-children":
			for range 3 {
				start(arg, true)
			}
			a.post("invocation/"+id+"/response", event)
		case "leaves-children-and-exits":
			for range 3 {
				start(arg, true)
			}
			os.Exit(6)
		case "kills-its-keeper":
			start(arg, true)
			_ = syscall.Kill(os.Getppid(), syscall.SIGKILL)
			select {}
		case "eats":
			var all [][]byte
			for {
				b := make([]byte, 4<<20)
				for i := range b {
					b[i] = 1
				}
				all = append(all, b)
				if len(all) > 512 {
					os.Exit(7)
				}
			}
		case "streams":
			stream(a.base+"invocation/"+id+"/response", "")
		case "stream-breaks":
			stream(a.base+"invocation/"+id+"/response", `{"errorType":"Stream.Failed","errorMessage":"half way"}`)
		case "lends":
			// Another process, not of the function, is told the address.
			fmt.Println("address:", os.Getenv("AWS_LAMBDA_RUNTIME_API"))
			_ = os.WriteFile(arg, []byte(os.Getenv("AWS_LAMBDA_RUNTIME_API")), 0o600)
			for {
				if _, err := os.Stat(arg); err != nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			a.post("invocation/"+id+"/response", event)
		}
	}
}

// openFiles are what a process has open.
func openFiles() (names []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// stream answers in the streaming mode, with an error in its trailers if one
// is given.
func stream(url, failure string) {
	r, w := io.Pipe()
	req, _ := http.NewRequest(http.MethodPost, url, r)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Trailer = http.Header{}
	if failure != "" {
		req.Trailer["Lambda-Runtime-Function-Error-Type"] = []string{"Stream.Failed"}
		req.Trailer["Lambda-Runtime-Function-Error-Body"] = []string{base64.StdEncoding.EncodeToString([]byte(failure))}
	}
	go func() {
		_, _ = io.WriteString(w, `"one `)
		_, _ = io.WriteString(w, `two"`)
		_ = w.Close()
	}()
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
}

// start starts a process that lingers under a name, forked twice and in a
// session of its own if it is to escape, and returns when it runs. Its
// environment is empty, so that nothing but its descent tells whose it is.
func start(name string, escape bool) {
	exe, _ := os.Executable()
	args := []string{"linger", name}
	if escape {
		args = append(args, "escape")
	}
	c := exec.Command(exe, args...)
	c.Env = []string{}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: escape}
	out, err := c.StdoutPipe()
	if err != nil || c.Start() != nil {
		return
	}
	b := make([]byte, 1)
	_, _ = out.Read(b)
	if escape {
		_ = c.Wait() // the one in between is gone
	}
}

// linger is such a process.
func linger() {
	if len(os.Args) > 3 {
		exe, _ := os.Executable()
		c := exec.Command(exe, "linger", os.Args[2])
		c.Env, c.Stdout = []string{}, os.Stdout
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	fmt.Println("x")
	select {}
}
