package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// fuzzed is a world whose handler is called directly, with secrets of every
// kind, a clock for signatures that stands still, and a user nobody who may do
// nothing.
type fuzzed struct {
	*world
	at       time.Time
	rows     string                     // of the whole database, when it was looked at last
	declared map[string]map[string]bool // errors by operation, "" for those of all
}

const nobody = "nobody"

func newFuzzed(f *testing.F) *fuzzed {
	// Each call is an fsync of the audit log, and nothing here is about the disk.
	if _, err := os.Stat("/dev/shm"); err == nil {
		f.Setenv("TMPDIR", "/dev/shm")
	}
	w := newWorld(f)
	w.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	z := &fuzzed{world: w, at: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC), declared: declaredErrors(f)}
	w.Verifier.Now = func() time.Time { return z.at }
	w.user(f, nobody)
	z.echo(f)
	z.reset(f)
	return z
}

// declaredErrors reads the service model. InternalServiceError is not taken
// for an answer: it would be a mistake of ours.
func declaredErrors(f *testing.F) map[string]map[string]bool {
	b, err := os.ReadFile(filepath.Join("..", "wire", "model", "service-2.json"))
	if err != nil {
		f.Fatal(err)
	}
	var model struct {
		Operations map[string]struct {
			Errors []struct{ Shape string }
		}
	}
	if err := json.Unmarshal(b, &model); err != nil {
		f.Fatal(err)
	}
	out := map[string]map[string]bool{"": {"ValidationException": true, "SerializationException": true, "AccessDeniedException": true}}
	for name, op := range model.Operations {
		out[name] = map[string]bool{}
		for _, e := range op.Errors {
			out[name][e.Shape] = e.Shape != "InternalServiceError"
		}
	}
	return out
}

