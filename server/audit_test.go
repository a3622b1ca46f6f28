package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/access/trail"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// openTrail gives the world its logs. Nothing is delivered by itself: records
// does it.
func (w *world) openTrail(t testing.TB, dir string, log *slog.Logger) {
	t.Helper()
	w.folder = dir
	logs := map[string]*audit.Log{}
	for kind, name := range map[string]string{store.ToAudit: "audit", store.ToEvents: "events"} {
		l, err := audit.Open(filepath.Join(dir, name), audit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		logs[kind] = l
	}
	w.audited, w.events = logs[store.ToAudit], logs[store.ToEvents]
	w.trail = trail.New(w.store, logs, log)
	t.Cleanup(func() {
		for _, l := range logs {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// recorded is an event of the audit log, as a reader of CloudTrail sees it.
type recorded struct {
	EventName, EventSource, EventType, EventID, RequestID, EventTime string
	AWSRegion, RecipientAccountID, SourceIPAddress, UserAgent        string
	ErrorCode, ErrorMessage                                          string
	ReadOnly                                                         bool
	UserIdentity                                                     map[string]string
	RequestParameters, ResponseElements, AdditionalEventData         map[string]any
	Resources                                                        []map[string]string
	raw                                                              string
}

// lines are the events of a log, whose chain must hold.
func (w *world) lines(t testing.TB, folder string) (out []string) {
	t.Helper()
	dir := filepath.Join(w.folder, folder)
	r, err := audit.Verify(dir, audit.Head{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			var line struct{ Event json.RawMessage }
			if err := json.Unmarshal([]byte(l), &line); err != nil {
				t.Fatal(err)
			}
			out = append(out, string(line.Event))
		}
	}
	if uint64(len(out)) != r.Records {
		t.Fatalf("there are %d lines of %d records", len(out), r.Records)
	}
	return out
}

// records delivers what waits and reads the audit log.
func (w *world) records(t testing.TB) (out []recorded) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = w.trail.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range w.lines(t, "audit") {
		r := recorded{raw: l}
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// of is the records of one request.
func of(all []recorded, a answer) (out []recorded) {
	for _, r := range all {
		if r.RequestID == a.header.Get("X-Amzn-Requestid") {
			out = append(out, r)
		}
	}
	return out
}

// TestEachCallIsOneRecord: whatever a call comes to, its record has its
// request id and says what came of it.
func TestEachCallIsOneRecord(t *testing.T) {
	w := newWorld(t)
	send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"app/db","ClientRequestToken":"`+newID()+`","SecretString":"x"}`))
	arn := ""
	for _, c := range []struct {
		what     string
		request  *http.Request
		name     string
		source   string
		readOnly bool
		code     string
		params   map[string]any
	}{
		{
			"a read", w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"app/db","VersionStage":"AWSCURRENT"}`),
			"GetSecretValue", audit.Source, true, "",
			map[string]any{"secretId": "app/db", "versionStage": "AWSCURRENT"},
		},
		{
			"a read of what is not there", w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"none"}`),
			"GetSecretValue", audit.Source, true, "ResourceNotFoundException",
			map[string]any{"secretId": "none"},
		},
		{
			"a change", w.request(t, "secretsmanager.TagResource", `{"SecretId":"app/db","Tags":[{"Key":"team","Value":"a"}]}`),
			"TagResource", audit.Source, false, "",
			map[string]any{"secretId": "app/db", "tags": []any{map[string]any{"key": "team", "value": "a"}}},
		},
		{
			"a change that is refused", w.request(t, "secretsmanager.RestoreSecret", `{"SecretId":"none"}`),
			"RestoreSecret", audit.Source, false, "ResourceNotFoundException",
			map[string]any{"secretId": "none"},
		},
		{
			"a request that is not valid", w.request(t, "secretsmanager.TagResource", `{"SecretId":"app/db"}`),
			"TagResource", audit.Source, false, "ValidationException", nil,
		},
		{"a body that is none", w.request(t, "secretsmanager.PutSecretValue", `{"SecretString":"x`), "PutSecretValue", audit.Source, false, "SerializationException", nil},
		{"rota's own read", w.request(t, "rota.Show", `{"SecretId":"app/db"}`), "Show", audit.OwnSource, true, "", map[string]any{"secretId": "app/db"}},
		{
			"rota's own change", w.request(t, "rota.Expire", `{"SecretId":"app/db","Hold":true}`),
			"Expire", audit.OwnSource, false, "InvalidRequestException",
			map[string]any{"secretId": "app/db", "now": false, "hold": true, "resume": false},
		},
		{"an operation that rota has not", w.request(t, "rota.Dance", `{}`), "Dance", audit.OwnSource, false, "UnknownOperationException", nil},
		{"an operation that nobody has", w.request(t, "secretsmanager.Dance", `{}`), "Unknown", audit.Source, false, "UnknownOperationException", nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.request.Header.Set("User-Agent", "test/1")
			a := send(t, c.request)
			got := of(w.records(t), a)
			if len(got) != 1 {
				t.Fatalf("there are %d records: %+v", len(got), got)
			}
			r := got[0]
			if arn == "" {
				arn = r.Resources[0]["ARN"]
			}
			if r.EventName != c.name || r.EventSource != c.source || r.ReadOnly != c.readOnly || r.ErrorCode != c.code || a.typ != c.code {
				t.Errorf("%s", r.raw)
			}
			if diff := cmp.Diff(c.params, r.RequestParameters); diff != "" {
				t.Errorf("requestParameters (-want +got):\n%s", diff)
			}
			who := map[string]string{"type": "IAMUser", "arn": principal, "accountId": account, "accessKeyId": keyID, "userName": "rota-admin"}
			if diff := cmp.Diff(who, r.UserIdentity); diff != "" {
				t.Errorf("userIdentity (-want +got):\n%s", diff)
			}
			if r.SourceIPAddress != "127.0.0.1" || r.UserAgent != "test/1" || r.AWSRegion != region || r.RecipientAccountID != account || r.EventType != "AwsApiCall" {
				t.Errorf("%s", r.raw)
			}
			if a.text != r.ErrorMessage {
				t.Errorf("the answer says %q and the record %q", a.text, r.ErrorMessage)
			}
			if at, err := time.Parse(time.RFC3339, r.EventTime); err != nil || time.Since(at) > time.Minute {
				t.Errorf("it was at %s", r.EventTime)
			}
		})
	}
	seen := map[string]bool{}
	for _, r := range w.records(t) {
		if seen[r.EventID] || r.EventID == "" {
			t.Errorf("the event id %q is not one event's", r.EventID)
		}
		seen[r.EventID] = true
	}
}

// TestARequestThatNobodySignedIsRecordedWithoutAName: what it says of itself is
// not believed, and not repeated at length.
func TestARequestThatNobodySignedIsRecordedWithoutAName(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("z", 20_000)
	for _, c := range []struct {
		what   string
		change func(*http.Request)
		name   string
		code   string
	}{
		{"another signature", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		}, "GetSecretValue", "InvalidSignatureException"},
		{"another key", func(r *http.Request) {
			wire.Sign(r, []byte(`{"SecretId":"app/db"}`), "AKIANOBODYKNOWSME", "x", region, wire.Service, time.Now())
		}, "GetSecretValue", "UnrecognizedClientException"},
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, "GetSecretValue", "MissingAuthenticationTokenException"},
		{"none, and a target of its own", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-Amz-Target", "rota."+long)
			r.Header.Set("User-Agent", long)
		}, "Unknown", "MissingAuthenticationTokenException"},
		{"a scope of its own", func(r *http.Request) {
			wire.Sign(r, []byte(`{"SecretId":"app/db"}`), keyID, secretKey, "a"+long, wire.Service, time.Now())
		}, "GetSecretValue", "InvalidSignatureException"},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"app/db"}`)
			c.change(r)
			a := send(t, r)
			got := of(w.records(t), a)
			if len(got) != 1 {
				t.Fatalf("there are %d records", len(got))
			}
			one := got[0]
			if one.EventName != c.name || one.ReadOnly != (c.name == "GetSecretValue") || one.ErrorCode != c.code || a.typ != c.code || one.RequestParameters != nil {
				t.Errorf("%s", one.raw)
			}
			if diff := cmp.Diff(map[string]string{"type": "Unknown"}, one.UserIdentity); diff != "" {
				t.Errorf("userIdentity (-want +got):\n%s", diff)
			}
			if len(one.raw) > 3000 || strings.Contains(one.raw, "NOBODYKNOWS") {
				t.Errorf("%d bytes: %.500s", len(one.raw), one.raw)
			}
		})
	}
}

// TestABatchIsRecordedSecretBySecret, as CloudTrail has it.
func TestABatchIsRecordedSecretBySecret(t *testing.T) {
	w := newWorld(t)
	version := newID()
	send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"one","ClientRequestToken":"`+version+`","SecretString":"x"}`))
	a := send(t, w.request(t, "secretsmanager.BatchGetSecretValue", `{"SecretIdList":["one","none"]}`))
	got := of(w.records(t), a)
	if len(got) != 3 {
		t.Fatalf("there are %d records", len(got))
	}
	if got[0].EventName != "BatchGetSecretValue" || got[1].EventName != "GetSecretValue" || got[2].EventName != "GetSecretValue" {
		t.Errorf("%s, %s, %s", got[0].EventName, got[1].EventName, got[2].EventName)
	}
	if got[1].AdditionalEventData["versionId"] != version || !strings.Contains(got[1].Resources[0]["ARN"], ":secret:one-") || got[1].ErrorCode != "" {
		t.Errorf("%s", got[1].raw)
	}
	if got[2].ErrorCode != "ResourceNotFoundException" || got[2].RequestParameters["secretId"] != "none" || got[2].Resources != nil {
		t.Errorf("%s", got[2].raw)
	}
}

