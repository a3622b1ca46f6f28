//go:build servers

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/wire"
)

// canary marks values and looks for them everywhere.
type canary struct {
	marks map[string]string // what it is, by mark
	found []string
}

// forms are the ways in which a mark could appear.
func forms(mark string) []string {
	out := []string{mark, hex.EncodeToString([]byte(mark)), strings.ToUpper(hex.EncodeToString([]byte(mark)))}
	// Within base64 a text has three shapes, by its place; the first and last
	// characters depend on the neighbours and are cut off.
	for pad := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", pad) + mark))
		out = append(out, e[4:len(e)-4])
	}
	return out
}

func (c *canary) look(where string, text []byte) (hits int) {
	for mark, what := range c.marks {
		for _, form := range forms(mark) {
			if bytes.Contains(text, []byte(form)) {
				hits++
				c.found = append(c.found, fmt.Sprintf("%s is in %s", what, where))
				break
			}
		}
	}
	return hits
}

// TestNoSecretValueLeaks marks values, lets them go through everything once,
// and looks for them in logs, errors, answers, the journal, the database and
// the audit log:
// they are nowhere but in the answers of GetSecretValue and
// BatchGetSecretValue.
func TestNoSecretValueLeaks(t *testing.T) {
	ctx := t.Context()
	pg := testserver.Postgres(t)
	const (
		first  = "Canary7First3Password9Value"
		text   = "Canary4Text8Value2Stored"
		binary = "Canary6Binary1Value5Stored"
		wrong  = "Canary8Wrong2Password4Used"
		token  = "Canary3Repeated7Token1Value"
		cli    = "Canary5Command9Line3Value"
	)
	c := &canary{marks: map[string]string{
		first: "the first password", text: "a stored text", binary: "stored bytes", wrong: "a wrong password",
		token: "the value of a repeated token", cli: "a value of the command line", pg.Password: "the admin's password",
	}}
	conn, err := pgx.Connect(ctx, pg.URL(pg.Superuser, pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// The test's own statement must not put the mark into the server's log.
	for _, statement := range []string{
		"SET log_statement = 'none'", "CREATE ROLE canary LOGIN PASSWORD '" + first + "'", "CREATE ROLE canary2 LOGIN PASSWORD '" + first + "'",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	bin := build(t)
	s := serve(t, bin, dir, "--log-level", "debug")
	sm := s.client(t)
	value := func(host string, port int, user, password string) *string {
		b, err := json.Marshal(map[string]any{"engine": "postgres", "host": host, "port": port, "username": user, "password": password})
		if err != nil {
			t.Fatal(err)
		}
		return aws.String(string(b))
	}
	create := func(in *secretsmanager.CreateSecretInput) {
		t.Helper()
		if _, err := sm.CreateSecret(ctx, in); err != nil {
			t.Fatalf("create %s: %v", *in.Name, err)
		}
	}
	quick := types.Tag{Key: aws.String("rota:expire"), Value: aws.String("immediately")}
	create(&secretsmanager.CreateSecretInput{Name: aws.String("admin"), SecretString: value(pg.Host, pg.Port, pg.Superuser, pg.Password), Tags: []types.Tag{{Key: aws.String("rota:serves"), Value: aws.String("@")}}})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("single"), SecretString: value(pg.Host, pg.Port, "canary", first), Tags: []types.Tag{quick}})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("alternating"), SecretString: value(pg.Host, pg.Port, "canary2", first), Tags: []types.Tag{quick, {Key: aws.String("rota:admin"), Value: aws.String("admin")}}})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("wrong"), SecretString: value(pg.Host, pg.Port, "canary", wrong)})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("down"), SecretString: value("127.0.0.1", 1, "canary", wrong)})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("text"), SecretString: aws.String(text), Description: aws.String("a text")})
	create(&secretsmanager.CreateSecretInput{Name: aws.String("bytes"), SecretBinary: []byte(binary)})

	for _, name := range []string{"single", "alternating", "wrong", "down"} {
		if _, err := sm.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &name, RotationLambdaARN: aws.String(functionARN + "postgres")}); err != nil {
			t.Fatalf("rotate %s: %v", name, err)
		}
	}
	for _, name := range []string{"single", "alternating"} {
		eventually(t, time.Minute, name+" is rotated and its old password proven dead", func() (bool, string) {
			var show wire.ShowOutput
			s.own(t, "Show", wire.ShowInput{SecretId: name}, &show)
			dead := false
			for _, row := range show.Credentials {
				dead = dead || row.State == "proven dead"
			}
			return dead && show.State == "idle", show.State + " " + show.Detail
		})
		now, err := current(ctx, sm, name, "")
		if err != nil {
			t.Fatal(err)
		}
		c.marks[now.Password] = "the new password of " + name
	}
	for _, name := range []string{"wrong", "down"} {
		eventually(t, time.Minute, "the rotation of "+name+" fails", func() (bool, string) {
			var show wire.ShowOutput
			s.own(t, "Show", wire.ShowInput{SecretId: name}, &show)
			return show.Detail != "", show.State
		})
	}
	// Mistakes that hold values.
	id := "11111111-2222-4333-8444-555555555555"
	for _, v := range []string{token, token + "2"} {
		_, _ = sm.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("text"), ClientRequestToken: &id, SecretString: &v, VersionStages: []string{"SIDE"}})
	}
	for _, body := range []string{
		`{"SecretId":"text","SecretString":["` + text + `"]}`, `{"SecretId":"text","SecretString":"` + text,
		`{"SecretId":"` + strings.Repeat("x", 3000) + `","SecretString":"` + text + `"}`,
		`{"SecretId":"text","SecretBinary":"` + text + `!"}`, `{"SecretId":"text","SecretString":"` + strings.Repeat(text, 5000) + `"}`,
	} {
		s.raw(t, "secretsmanager.PutSecretValue", body)
	}
	if _, err := sm.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"text", "bytes", "single", "nobody"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"text", "bytes"} {
		if _, err := sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name}); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = sm.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	_, _ = sm.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("text")})
	_, _ = sm.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("bytes")})

	// The command line.
	for _, args := range [][]string{{"put", "made"}, {"put", "made"}, {"show", "single", "--journal", "1000"}, {"show", "wrong", "--json"}, {"status"}, {"ls", "--json"}, {"put", "made/../:", "--json"}, {"expire", "made", "--now"}} {
		cmd := exec.CommandContext(ctx, bin, append(args, "--data", dir)...)
		cmd.Stdin = strings.NewReader(cli)
		out, _ := cmd.CombinedOutput()
		c.look("what rota "+strings.Join(args, " ")+" prints", out)
	}
	s.terminate()

	c.look("the server's log", []byte(s.stderr.String()))
	log, err := os.ReadFile(pg.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	c.look("PostgreSQL's log", log)
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		c.look("the file "+info.Name(), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What was looked through has the record of all this.
	recorded := map[string]bool{}
	for _, e := range records(t, dir) {
		name, _ := e["eventName"].(string)
		recorded[name] = true
	}
	for _, name := range []string{
		"CreateSecret", "PutSecretValue", "GetSecretValue", "BatchGetSecretValue", "RotateSecret", "ListSecrets", "DescribeSecret", "DeleteSecret",
		"Show", "Expire", "RotationStarted", "RotationSucceeded", "CredentialProvenDead", "StartSecretVersionDelete",
	} {
		if !recorded[name] {
			t.Errorf("there is no record of %s", name)
		}
	}
	verifyAudit(t, bin, dir)
	shown := 0
	for _, a := range s.seen.answers {
		if a.target == "secretsmanager.GetSecretValue" || a.target == "secretsmanager.BatchGetSecretValue" {
			shown += (&canary{marks: c.marks}).look("", []byte(a.text))
			continue
		}
		c.look("an answer to "+a.target, []byte(a.text))
	}
	if shown < len(c.marks)-3 {
		t.Errorf("the answers that may show values show %d: the search finds too little", shown)
	}
	for _, f := range c.found {
		t.Error(f)
	}
	t.Logf("%d marked values, %d answers, a log of %d bytes", len(c.marks), len(s.seen.answers), len(s.stderr.String()))
}

// raw sends a body as it is, signed.
func (s *server) raw(t *testing.T, target, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	req.Header.Set("X-Amz-Target", target)
	id, secret := s.keys(t)
	wire.Sign(req, []byte(body), id, secret, region, wire.Service, time.Now())
	res, err := (&http.Client{Transport: s.seen}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusOK {
		t.Errorf("a wrong body was accepted: %.80s", body)
	}
}