// reset gives the database the rows that each input starts from.
func (z *fuzzed) reset(t testing.TB) {
	t.Helper()
	err := z.driver.Update(t.Context(), func(tx store.Tx) error {
		for _, r := range []string{region, there, elsewhere} {
			list, err := tx.Secrets(store.SecretsQuery{Account: account, Region: r, Order: store.ByName, Deleted: true, Limit: 1 << 20})
			if err != nil {
				return err
			}
			for _, s := range list {
				for _, other := range []string{region, there, elsewhere} {
					if err := tx.DeleteReplica(s.Key, other); err != nil {
						return err
					}
				}
				if err := tx.DeleteSecret(s.Key); err != nil {
					return err
				}
			}
			functions, err := tx.Functions(account, r)
			if err != nil {
				return err
			}
			for _, f := range functions {
				if err := tx.DeleteFunction(account, r, f.Name); err != nil {
					return err
				}
			}
		}
		principals, err := tx.Principals("", 1<<20)
		if err != nil {
			return err
		}
		for _, p := range principals {
			if err := tx.DeletePrincipal(p.ARN); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second := "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	for _, r := range [][2]string{
		{"CreateSecret", `{"Name":"app/db","ClientRequestToken":"` + first + `","SecretString":"` + valueOne + `","Description":"Main dataBase","Tags":[{"Key":"team","Value":"a"}]}`},
		{"PutSecretValue", `{"SecretId":"app/db","ClientRequestToken":"` + second + `","SecretString":"` + valueTwo + `"}`},
		{"PutResourcePolicy", `{"SecretId":"app/db","ResourcePolicy":` + quoted(private) + `}`},
		{"CreateSecret", `{"Name":"app/binary","ClientRequestToken":"` + first + `","SecretBinary":"Y2FuYXJ5","AddReplicaRegions":[{"Region":"` + there + `"}]}`},
		{"CreateSecret", `{"Name":"app/turned","ClientRequestToken":"` + first + `","SecretString":` + quoted(string(rotationtest.KeyValue("k0", "canary").Reveal())) + `}`},
		{"RotateSecret", `{"SecretId":"app/turned","ClientRequestToken":"` + second + `","RotationLambdaARN":"` + function0 + `","RotationRules":{"AutomaticallyAfterDays":30}}`},
		{"CreateSecret", `{"Name":"app/deleted","ClientRequestToken":"` + first + `","SecretString":"` + valueOne + `"}`},
		{"DeleteSecret", `{"SecretId":"app/deleted"}`},
		{"CreateSecret", `{"Name":"empty","ClientRequestToken":"` + first + `"}`},
		{"CreatePrincipal", `{"Principal":"cy"}`},
		{"PutPrincipalPolicy", `{"Principal":"cy","PolicyName":"first","PolicyDocument":` + quoted(statement("Allow", []string{"*"}, "")) + `}`},
		{"CreateAccessKey", `{"Principal":"cy"}`},
		{"PutFunction", `{"FunctionName":"fn","Remote":{"FunctionName":"there"}}`},
	} {
		target := "secretsmanager." + r[0]
		if z.Server.own[r[0]].do != nil {
			target = "rota." + r[0]
		}
		if status, _, body := z.ask(t, keyID, target, []byte(r[1])); status != http.StatusOK {
			t.Fatalf("%s: %s", r[0], body)
		}
	}
	z.rows = z.look(t)
}

// look is every row of the database that a request could change, but for what
// waits for the audit log.
func (z *fuzzed) look(t testing.TB) string {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	err := z.driver.View(t.Context(), func(tx store.Tx) error {
		out.Reset()
		tell := func(row any, err error) error { return errors.Join(err, enc.Encode(row)) }
		for _, r := range []string{region, there, elsewhere} {
			list, err := tx.Secrets(store.SecretsQuery{Account: account, Region: r, Order: store.ByName, Deleted: true, Limit: 1 << 20})
			if err = errors.Join(tell(list, err), tell(tx.Functions(account, r))); err != nil {
				return err
			}
			for _, s := range list {
				task, _, err := tx.Task(s.Key)
				versions, err2 := tx.Versions(s.Key)
				err = errors.Join(
					tell(task, err), err2, tell(tx.Labels(s.Key)), tell(tx.Tags(s.Key)), tell(tx.Policy(s.Key)), tell(tx.Replicas(s.Key)),
					tell(tx.Readers(s.Key)), tell(tx.Journal(s.Key, 1<<20, 0)),
				)
				for _, v := range versions {
					v, _, err2 = tx.Version(s.Key, v.ID)
					err = errors.Join(err, tell(v, err2))
				}
				if err != nil {
					return err
				}
			}
		}
		principals, err := tx.Principals("", 1<<20)
		err = errors.Join(tell(principals, err), tell(tx.AllCredentials(store.CredentialFilter{})))
		for _, p := range principals {
			err = errors.Join(err, tell(tx.PrincipalPolicies(p.ARN)), tell(tx.AccessKeys(p.ARN)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// ask sends a request signed by the holder of a key.
func (z *fuzzed) ask(t testing.TB, key, target string, body []byte) (status int, typ, answer string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", wire.ContentType)
	r.Header.Set("X-Amz-Target", target)
	wire.Sign(r, body, key, secretKey, region, wire.Service, z.at)
	return z.serve(t, r)
}

func (z *fuzzed) serve(t testing.TB, r *http.Request) (status int, typ, answer string) {
	t.Helper()
	w := httptest.NewRecorder()
	z.ServeHTTP(w, r)
	var out struct {
		Type string `json:"__type"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("an answer that is no JSON: %v", err)
	}
	if out.Type == "" { // Lambda's API tells it elsewhere
		out.Type = w.Header().Get("X-Amzn-Errortype")
	}
	return w.Code, out.Type, w.Body.String()
}

// check holds what is true of every answer: it is success, or an error that is
// documented for the operation and changed nothing. It looks at the rows.
func (z *fuzzed) check(t *testing.T, target string, status int, typ, answer string) (ok bool) {
	t.Helper()
	before := z.rows
	z.rows = z.look(t)
	if status == http.StatusOK {
		return true
	}
	service, operation, _ := strings.Cut(target, ".")
	documented := z.declared[""][typ] || z.declared[operation][typ]
	if service == wire.ServiceRota {
		documented = slices.Contains(errorNames(), typ)
	}
	if !documented {
		t.Fatalf("%s: %d %s is not documented for it: %s", target, status, typ, answer)
	}
	if status != http.StatusBadRequest {
		t.Fatalf("%s: the status is %d: %s", target, status, answer)
	}
	if len(answer) > 64<<10 {
		t.Fatalf("%s: an error of %d bytes", target, len(answer))
	}
	if strings.Contains(answer, "That rotation will be reattempted.") {
		return false // and at once, as it says: the task is due now
	}
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(z.rows, "\n")); diff != "" {
		t.Fatalf("%s failed with %s and changed the database (-before +after):\n%s", target, answer, diff)
	}
	return false
}

// errorNames are the names of all errors but the one that is our fault.
var errorNames = func() func() []string {
	var names []string
	for _, c := range rota.Codes() {
		var e struct {
			Type string `json:"__type"`
		}
		if _, body := wire.EncodeError(c); c != rota.Internal && json.Unmarshal(body, &e) == nil {
			names = append(names, e.Type)
		}
	}
	return func() []string { return names }
}()
