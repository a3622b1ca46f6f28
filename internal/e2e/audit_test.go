//go:build servers

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
)

// records are the events of the audit log of a data folder, in their order.
func records(t testing.TB, dir string) (out []map[string]any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit", "audit-*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no record: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			if !strings.HasSuffix(l, "\n") {
				continue // it is being written
			}
			var line struct{ Event map[string]any }
			if err := json.Unmarshal([]byte(l), &line); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			out = append(out, line.Event)
		}
	}
	return out
}

// verifyAudit checks the chain as an operator does.
func verifyAudit(t testing.TB, bin, dir string, args ...string) {
	t.Helper()
	out, err := exec.Command(bin, append([]string{"audit", "verify", "--data", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("rota audit verify: %v\n%s", err, out)
	}
}

// TestKillLosesAndDoublesNoRecord kills the program while clients read and
// write: each call that was answered has one record, and so has each change
// that is there.
func TestKillLosesAndDoublesNoRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	bin := build(t)
	s := serve(t, bin, dir)
	ctx := t.Context()
	if _, err := s.client(t).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("one"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	answered := map[string]string{} // request ids, and what was asked
	var mu sync.Mutex
	note := func(what string, m middleware.Metadata) int {
		id, ok := awsmiddleware.GetRequestIDMetadata(m)
		if !ok {
			t.Error("an answer has no request id")
		}
		mu.Lock()
		defer mu.Unlock()
		answered[id] = what
		return len(answered)
	}
	const rounds, each = 6, 60
	for round := range rounds {
		calls, stop := context.WithCancel(ctx)
		enough := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for w := range 4 {
			sm := s.client(t)
			wg.Go(func() {
				for i := 0; calls.Err() == nil; i++ {
					name := fmt.Sprintf("made-%d-%d-%d", round, w, i)
					made, err := sm.CreateSecret(calls, &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("x")})
					if err != nil {
						return // killed
					}
					note("CreateSecret", made.ResultMetadata)
					got, err := sm.GetSecretValue(calls, &secretsmanager.GetSecretValueInput{SecretId: aws.String("one")})
					if err != nil {
						return
					}
					if note("GetSecretValue", got.ResultMetadata) >= (round+1)*each {
						select {
						case enough <- struct{}{}:
						default:
						}
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(time.Minute):
			t.Fatal("there were too few answers")
		}
		s.kill()
		stop()
		wg.Wait()
		s.start(t)
	}
	eventually(t, time.Minute, "the record is whole", func() (bool, string) {
		found := map[string]int{}
		created := map[string]int{}
		for _, e := range records(t, dir) {
			id, _ := e["requestID"].(string)
			found[id]++
			if e["eventName"] == "CreateSecret" && e["errorCode"] == nil {
				params, _ := e["requestParameters"].(map[string]any)
				created[fmt.Sprint(params["name"])]++
			}
		}
		for id, what := range answered {
			if found[id] != 1 {
				return false, fmt.Sprintf("%s %s has %d records", what, id, found[id])
			}
		}
		pages := secretsmanager.NewListSecretsPaginator(s.client(t), &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)})
		there := 0
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range page.SecretList {
				there++
				if created[*one.Name] != 1 {
					return false, fmt.Sprintf("%s is there, with %d records", *one.Name, created[*one.Name])
				}
			}
		}
		if there != len(created) {
			return false, fmt.Sprintf("%d secrets are there, and %d were recorded", there, len(created))
		}
		return true, ""
	})
	s.terminate()
	verifyAudit(t, bin, dir)
	t.Logf("%d answers, %d records", len(answered), len(records(t, dir)))
}