// TestAChangeAndItsRecordAreOneCommit: when the answer is there, so is the
// record, in the database; and of a change that failed there is neither.
func TestAChangeAndItsRecordAreOneCommit(t *testing.T) {
	w := newWorld(t)
	rows := func() []store.OutboxRow {
		t.Helper()
		rows, err := w.store.Outbox(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	a := send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"one","ClientRequestToken":"`+newID()+`","SecretString":"x"}`))
	have := rows()
	if len(have) != 2 || have[0].Kind != store.ToEvents || have[1].Kind != store.ToAudit || !strings.Contains(string(have[1].Body), a.header.Get("X-Amzn-Requestid")) {
		t.Fatalf("the outbox has %+v", have)
	}
	// The record cannot be written: then nothing is.
	calls := 0
	w.NewID = func() string { // the first is that of the request, the second that of its record
		if calls++; calls == 2 {
			panic("no id for the record")
		}
		return newID()
	}
	if a := send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"two","ClientRequestToken":"`+newID()+`","SecretString":"x"}`)); a.status != http.StatusInternalServerError {
		t.Errorf("the answer is %d %s", a.status, a.body)
	}
	w.NewID = newID
	if a := send(t, w.request(t, "secretsmanager.DescribeSecret", `{"SecretId":"two"}`)); a.typ != "ResourceNotFoundException" {
		t.Errorf("the secret is there: %s", a.body)
	}
	if len(rows()) != 2 {
		t.Errorf("the outbox has %+v", rows())
	}
}

