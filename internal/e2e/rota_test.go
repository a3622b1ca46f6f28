//go:build servers

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/wire"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// build compiles the program once for this test.
func build(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "rota")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/rotahq/rota/cmd/rota")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build rota: %v\n%s", err, out)
	}
	return bin
}

// server is a running rota serve.
type server struct {
	bin, dir string
	url      string
	cmd      *exec.Cmd
	stderr   *testlog.Buffer
	exited   chan struct{}
	seen     *recorder
}

// serve starts the program on the data folder and waits until it is ready.
func serve(t testing.TB, bin, dir string, flags ...string) *server {
	t.Helper()
	s := &server{bin: bin, dir: dir, stderr: &testlog.Buffer{}, seen: &recorder{}}
	s.start(t, flags...)
	t.Cleanup(func() { s.kill() })
	return s
}

func (s *server) start(t testing.TB, flags ...string) {
	t.Helper()
	args := append([]string{"serve", "--data", s.dir, "--listen", "127.0.0.1:0"}, flags...)
	s.cmd = exec.Command(s.bin, args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start rota serve: %v", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "rota: ready at ")
	if err != nil || !ok {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		t.Fatalf("rota serve said %q, %v; on standard error:\n%s", line, err, s.stderr)
	}
	s.url = url
	exited := make(chan struct{})
	s.exited = exited
	cmd := s.cmd
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(exited)
	}()
}

// kill is kill -9, and waits until the process is gone.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// terminate ends the process as an operator does, and waits.
func (s *server) terminate() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.exited
}

// keys reads the access key pair that the first start wrote.
func (s *server) keys(t testing.TB) (id, secret string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	return id, secret
}

// client is the AWS SDK, told nothing but the endpoint and the keys.
func (s *server) client(t testing.TB) *secretsmanager.Client {
	t.Helper()
	id, secret := s.keys(t)
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: aws.String(s.url),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:  &http.Client{Transport: s.seen},
	})
}

// own calls one of rota's own operations.
func (s *server) own(t testing.TB, operation string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	req.Header.Set("X-Amz-Target", "rota."+operation)
	id, secret := s.keys(t)
	wire.Sign(req, body, id, secret, region, wire.Service, time.Now())
	res, err := (&http.Client{Transport: s.seen}).Do(req)
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", operation, res.Status, answer, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
}

// recorder keeps every answer, with the operation that asked.
type recorder struct {
	mu      sync.Mutex
	answers []answer
}

type answer struct{ target, text string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	_ = res.Header.Write(&head)
	r.mu.Lock()
	r.answers = append(r.answers, answer{req.Header.Get("X-Amz-Target"), head.String() + string(body)})
	r.mu.Unlock()
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// eventually polls until done, or fails with what it last saw.
func eventually(t testing.TB, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	eventuallyEvery(t, 50*time.Millisecond, within, what, done)
}

func eventuallyEvery(t testing.TB, every, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, seen := done()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s; last seen: %s", what, within, seen)
		case <-tick.C:
		}
	}
}
