//go:build linux

package function_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rotahq/rota/function/local"
)

// serveEcho is the same function behind plain HTTP: what an invocation costs
// at least, from one process to another.
func serveEcho() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
}

var event = []byte(`{"a":"` + strings.Repeat("x", 400) + `"}`)

// BenchmarkInvocation is an event of 400 bytes that comes back as it is.
func BenchmarkInvocation(b *testing.B) {
	b.Run("direct HTTP call", func(b *testing.B) {
		c := exec.Command(must(os.Executable()), "serve-echo")
		out := must(c.StdoutPipe())
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		defer func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		}()
		address := must(bufio.NewReader(out).ReadString('\n'))
		url := "http://" + strings.TrimSpace(address)
		for b.Loop() {
			res, err := http.Post(url, "application/json", bytes.NewReader(event))
			if err != nil {
				b.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || !bytes.Equal(got, event) {
				b.Fatalf("%s %v", got, err)
			}
		}
	})
	spec := local.Spec{Name: "fn", ARN: fnARN, Argv: []string{must(os.Executable())}, Folder: b.TempDir(), Timeout: time.Minute, Memory: 2 << 30, Region: region}
	host := local.Host{Now: time.Now, NewID: newID}
	invoke := func(b *testing.B, p *local.Process) {
		out, _ := p.Invoke(b.Context(), event)
		if out.Failure != nil || !bytes.Equal(out.Payload, event) {
			b.Fatalf("%s %v", out.Payload, out.Failure)
		}
	}
	b.Run("local, the process runs", func(b *testing.B) {
		p := must(host.Start(spec))
		defer p.End()
		invoke(b, p)
		for b.Loop() {
			invoke(b, p)
		}
	})
	b.Run("local, with start and end of the process", func(b *testing.B) {
		for b.Loop() {
			p := must(host.Start(spec))
			invoke(b, p)
			p.End()
		}
	})
	b.Run("program, with start and end and nothing else", func(b *testing.B) {
		for b.Loop() {
			c := exec.Command(spec.Argv[0], "nothing")
			if err := c.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Invoke API, with start and end of the process", func(b *testing.B) {
		w := newWorld(b)
		w.register("x", time.Minute)
		client := w.admin()
		for b.Loop() {
			out, err := client.Invoke(b.Context(), &lambda.InvokeInput{FunctionName: fn("fn"), Payload: event})
			if err != nil || !bytes.Equal(out.Payload, event) {
				b.Fatalf("%v %v", out, err)
			}
		}
	})
}