// TestAnUnfinishedRotationIsHastenedThoughTheCallFails: RotateSecret's refusal
// is the one error that comes with a change, which its record must not undo.
func TestAnUnfinishedRotationIsHastenedThoughTheCallFails(t *testing.T) {
	w := newWorld(t)
	name := *(&client{world: w, Client: w.sdk()}).rotatable(t)
	rotate := func() answer {
		return send(t, w.request(t, "secretsmanager.RotateSecret", `{"SecretId":"`+name+`","ClientRequestToken":"`+newID()+`","RotationLambdaARN":"`+function0+`"}`))
	}
	if a := rotate(); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	ctx := t.Context()
	secret, err := w.store.DescribeSecret(ctx, rota.Caller{}, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		t.Fatal(err)
	}
	claim, _, err := w.store.Claim(ctx, rota.Caller{}, store.ClaimRequest{Secret: secret.Key, Owner: "test", For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Retry(ctx, rota.Caller{Claim: claim}, time.Now().Add(time.Hour), rota.SetSecret, "it failed"); err != nil {
		t.Fatal(err)
	}
	a := rotate()
	if a.typ != "InvalidRequestException" || !strings.Contains(a.text, "will be reattempted") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	task, err := w.store.Task(ctx, secret.Key)
	if err != nil || time.Until(task.Due) > time.Minute {
		t.Errorf("it is tried again at %s, %v", task.Due, err)
	}
	if got := of(w.records(t), a); len(got) != 1 || got[0].ErrorCode != "InvalidRequestException" || got[0].ErrorMessage != a.text {
		t.Errorf("the records are %+v", got)
	}
}

// TestACallThatCannotBeRecordedFails, unless that was allowed.
func TestACallThatCannotBeRecordedFails(t *testing.T) {
	w := newWorld(t)
	send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"one","ClientRequestToken":"`+newID()+`","SecretString":"canary"}`))
	if err := w.audited.Close(); err != nil {
		t.Fatal(err)
	}
	calls := map[string]string{
		"secretsmanager.GetSecretValue": `{"SecretId":"one"}`, "secretsmanager.ListSecrets": `{}`, "secretsmanager.DeleteSecret": `{"SecretId":"none"}`,
	}
	for target, body := range calls {
		a := send(t, w.request(t, target, body))
		if a.status != http.StatusInternalServerError || strings.Contains(a.body, "canary") {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "record the call") || !strings.Contains(log, "give it room") {
		t.Errorf("the log does not say it: %s", log)
	}
	// A change is recorded by its commit; but once the outbox does not reach
	// the log, nothing more is changed.
	put := func() answer {
		return send(t, w.request(t, "secretsmanager.PutSecretValue", `{"SecretId":"one","ClientRequestToken":"`+newID()+`","SecretString":"y"}`))
	}
	if a := put(); a.status != http.StatusOK {
		t.Errorf("a change is answered %d %s", a.status, a.body)
	}
	stuck := fmt.Errorf("the disk is full")
	w.Audit.Stuck = func() error { return stuck }
	if a := put(); a.status != http.StatusInternalServerError {
		t.Errorf("a change is answered %d %s", a.status, a.body)
	}
	w.Audit.Require = false
	if a := put(); a.status != http.StatusOK {
		t.Errorf("with best effort, a change is answered %d %s", a.status, a.body)
	}
	before := len(w.log.String())
	if a := send(t, w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"one"}`)); a.status != http.StatusOK {
		t.Errorf("with best effort, a read is answered %d %s", a.status, a.body)
	}
	if log := w.log.String()[before:]; !strings.Contains(log, "a call was not recorded") {
		t.Errorf("the log does not say it: %s", log)
	}
}

