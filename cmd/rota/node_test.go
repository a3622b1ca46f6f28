package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/wire"
)

// slowRotator says when it is about to mint, and waits until it may.
type slowRotator struct {
	demoRotator
	entered, release chan struct{}
}

func (s slowRotator) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	close(s.entered)
	select {
	case <-s.release:
	case <-ctx.Done():
		return rota.Value{}, ctx.Err()
	}
	return s.demoRotator.Mint(ctx, req)
}

// startTestNode starts a node on a folder, with one rotator.
func startTestNode(t *testing.T, dir string, r rotation.Rotator) (*node, *client) {
	t.Helper()
	catalog, err := rotation.NewCatalog(r)
	if err != nil {
		t.Fatal(err)
	}
	log := &testlog.Buffer{}
	n, err := startNode(t.Context(), nodeConfig{
		dir: dir, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, catalog: catalog,
		getenv: func(string) string { return "" }, log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.stop()
		if text := log.String(); text != "" {
			t.Errorf("the log of a node without trouble: %s", text)
		}
	})
	c, err := (&global{data: dir}).client()
	if err != nil {
		t.Fatal(err)
	}
	return n, c
}

// eventually asks again until done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// refuses reports whether nobody listens at an address any more.
func refuses(url string) bool {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		_ = c.Close()
	}
	return err != nil
}

func TestAShutdownFinishesTheRunningStepAndHandsTheRestBack(t *testing.T) {
	api, err := startDemoAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer api.server.Close()
	dir := filepath.Join(t.TempDir(), "data")
	slow := slowRotator{newDemoRotator(), make(chan struct{}), make(chan struct{})}
	n, c := startTestNode(t, dir, slow)
	create := func(name, value, tag, tagged string) {
		t.Helper()
		err := c.aws(t.Context(), "CreateSecret", map[string]any{
			"Name": name, "ClientRequestToken": newID(), "SecretString": value, "Tags": []map[string]string{{"Key": tag, "Value": tagged}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	create("admin", string(demoAdminOf(api).Reveal()), "rota:serves", "@")
	create("key", string(demoValue(api.issue("by hand")).Reveal()), "rota:admin", "admin")
	show := func(c *client) (s wire.ShowOutput) {
		t.Helper()
		if err := c.own(t.Context(), "Show", wire.ShowInput{SecretId: "key", MaxJournal: 1000}, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	out, err := rotateOptions{rotator: demoRotatorName}.ask(t.Context(), c, show(c))
	if err != nil {
		t.Fatal(err)
	}

	<-slow.entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.stop()
	}()
	eventually(t, "the server refuses new requests", func() bool { return refuses(n.url) })
	select {
	case <-stopped:
		t.Fatal("the node stopped while a step was running")
	default:
	}
	close(slow.release)
	<-stopped

	_, c = startTestNode(t, dir, newDemoRotator())
	// The journal has the last step with the commit that ends the rotation,
	// which comes after the move of AWSCURRENT.
	eventually(t, "the next start finishes the rotation", func() bool {
		now := show(c)
		return versionOf(now, rota.Current) == out.VersionId && len(now.Journal) > 0 && now.Journal[len(now.Journal)-1].Step == string(rota.FinishSecret)
	})
	var story []string
	for _, e := range show(c).Journal {
		story = append(story, e.Step+" "+e.Outcome)
	}
	want := "createSecret ok, setSecret waiting, createSecret ok, setSecret ok, testSecret ok, finishSecret ok"
	if got := strings.Join(story, ", "); got != want {
		t.Errorf("the journal says %s\nwant %s", got, want)
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	if len(api.keys) != 2 {
		t.Errorf("the API holds %d keys, want the old one and one new one", len(api.keys))
	}
}

func TestAShutdownAnswersTheRequestThatIsComingIn(t *testing.T) {
	n, c := startTestNode(t, filepath.Join(t.TempDir(), "data"), newDemoRotator())
	body := `{"Name":"late","ClientRequestToken":"` + newID() + `","SecretString":"canary"}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "secretsmanager.CreateSecret")
	wire.Sign(r, []byte(body), c.keys.id, string(c.keys.secret.Reveal()), c.keys.region, wire.Service, time.Now())
	var whole bytes.Buffer
	if err := r.Write(&whole); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	half := whole.Len() - 20
	if _, err := conn.Write(whole.Next(half)); err != nil {
		t.Fatal(err)
	}
	// The connection counts as a request once the server has read of it, and
	// another request on a second connection comes after that.
	eventually(t, "the server reads", func() bool { return c.aws(t.Context(), "ListSecrets", struct{}{}, nil) == nil })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.stop()
	}()
	eventually(t, "the server refuses new requests", func() bool { return refuses(n.url) })
	if _, err := conn.Write(whole.Bytes()); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(text), `"Name":"late"`) {
		t.Errorf("got %s %s %v", res.Status, text, err)
	}
	<-stopped
}

func TestHealthFailsWhenTheEngineOrTheDatabaseDoes(t *testing.T) {
	n, _ := startTestNode(t, filepath.Join(t.TempDir(), "data"), newDemoRotator())
	running, idle := make(chan struct{}), make(chan struct{})
	close(idle)
	if err := n.healthy(running)(t.Context()); err != nil {
		t.Errorf("a running node: %v", err)
	}
	if err := n.healthy(idle)(t.Context()); err == nil {
		t.Error("a node whose engine ended is healthy")
	}
	n.stop() // closes the database
	if err := n.healthy(running)(t.Context()); err == nil {
		t.Error("a node whose database is closed is healthy")
	}
}

func TestASecondNodeOnAFolderIsToldWhoHasIt(t *testing.T) {
	dir := t.TempDir()
	release, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d:", os.Getpid())) {
		t.Errorf("the second lock: %v, want the process that has the first", err)
	}
	release()
	again, err := lockFolder(dir)
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	again()
}

func TestKeysAreReadAsTheAWSCLIReadsThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"as it is written":                    {"[default]\naws_access_key_id = AK\naws_secret_access_key = s/+=\nregion = eu-west-1\n", true},
		"without spaces, with other profiles": {"[x]\naws_access_key_id=no\n[default]\nregion=eu-west-1\naws_access_key_id=AK\naws_secret_access_key=s/+=\n[y]\nregion=no\n", true},
		"with a comment":                      {"# mine\n[default]\naws_access_key_id = AK\n\naws_secret_access_key = s/+=\nregion = eu-west-1", true},
		"of another profile":                  {"[x]\naws_access_key_id = AK\naws_secret_access_key = canary\nregion = eu-west-1\n", false},
		"without the secret half":             {"[default]\naws_access_key_id = AK\nregion = eu-west-1\n", false},
		"empty":                               {"", false},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := readKeys(path)
		if !test.ok {
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v, want an error without what is in the file", name, err)
			}
			continue
		}
		if err != nil || k.id != "AK" || string(k.secret.Reveal()) != "s/+=" || k.region != "eu-west-1" {
			t.Errorf("%s: got %+v with %d bytes, %v", name, k, k.secret.Len(), err)
		}
	}
	if err := os.WriteFile(path, []byte("[default]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, made, err := firstKeys(path, "eu-west-1"); made || err == nil {
		t.Errorf("a damaged file was replaced: %v, %v", made, err)
	}
	if _, err := readKeys(filepath.Join(path, "none")); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that cannot be looked at counts as none: %v", err)
	}
}
