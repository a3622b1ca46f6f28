package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/access/trail"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/internal/testlog"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// house is a server with its own principals, without a socket, so that its
// clock can be simulated.
type house struct {
	*Server
	t     *testing.T
	who   *session.Directory
	admin newKey
	log   *testlog.Buffer
	trail *trail.Trail
	audit *audit.Log
	dir   string
	told  [][]byte // every answer
}

// newKey is what signs.
type newKey struct{ id, secret, token string }

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	d := testdb.Open(t, filepath.Join(dir, "rota.db"), time.Now)
	t.Cleanup(func() { _ = d.Close() })
	sealer, err := seal.Create(filepath.Join(dir, "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, log: &testlog.Buffer{}, dir: dir, admin: newKey{id: "AKIAADMINADMIN", secret: "the administrator's"}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := store.Open(t.Context(), d, store.Config{
		Account: account, Region: region, Sealer: sealer, NewID: newID, Rand: rand.Reader, Policies: ResourcePolicies{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.audit, err = audit.Open(filepath.Join(dir, "audit"), audit.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.audit.Close() }) // closed already by who reads it
	h.trail = trail.New(s, map[string]*audit.Log{store.ToAudit: h.audit}, log)
	h.who = session.New(s, sealer, rand.Reader)
	keys := Principals{h.who}
	h.Server = New(Config{
		Store: s, NewID: newID, Log: log, ClockHeld: func() string { return "" }, Grants: keys, Sessions: h.who,
		Audit: &Audit{Log: h.audit, Require: true, Stuck: func() error { return nil }}, Healthy: func(context.Context) error { return nil },
		Verifier: &wire.Verifier{
			Keys: keys, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return r == region },
		},
	})
	_, err = s.FirstPrincipals(t.Context(),
		store.FirstPrincipal{Principal: "rota-admin", PolicyName: "FullAccess", Document: fullAccess, KeyID: h.admin.id, Secret: rota.StringValue(h.admin.secret)},
		store.FirstPrincipal{Principal: session.FunctionRole(account), PolicyName: "all", Document: fullAccess},
	)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask sends a request and returns the status with the body.
func (h *house) ask(k newKey, target, body string) (int, string) {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://rota/", strings.NewReader(body))
	r.Header.Set("Content-Type", wire.ContentType)
	r.Header.Set("X-Amz-Target", target)
	if k.token != "" {
		r.Header.Set("X-Amz-Security-Token", k.token)
	}
	wire.Sign(r, []byte(body), k.id, k.secret, region, wire.Service, time.Now())
	w := httptest.NewRecorder()
	exercised.record(h.t.Name(), h.Server).ServeHTTP(w, r)
	h.told = append(h.told, w.Body.Bytes())
	return w.Code, w.Body.String()
}

// done asks for what must be answered.
func (h *house) done(k newKey, target, body string, out any) {
	h.t.Helper()
	code, answer := h.ask(k, target, body)
	if code != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", target, body, code, answer)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(answer), out); err != nil {
			h.t.Fatal(err)
		}
	}
}

// no asks for what must be refused with an error whose text has a part.
func (h *house) no(k newKey, target, body, typ, part string) {
	h.t.Helper()
	code, answer := h.ask(k, target, body)
	var e struct {
		Type           string `json:"__type"`
		Message, Lower string
	}
	_ = json.Unmarshal([]byte(answer), &e)
	if code == http.StatusOK || e.Type != typ || !strings.Contains(answer, part) {
		h.t.Errorf("%s %s: %d %s, want %s with %q", target, body, code, answer, typ, part)
	}
}

// user makes a principal with a policy and a key.
func (h *house) user(name, document string) newKey {
	h.t.Helper()
	h.done(h.admin, "rota.CreatePrincipal", `{"Principal":"`+name+`"}`, nil)
	h.done(h.admin, "rota.PutPrincipalPolicy", `{"Principal":"`+name+`","PolicyName":"p","PolicyDocument":`+quoted(document)+`}`, nil)
	var k wire.CreateAccessKeyOutput
	h.done(h.admin, "rota.CreateAccessKey", `{"Principal":"`+name+`"}`, &k)
	return newKey{id: k.AccessKeyId, secret: string(k.SecretAccessKey.Reveal())}
}