// TestEachMemberOfARequestIsRecordedOrSecret fills in every member of every
// operation's request: what is text is in the record, what is sensitive or a
// place in a list is not.
func TestEachMemberOfARequestIsRecordedOrSecret(t *testing.T) {
	w := newWorld(t)
	hidden := []string{"SecretString", "SecretBinary", "RotationToken", "NextToken"}
	for _, name := range wire.Operations() {
		t.Run(name, func(t *testing.T) {
			in, ok := inputs()[name]
			if !ok {
				t.Fatal("the test does not know this operation's request")
			}
			v := reflect.ValueOf(in).Elem()
			want, not := fill(v, hidden)
			var e audit.Event
			requested(&e.Request, in)
			got := string(e.AppendJSON(nil))
			for _, text := range want {
				if !strings.Contains(got, text) {
					t.Errorf("%s is not in %s", text, got)
				}
			}
			for _, text := range not {
				if strings.Contains(got, text) {
					t.Errorf("%s is in %s", text, got)
				}
			}
		})
	}
	if len(w.aws) != len(wire.Operations()) {
		t.Errorf("%d operations", len(w.aws))
	}
}

// TestEachTextOfAnOwnRequestIsRecordedOrSecret is the same for rota's own
// operations. What is registered of a function has secret parts.
func TestEachTextOfAnOwnRequestIsRecordedOrSecret(t *testing.T) {
	hidden := []string{"NextToken", "Environment", "Command", "Context"}
	w := newWorld(t)
	for name := range w.Server.own {
		t.Run(name, func(t *testing.T) {
			in, ok := ownInputs()[name]
			if !ok {
				t.Fatal("the test does not know this operation's request: add it to ownInputs, and its members to requested")
			}
			v := reflect.New(reflect.TypeOf(in)).Elem()
			var want, not []string
			for i := range v.NumField() {
				f, field := v.Field(i), v.Type().Field(i).Name
				mark := "mark-of-" + field
				switch f.Kind() {
				case reflect.String:
					if field == "AccessKeyId" {
						mark = "AKIAMARKOFACCESSKEYI"
					}
					f.SetString(mark)
				case reflect.Slice:
					if f.Type().Elem().Kind() != reflect.String {
						continue
					}
					f.Set(reflect.ValueOf([]string{"program", mark}))
				case reflect.Map:
					f.Set(reflect.MakeMap(f.Type()))
					value := reflect.ValueOf(mark)
					if f.Type().Elem().Kind() == reflect.Slice {
						value = reflect.ValueOf([]string{mark})
					}
					f.SetMapIndex(reflect.ValueOf("NAME"), value)
				default:
					continue
				}
				if slices.Contains(hidden, field) {
					not = append(not, mark)
				} else {
					want = append(want, mark)
				}
			}
			var e audit.Event
			requested(&e.Request, v.Interface())
			got := string(e.AppendJSON(nil))
			for _, text := range want {
				if !strings.Contains(got, text) {
					t.Errorf("%s is not in %s", text, got)
				}
			}
			for _, text := range not {
				if strings.Contains(got, text) {
					t.Errorf("%s is in %s", text, got)
				}
			}
		})
	}
}

