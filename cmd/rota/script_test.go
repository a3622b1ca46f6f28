package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/local"
)

// TestMain makes this binary the program too, so that scripts run real
// processes. serve has the demo's rotator besides the catalog, and demoapi is
// the API that it rotates keys of.
func TestMain(m *testing.M) {
	local.Keep()
	testscript.Main(m, map[string]func(){
		"rota": func() {
			os.Exit(run(untilStopped(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, newDemoRotator()))
		},
		"demoapi":      demoAPIProgram,
		"apifunction":  functionProgram,
		"doorfunction": doorFunction,
		"awscall":      awsCall,
	})
}

// awsCall OPERATION FILE calls an operation of AWS's that no verb has, with
// the JSON of a file, as the rota command would.
func awsCall() {
	g := &global{data: os.Getenv("ROTA_DATA")}
	c, err := g.client()
	var body []byte
	if err == nil {
		body, err = os.ReadFile(os.Args[2])
	}
	if err == nil {
		err = c.aws(context.Background(), os.Args[1], json.RawMessage(body), nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// demoAPIProgram serves the demo's API until it is interrupted, and writes
// the value of the admin secret to admin.json and of a first key to key.json.
func demoAPIProgram() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	api, err := startDemoAPI(ctx)
	if err != nil {
		panic(err)
	}
	for name, v := range map[string]rota.Value{"key.json": demoValue(api.issue("by hand")), "admin.json": demoAdminOf(api)} {
		if err := writeFile(name, string(v.Reveal())+"\n"); err != nil {
			panic(err)
		}
	}
	<-ctx.Done()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			// What is ambient must not matter.
			e.Setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
			e.Setenv("AWS_SECRET_ACCESS_KEY", "ambient")
			e.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
			e.Setenv("ROTA_DATA", "data")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "await": await, "until": untilOut, "health": health, "mode": mode, "cert": cert, "address": address, "noted": noted, "keyid": keyID, "change": change, "firstlines": firstLines,
		},
	})
}

const patience = 30 * time.Second

// exits CODE PROGRAM ARGS... runs a program that must end with the code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// poll asks again until done.
func poll(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// await FILE waits until a file is there.
func await(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, "await "+args[0], func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		return err == nil && len(found) > 0
	})
}

// until REGEXP PROGRAM ARGS... runs a program again until its standard output
// matches.
func untilOut(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile(args[0])
	poll(ts, "until "+args[0], func() bool {
		ts.Check(ts.Exec(args[1], args[2:]...))
		return re.MatchString(ts.ReadFile("stdout"))
	})
}

// address NAME DIR sets an environment variable to the host and port of the
// server of a data folder.
func address(ts *testscript.TestScript, _ bool, args []string) {
	_, host, _ := strings.Cut(strings.TrimSpace(ts.ReadFile(args[1]+"/endpoint")), "://")
	ts.Setenv(args[0], host)
}

// noted NAME FILE sets an environment variable to a line of a file.
func noted(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// keyid NAME FILE sets an environment variable to the id of the key in a file.
func keyID(ts *testscript.TestScript, _ bool, args []string) {
	k, err := readKeys(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], k.id)
}

// change FILE OLD NEW replaces a text that is in a file.
func change(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.ReadFile(args[0])
	if !strings.Contains(b, args[1]) {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(b, args[1], args[2], 1)), 0o600))
}

// firstlines FILE FROM N makes a file of the first lines of another.
func firstLines(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	lines := strings.SplitAfter(ts.ReadFile(args[1]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines[:n], "")), 0o600))
}

// health DIR STATUS asks the server of a data folder how it is.
func health(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Get(strings.TrimSpace(ts.ReadFile(args[0]+"/endpoint")) + "/healthz")
	ts.Check(err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if got := fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(body))); got != args[1] {
		ts.Fatalf("/healthz answers %q, want %q", got, args[1])
	}
}

// mode FILE PERM checks who may touch a file.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has the mode %s, want %s", args[0], got, args[1])
	}
}

// cert CERT KEY makes a certificate for 127.0.0.1 that vouches for itself.
func cert(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rota test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for path, block := range map[string]*pem.Block{args[0]: {Type: "CERTIFICATE", Bytes: der}, args[1]: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		ts.Check(os.WriteFile(ts.MkAbs(path), pem.EncodeToMemory(block), 0o600))
	}
}