func (h *house) session(k newKey, body string) newKey {
	h.t.Helper()
	var out wire.GetSessionTokenOutput
	h.done(k, "rota.GetSessionToken", body, &out)
	return newKey{out.AccessKeyId, string(out.SecretAccessKey.Reveal()), string(out.SessionToken.Reveal())}
}

const (
	getDB    = `{"SecretId":"app/db"}`
	invalid  = "The security token included in the request is invalid."
	readPol  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	selfPol  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["secretsmanager:*","rota:*"],"Resource":"*"}}`
	whoMay   = "secretsmanager.GetSecretValue"
	putDB    = `{"SecretId":"app/db","SecretString":"two","ClientRequestToken":"00000000-0000-4000-8000-0000000000ff"}`
	mayWrite = "secretsmanager.PutSecretValue"
)

func (h *house) secret() {
	h.t.Helper()
	h.done(h.admin, "secretsmanager.CreateSecret", `{"Name":"app/db","SecretString":"one","ClientRequestToken":"00000000-0000-4000-8000-000000000001"}`, nil)
}

func TestAPrincipalIsMadeAndUsedOverTheWire(t *testing.T) {
	h := newHouse(t)
	h.secret()
	ann := h.user("ann", readPol)
	h.done(ann, whoMay, getDB, nil)
	h.no(ann, mayWrite, putDB, "AccessDeniedException", "no identity-based policy allows the secretsmanager:PutSecretValue action")
	h.no(newKey{id: ann.id, secret: "wrong"}, whoMay, getDB, "InvalidSignatureException", "does not match")
	h.no(newKey{id: "AKIANOBODY", secret: ann.secret}, whoMay, getDB, "UnrecognizedClientException", invalid)

	var p wire.PrincipalOutput
	h.done(h.admin, "rota.DescribePrincipal", `{"Principal":"ann"}`, &p)
	if s := p.Principal; s.State != "enabled" || len(s.Policies) != 1 || s.Policies[0].PolicyDocument != readPol || len(s.AccessKeys) != 1 || s.AccessKeys[0].AccessKeyId != ann.id || s.AccessKeys[0].Status != "Active" {
		t.Errorf("it is shown as %+v", s)
	}
	var list wire.ListPrincipalsOutput
	h.done(h.admin, "rota.ListPrincipals", `{"MaxResults":2}`, &list)
	var second wire.ListPrincipalsOutput
	h.done(h.admin, "rota.ListPrincipals", `{"MaxResults":2,"NextToken":"`+list.NextToken+`"}`, &second)
	if len(list.Principals) != 2 || len(second.Principals) != 1 || second.Principals[0].Arn != arnOf("rota-admin") || second.NextToken != "" {
		t.Errorf("the second page is %+v", second)
	}

	key := `"Principal":"ann","AccessKeyId":"` + ann.id + `"`
	h.done(h.admin, "rota.UpdateAccessKey", `{`+key+`,"Status":"Inactive"}`, nil)
	h.no(ann, whoMay, getDB, "UnrecognizedClientException", invalid)
	h.done(h.admin, "rota.UpdateAccessKey", `{`+key+`,"Status":"Active"}`, nil)
	h.done(ann, whoMay, getDB, nil)
	h.done(h.admin, "rota.DisablePrincipal", `{"Principal":"ann"}`, nil)
	h.no(ann, whoMay, getDB, "UnrecognizedClientException", invalid)
	h.done(h.admin, "rota.EnablePrincipal", `{"Principal":"ann"}`, nil)
	h.done(h.admin, "rota.DeletePrincipalPolicy", `{"Principal":"ann","PolicyName":"p"}`, nil)
	h.no(ann, whoMay, getDB, "AccessDeniedException", "no identity-based policy allows")
	h.done(h.admin, "rota.DeleteAccessKey", `{`+key+`}`, nil)
	h.no(ann, whoMay, getDB, "UnrecognizedClientException", invalid)
	var keys wire.ListAccessKeysOutput
	h.done(h.admin, "rota.ListAccessKeys", `{"Principal":"ann"}`, &keys)
	if len(keys.AccessKeys) != 0 {
		t.Errorf("it has %+v", keys)
	}
	h.done(h.admin, "rota.DeletePrincipal", `{"Principal":"ann"}`, nil)
	h.no(h.admin, "rota.DescribePrincipal", `{"Principal":"ann"}`, "ResourceNotFoundException", "The user with name ann cannot be found.")
	h.no(h.admin, "rota.DeletePrincipal", `{"Principal":"rota-admin"}`, "InvalidRequestException", "nobody who has full access")
}

func TestTemporaryCredentialsEndWhenTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.secret()
		ann := h.user("ann", selfPol)
		time.Sleep(time.Second - time.Duration(time.Now().Nanosecond())) // to a whole second
		job := h.session(ann, `{"DurationSeconds":900,"SessionName":"job-1"}`)
		h.done(job, whoMay, getDB, nil)
		time.Sleep(15*time.Minute - time.Nanosecond)
		h.done(job, whoMay, getDB, nil)
		time.Sleep(time.Nanosecond)
		h.no(job, whoMay, getDB, "ExpiredTokenException", "The security token included in the request is expired")
		h.no(job, whoMay, getDB, "ExpiredTokenException", "") // and stays so
		h.done(ann, whoMay, getDB, nil)
		readers, err := h.Store.Readers(t.Context(), rota.Caller{Account: account, Region: region}, "app/db")
		if err != nil {
			t.Fatal(err)
		}
		who := map[string]bool{}
		for _, r := range readers {
			who[r.Principal+" "+r.Instance] = true
		}
		if len(who) != 2 || !who[arnOf("ann")+" job-1"] || !who[arnOf("ann")+" "] {
			t.Errorf("the readers are %v", who)
		}
	})
}

func TestTemporaryCredentialsAreRefusedInTheWordsOfAWS(t *testing.T) {
	h := newHouse(t)
	h.secret()
	ann, bob := h.user("ann", selfPol), h.user("bob", selfPol)
	job, other := h.session(ann, `{}`), h.session(bob, `{}`)
	with := func(change func(*newKey)) newKey { k := job; change(&k); return k }
	h.done(job, whoMay, getDB, nil)
	for name, k := range map[string]newKey{
		"without the token":     with(func(k *newKey) { k.token = "" }),
		"with another's token":  with(func(k *newKey) { k.token = other.token }),
		"with half a token":     with(func(k *newKey) { k.token = k.token[:len(k.token)/2] }),
		"with nonsense":         with(func(k *newKey) { k.token = "nonsense" }),
		"with another's id":     with(func(k *newKey) { k.id = other.id }),
		"a long-term key's id":  with(func(k *newKey) { k.id = ann.id }),
		"a key that has no one": {ann.id, ann.secret, job.token},
	} {
		t.Run(name, func(t *testing.T) { h.no(k, whoMay, getDB, "UnrecognizedClientException", invalid) })
	}
	h.no(with(func(k *newKey) { k.secret = other.secret }), whoMay, getDB, "InvalidSignatureException", "does not match")
	h.no(with(func(k *newKey) { k.secret = ann.secret }), whoMay, getDB, "InvalidSignatureException", "does not match")
}

func TestASessionMayNoMoreThanItsPolicyAndItsPrincipal(t *testing.T) {
	h := newHouse(t)
	h.secret()
	wide, narrow := h.user("wide", selfPol), h.user("narrow", strings.Replace(readPol, `"secretsmanager:GetSecretValue"`, `["secretsmanager:GetSecretValue","rota:GetSessionToken"]`, 1))
	limited := h.session(wide, `{"Policy":`+quoted(readPol)+`}`)
	h.done(limited, whoMay, getDB, nil)
	h.no(limited, mayWrite, putDB, "AccessDeniedException", "because no session policy allows the secretsmanager:PutSecretValue action")
	h.no(limited, "rota.GetSessionToken", `{}`, "AccessDeniedException", "no session policy")
	asking := h.session(narrow, `{"Policy":`+quoted(fullAccess)+`}`)
	h.done(asking, whoMay, getDB, nil)
	h.no(asking, mayWrite, putDB, "AccessDeniedException", "because no identity-based policy allows")
	free := h.session(wide, `{}`)
	h.done(free, mayWrite, putDB, nil)
	h.no(free, "rota.GetSessionToken", `{}`, "AccessDeniedException", "Cannot call GetSessionToken with session credentials")
	for target, body := range map[string]string{
		"CreatePrincipal": `{"Principal":"x"}`, "CreateAccessKey": `{}`, "PutPrincipalPolicy": `{"Principal":"wide","PolicyName":"q","PolicyDocument":` + quoted(fullAccess) + `}`,
		"UpdateAccessKey": `{"AccessKeyId":"` + wide.id + `","Status":"Inactive"}`, "DeletePrincipal": `{"Principal":"narrow"}`,
	} {
		h.no(free, "rota."+target, body, "AccessDeniedException", "Temporary credentials cannot change principals")
	}
	h.no(wide, "rota.GetSessionToken", `{"Policy":"{}"}`, "MalformedPolicyDocumentException", "")
}

// TestAClaimInCredentialsCountsWhileItIsTheSecrets: a function writes with
// them while its claim holds, and not once somebody else works on the secret.
func TestAClaimInCredentialsCountsWhileItIsTheSecrets(t *testing.T) {
	h := newHouse(t)
	h.secret()
	engine := rota.Caller{Account: account, Region: region, Source: "engine"}
	d, err := h.Store.DescribeSecret(t.Context(), engine, store.DescribeSecretInput{SecretID: "app/db"})
	if err != nil {
		t.Fatal(err)
	}
	take := func() rota.Claim {
		c, _, err := h.Store.Claim(t.Context(), engine, store.ClaimRequest{Secret: d.Key, Owner: "node", Use: "rotate", For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	issue := func(c rota.Claim) newKey {
		k, err := h.who.IssueSession(t.Context(), session.Request{
			Principal: session.FunctionRole(account), Claim: c, Duration: time.Minute, Name: "a-function",
			Policy: session.Allow([]string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}, d.ARN()),
		})
		if err != nil {
			t.Fatal(err)
		}
		return newKey{k.AccessKeyID, string(k.Secret.Reveal()), string(k.Token.Reveal())}
	}
	pending := strings.Replace(putDB, "}", `,"VersionStages":["AWSPENDING"]}`, 1)
	h.done(h.admin, "secretsmanager.RotateSecret", `{"SecretId":"app/db","RotationLambdaARN":"arn:aws:lambda:`+region+`:`+account+`:function:f","ClientRequestToken":"00000000-0000-4000-8000-0000000000ff"}`, nil)
	h.done(h.admin, "secretsmanager.CreateSecret", `{"Name":"other","SecretString":"x","ClientRequestToken":"00000000-0000-4000-8000-000000000002"}`, nil)

	claim := take()
	f := issue(claim)
	h.done(f, whoMay, getDB, nil)
	h.done(f, mayWrite, pending, nil)
	h.no(f, whoMay, `{"SecretId":"other"}`, "AccessDeniedException", "no session policy")
	if err := h.Store.Release(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	h.no(f, mayWrite, pending, "InvalidRequestException", "The claim on this secret was lost")
	second := issue(take())
	h.no(f, mayWrite, pending, "InvalidRequestException", "The claim on this secret was lost")
	h.done(second, mayWrite, pending, nil)
	readers, err := h.Store.Readers(t.Context(), engine, "app/db")
	if err != nil || len(readers) != 0 {
		t.Errorf("a function is a reader: %v, %v", readers, err)
	}
}

func TestWhatAPrincipalsRequestLacksIsSaid(t *testing.T) {
	h := newHouse(t)
	for target, body := range map[string]string{
		"CreatePrincipal": `{}`, "EnablePrincipal": `{}`, "DisablePrincipal": `{}`, "DeletePrincipal": `{}`,
		"PutPrincipalPolicy": `{"PolicyName":"p"}`, "DeletePrincipalPolicy": `{"PolicyName":"p"}`,
	} {
		h.no(h.admin, "rota."+target, body, "InvalidParameterException", "You must provide a Principal.")
	}
	h.no(h.admin, "rota.UpdateAccessKey", `{"AccessKeyId":"`+h.admin.id+`","Status":"Gone"}`, "InvalidParameterException", "Active or Inactive")
	h.no(h.admin, "rota.UpdateAccessKey", `{"AccessKeyId":"`+h.admin.id+`","Status":"Inactive"}`, "InvalidRequestException", "nobody who has full access")
	for _, seconds := range []string{"899", "-1", "129601", "9223372036", "9223372036854775807", "-9223372036854775808"} {
		h.no(h.admin, "rota.GetSessionToken", `{"DurationSeconds":`+seconds+`}`, "InvalidParameterException", "The duration must be from 900 to 129600 seconds.")
	}
	h.no(h.admin, "rota.GetSessionToken", `{"Seconds":900}`, "SerializationException", "")
	h.no(h.admin, "rota.CreatePrincipal", `{"Principal":"group/x"}`, "InvalidParameterException", "user/NAME, role/NAME")
	h.no(h.admin, "rota.PutPrincipalPolicy", `{"Principal":"rota-admin","PolicyName":"p","PolicyDocument":"{}"}`, "MalformedPolicyDocumentException", "no Statement")
}

// TestNoSecretHalfLeaks looks for secret halves and tokens in the log, the
// audit log, what waits for it, and in every answer but the one that tells
// them.
func TestNoSecretHalfLeaks(t *testing.T) {
	h := newHouse(t)
	h.secret()
	ann := h.user("ann", selfPol)
	job := h.session(ann, `{"SessionName":"job-7","Policy":`+quoted(readPol)+`}`)
	marks := map[string]string{
		"the administrator's secret half": h.admin.secret, "a user's secret half": ann.secret, "a session's secret half": job.secret, "a token": job.token[:64],
	}
	h.done(job, whoMay, getDB, nil)
	// The halves in every wrong place.
	if code, answer := h.ask(newKey{id: ann.secret, secret: ann.id}, whoMay, getDB); code == http.StatusOK {
		t.Errorf("halves that were swapped are accepted: %s", answer)
	}
	h.no(newKey{ann.id, ann.secret, job.secret}, whoMay, getDB, "UnrecognizedClientException", "")
	h.no(newKey{job.id, job.secret, job.token + "x"}, whoMay, getDB, "UnrecognizedClientException", "")
	h.no(h.admin, "rota.DeleteAccessKey", `{"Principal":"ann","AccessKeyId":`+quoted(ann.secret)+`}`, "ResourceNotFoundException", "cannot be found")
	h.no(h.admin, "rota.UpdateAccessKey", `{"Principal":"ann","AccessKeyId":`+quoted(job.token)+`,"Status":"Active"}`, "ResourceNotFoundException", "cannot be found")
	for h.more() {
	}
	if err := h.audit.Close(); err != nil {
		t.Fatal(err)
	}
	where := map[string]string{"the log": h.log.String(), "the audit log": h.records()}
	for what, mark := range marks {
		for place, text := range where {
			if strings.Contains(text, mark) {
				t.Errorf("%s is in %s", what, place)
			}
		}
		told := 0
		for _, answer := range h.told {
			told += bytes.Count(answer, []byte(mark))
		}
		want := 1
		if what == "the administrator's secret half" {
			want = 0
		}
		if told != want {
			t.Errorf("%s is told %d times, want %d", what, told, want)
		}
	}
	for _, want := range []string{`"eventName":"CreateAccessKey"`, `"eventName":"GetSessionToken"`, `"accessKeyId":"` + ann.id, `"accessKeyId":"` + job.id, `"policyName":"p"`, `"sessionName":"job-7"`} {
		if !strings.Contains(where["the audit log"], want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
	if !strings.Contains(where["the log"], "GetSessionToken") {
		t.Error("nothing was logged")
	}
}

// more delivers what waits for the audit log.
func (h *house) more() bool {
	h.t.Helper()
	more, err := h.trail.Deliver(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return more
}

// records is the audit log as it is on disk.
func (h *house) records() string {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "audit", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			h.t.Fatal(err)
		}
		out.Write(b)
	}
	return out.String()
}