// ownInputs are the requests of rota's own operations.
func ownInputs() map[string]any {
	return map[string]any{
		"Status": wire.StatusInput{}, "Show": wire.ShowInput{}, "Expire": wire.ExpireInput{}, "Rotate": wire.RotateInput{}, "ExplainPolicy": wire.ExplainPolicyInput{},
		"CreatePrincipal": wire.CreatePrincipalInput{}, "ListPrincipals": wire.ListPrincipalsInput{}, "DescribePrincipal": wire.DescribePrincipalInput{},
		"EnablePrincipal": wire.ChangePrincipalInput{}, "DisablePrincipal": wire.ChangePrincipalInput{}, "DeletePrincipal": wire.ChangePrincipalInput{},
		"CreateAccessKey": wire.CreateAccessKeyInput{}, "ListAccessKeys": wire.ListAccessKeysInput{}, "UpdateAccessKey": wire.UpdateAccessKeyInput{},
		"DeleteAccessKey": wire.DeleteAccessKeyInput{}, "PutPrincipalPolicy": wire.PutPrincipalPolicyInput{},
		"DeletePrincipalPolicy": wire.DeletePrincipalPolicyInput{}, "GetSessionToken": wire.GetSessionTokenInput{},
		"PutFunction": wire.PutFunctionInput{}, "ListFunctions": wire.ListFunctionsInput{}, "GetFunction": wire.GetFunctionInput{},
		"DeleteFunction": wire.DeleteFunctionInput{},
	}
}

