package audit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// childEnv makes this binary the program that is killed.
const childEnv = "ROTA_AUDIT_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

// child appends for ever, and says what was acknowledged.
func child(dir string) {
	l, err := Open(dir, Options{MaxBytes: 20_000})
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := l.Append(context.Background(), event(id), event(id+"-too")); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestAProcessThatIsKilledLosesNothingThatItAcknowledged kills it again and
// again; each start goes on with the chain.
func TestAProcessThatIsKilledLosesNothingThatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
			if n == 100 {
				if err := cmd.Process.Kill(); err != nil { // what it wrote before is still read
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
	}
	if len(acknowledged) < 1000 {
		t.Fatalf("only %d were acknowledged: the program failed", len(acknowledged))
	}
	l := openLog(t, dir, Options{})
	appendTo(t, l, "last")
	ids := idsIn(t, dir)
	at := map[string]int{}
	for i, id := range ids {
		if at[id] != 0 {
			t.Errorf("%s is there twice", id)
		}
		at[id] = i + 1
	}
	for _, id := range acknowledged {
		if strings.Count(id, "-") != 2 { // cut short by the kill
			continue
		}
		if at[id] == 0 || at[id+"-too"] != at[id]+1 {
			t.Errorf("%s was acknowledged, and is line %d, with its second part line %d", id, at[id], at[id+"-too"])
		}
	}
	r, err := Verify(dir, Head{})
	if err != nil || r.Files < 2 {
		t.Errorf("%+v %v", r, err)
	}
	t.Logf("%d acknowledged, %d lines in %d files", len(acknowledged), len(ids), r.Files)
}