// fill puts a text of its own into every member.
func fill(v reflect.Value, hidden []string) (want, not []string) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		mark := "mark-of-" + v.Type().Name() + "-" + name
		lower := `"` + strings.ToLower(name[:1]) + name[1:] + `":`
		if f.Type() == reflect.TypeFor[rota.Value]() {
			f.Set(reflect.ValueOf(rota.StringValue(mark)))
			not = append(not, mark, lower)
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString(mark)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Struct:
			w, n := fill(f, hidden)
			want, not = append(want, w...), append(not, n...)
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			switch e := f.Elem(); e.Kind() {
			case reflect.String:
				e.SetString(mark)
			case reflect.Int, reflect.Int64:
				e.SetInt(4711)
				mark = "4711"
			case reflect.Bool:
				e.SetBool(true)
				mark = "true"
			case reflect.Struct:
				w, n := fill(e, hidden)
				want, not = append(want, w...), append(not, n...)
				mark = "{"
			}
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			switch e := f.Index(0); e.Kind() {
			case reflect.String:
				e.SetString(mark)
			case reflect.Struct:
				w, n := fill(e, hidden)
				want, not = append(want, w...), append(not, n...)
				mark = "["
			}
		}
		if slices.Contains(hidden, name) {
			not = append(not, mark, lower)
		} else {
			want = append(want, mark, lower)
		}
	}
	return want, not
}

// inputs are the requests of all operations.
func inputs() map[string]any {
	return map[string]any{
		"BatchGetSecretValue": &wire.BatchGetSecretValueInput{}, "CancelRotateSecret": &wire.CancelRotateSecretInput{}, "CreateSecret": &wire.CreateSecretInput{},
		"DeleteResourcePolicy": &wire.DeleteResourcePolicyInput{}, "DeleteSecret": &wire.DeleteSecretInput{}, "DescribeSecret": &wire.DescribeSecretInput{},
		"GetRandomPassword": &wire.GetRandomPasswordInput{}, "GetResourcePolicy": &wire.GetResourcePolicyInput{}, "GetSecretValue": &wire.GetSecretValueInput{},
		"ListSecretVersionIds": &wire.ListSecretVersionIdsInput{}, "ListSecrets": &wire.ListSecretsInput{}, "PutResourcePolicy": &wire.PutResourcePolicyInput{},
		"PutSecretValue": &wire.PutSecretValueInput{}, "RemoveRegionsFromReplication": &wire.RemoveRegionsFromReplicationInput{},
		"ReplicateSecretToRegions": &wire.ReplicateSecretToRegionsInput{}, "RestoreSecret": &wire.RestoreSecretInput{}, "RotateSecret": &wire.RotateSecretInput{},
		"StopReplicationToReplica": &wire.StopReplicationToReplicaInput{}, "TagResource": &wire.TagResourceInput{}, "UntagResource": &wire.UntagResourceInput{},
		"UpdateSecret": &wire.UpdateSecretInput{}, "UpdateSecretVersionStage": &wire.UpdateSecretVersionStageInput{},
		"ValidateResourcePolicy": &wire.ValidateResourcePolicyInput{},
	}
}

// TestTheExampleOfTheDocsIsARealRecord: same members, same values but for
// times, ids and the end of the ARN.
func TestTheExampleOfTheDocsIsARealRecord(t *testing.T) {
	page, err := os.ReadFile("../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	text, _, ok := strings.Cut(rest, "```")
	var want map[string]any
	if err := json.Unmarshal([]byte(text), &want); !ok || err != nil {
		t.Fatalf("the page has no example: %v", err)
	}
	w := newWorld(t)
	send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"app/db","ClientRequestToken":"11111111-2222-4333-8444-555555555555","SecretString":"x"}`))
	r := w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"app/db","VersionStage":"AWSCURRENT"}`)
	r.Header.Set("User-Agent", "aws-cli/2.9.19")
	a := send(t, r)
	one := of(w.records(t), a)
	if len(one) != 1 {
		t.Fatalf("there are %d records", len(one))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(one[0].raw), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eventTime", "requestID", "eventID", "resources"} {
		if reflect.TypeOf(want[name]) != reflect.TypeOf(got[name]) || want[name] == nil {
			t.Errorf("%s is %v", name, got[name])
		}
		delete(want, name)
		delete(got, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-docs +real):\n%s", diff)
	}
	names := regexp.MustCompile(`"(\w+)":`)
	order := func(s string) (out []string) {
		for _, m := range names.FindAllStringSubmatch(s, -1) {
			out = append(out, m[1])
		}
		return out
	}
	if diff := cmp.Diff(order(text), order(one[0].raw)); diff != "" {
		t.Errorf("the order of the members (-docs +real):\n%s", diff)
	}
}
