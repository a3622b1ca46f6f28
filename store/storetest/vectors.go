package storetest

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

//go:embed testdata/*.yaml
var vectorFiles embed.FS

// vector is one fact: in a state, a request gets an answer and leaves a
// state.
type vector struct {
	Guards  string           // what it guards, as a sentence
	Source  string           // where the fact comes from
	Given   []map[string]any // requests that lead to the state; all must succeed
	Request map[string]any
	Answer  map[string]any // Error and Message, or members of the answer; ~ is "absent", and {} an answer without members
	State   map[string]any // afterwards; see state
	Wire    map[string]any // the answer over the wire, where the service model forbids the request
}

// request is what any request of a vector may have.
type request struct {
	SecretId, Name, Token, SecretString, SecretBinary string //nolint:revive // AWS's names
	Description, KmsKeyId, Type                       *string
	VersionId, VersionStage, RemoveFrom, MoveTo       string
	VersionStages, Keys, SecretIds                    []string
	Tags                                              map[string]string
	RotationToken                                     string
	Window                                            *int64
	Force, IncludeDeprecated, IncludeDeleted          bool
	Lambda                                            *string
	Rules                                             *rota.Rules
	Immediately                                       *bool
	Metadata                                          map[string]string
	Filters                                           map[string][]string
	MaxResults                                        int
	NextToken, SortBy, By                             string
	Descending                                        bool
	Claimed                                           bool // the caller holds the claim
	Length                                            *int64
	Exclude                                           string
	ExcludeAll                                        bool
	For, Cause                                        string
	Region                                            string              // where the request goes; "" is home
	Replicas                                          []map[string]string // AddReplicaRegions: Region, KmsKeyId
	Regions                                           []string            // RemoveReplicaRegions
	Overwrite, BlockPublic                            bool
	Policy                                            string
}

// asker runs the requests of one vector.
type asker struct {
	*World
	API
	byWire bool
	engine rota.Caller
	next   string // the last NextToken
}

// padding makes v1 the name of a version that the service model allows. No
// answer is compared with it.
const padding = "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"

func padded(id string) string {
	if id == "" {
		return ""
	}
	return id + padding
}

func vectors(t *testing.T, begin func(*testing.T) *asker) {
	files, err := vectorFiles.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := vectorFiles.ReadFile("testdata/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		var list []vector
		if err := yaml.UnmarshalWithOptions(text, &list, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		t.Run(strings.TrimSuffix(f.Name(), ".yaml"), func(t *testing.T) {
			for _, v := range list {
				t.Run(v.Guards, func(t *testing.T) { v.run(t, begin(t)) })
			}
		})
	}
}

func (v vector) run(t *testing.T, a *asker) {
	t.Helper()
	if v.Source == "" || v.Guards == "" || v.Request == nil || v.Answer == nil {
		t.Fatal("a vector needs guards, source, request and answer")
	}
	if a.byWire && v.Wire != nil {
		v.Answer = v.Wire
	}
	for i, r := range v.Given {
		if _, err := a.ask(r); err != nil {
			t.Fatalf("given %d, %v: %v", i+1, r, err)
		}
	}
	got, err := a.ask(v.Request)
	if err != nil {
		var e *rota.Error
		if !errors.As(err, &e) || v.Answer["Error"] == nil {
			t.Fatal(err)
		}
		got = map[string]any{"Error": string(e.Code), "Message": e.Message}
	} else if v.Answer["Error"] != nil {
		t.Fatalf("want the error %v, got the answer %v", v.Answer, got)
	}
	if len(v.Answer) == 0 && len(got) > 0 {
		t.Errorf("the answer has members that the vector does not tell of: %v", got)
	}
	a.compare("answer", v.Answer, got)
	a.checkState(v.State)
}

// compare looks at the members that are wanted; nil is "not there".
func (a *asker) compare(what string, want, got map[string]any) {
	a.T.Helper()
	for k, w := range want {
		have, there := got[k]
		if w == nil {
			if there && !reflect.ValueOf(have).IsZero() {
				a.T.Errorf("%s: %s must be absent, is %v", what, k, have)
			}
			continue
		}
		if diff := cmp.Diff(a.plain(w), a.plain(have)); diff != "" {
			a.T.Errorf("%s: %s (-want +got):\n%s", what, k, diff)
		}
	}
}

// plain is a value as JSON would have it, with the ARN of the secret s under
// the name <ARN>, and of its replicas <ARN in region>.
func (a *asker) plain(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		a.T.Fatal(err)
	}
	b = named(bytes.ReplaceAll(b, []byte(padding), nil))
	if s, err := a.World.DescribeSecret(a.T.Context(), Caller, store.DescribeSecretInput{SecretID: "s"}); err == nil {
		b = bytes.ReplaceAll(b, []byte(s.ARN()), []byte("<ARN>"))
		for _, r := range []string{There, Elsewhere} {
			b = bytes.ReplaceAll(b, []byte(strings.Replace(s.ARN(), Region, r, 1)), []byte("<ARN in "+r+">"))
		}
	}
	var out any
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&out); err != nil {
		a.T.Fatal(err)
	}
	if s, ok := out.(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

// ask runs one request: a map with one entry, the operation.
func (a *asker) ask(r map[string]any) (map[string]any, error) {
	a.T.Helper()
	if len(r) != 1 {
		a.T.Fatalf("a request is one operation: %v", r)
	}
	for op, in := range r {
		b, err := json.Marshal(in)
		if err != nil {
			a.T.Fatal(err)
		}
		q := request{SecretId: "s"}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&q); err != nil {
			a.T.Fatalf("%s: %v", op, err)
		}
		q.SecretId = strings.ReplaceAll(q.SecretId, "<ARN>", a.arn())
		q.SecretId = strings.ReplaceAll(q.SecretId, "<ARN there>", strings.Replace(a.arn(), Region, There, 1))
		q.Token, q.VersionId, q.RemoveFrom, q.MoveTo = padded(q.Token), padded(q.VersionId), padded(q.RemoveFrom), padded(q.MoveTo)
		q.Policy = document(q.Policy)
		f, ok := operations[op]
		if !ok {
			f, ok = regionOperations[op]
		}
		if !ok {
			a.T.Fatalf("there is no operation %q", op)
		}
		c := Caller
		if q.Claimed {
			c = a.engine
		}
		if q.Region != "" {
			c.Region = q.Region
		}
		if q.SecretString != "" && q.SecretBinary != "" {
			return nil, a.bothValues(c, op, q)
		}
		return f(a, c, q)
	}
	return nil, nil
}

func (a *asker) arn() string {
	s, err := a.World.DescribeSecret(a.T.Context(), Caller, store.DescribeSecretInput{SecretID: "s"})
	if err != nil {
		return "<ARN>"
	}
	return s.ARN()
}

func (q request) value() rota.Value {
	switch {
	case q.SecretBinary != "":
		return rota.BinaryValue([]byte(q.SecretBinary))
	case q.SecretString != "":
		return rota.StringValue(q.SecretString)
	}
	return rota.Value{}
}

// bothValues sends a request with a string and a binary, which an input of the
// store cannot hold: only a protocol can be asked that.
func (a *asker) bothValues(c rota.Caller, op string, q request) error {
	by, ok := a.API.(Sender)
	if !ok {
		a.T.Skip("an input of the store has one value")
	}
	in := map[string]any{"ClientRequestToken": q.Token, "SecretString": q.SecretString, "SecretBinary": []byte(q.SecretBinary)}
	if op == "CreateSecret" {
		in["Name"] = q.SecretId
	} else {
		in["SecretId"] = q.SecretId
	}
	return by.Send(a.T.Context(), c, op, in)
}

func tags(m map[string]string) []rota.Tag {
	var out []rota.Tag
	for k, v := range m {
		out = append(out, rota.Tag{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b rota.Tag) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type answer = map[string]any

var operations = map[string]func(*asker, rota.Caller, request) (answer, error){
	"CreateSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		name := q.Name
		if name == "" {
			name = q.SecretId
		}
		o, err := a.CreateSecret(a.T.Context(), c, store.CreateSecretInput{
			Name: name, ClientRequestToken: q.Token, Value: q.value(), Description: deref(q.Description), KMSKeyID: deref(q.KmsKeyId), Type: deref(q.Type), Tags: tags(q.Tags),
			Regions: q.replicas(), Overwrite: q.Overwrite,
		})
		return answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID, "ReplicationStatus": replicas(o.Replicas)}, err
	},
	"PutSecretValue": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.PutSecretValue(a.T.Context(), c, store.PutSecretValueInput{SecretID: q.SecretId, ClientRequestToken: q.Token, Value: q.value(), VersionStages: q.VersionStages, RotationToken: q.RotationToken})
		return answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID, "VersionStages": o.VersionStages}, err
	},
	"GetSecretValue": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.GetSecretValue(a.T.Context(), c, store.GetSecretValueInput{SecretID: q.SecretId, VersionID: q.VersionId, VersionStage: q.VersionStage})
		out := answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID, "VersionStages": o.VersionStages, "CreatedDate": o.Created}
		switch o.Value.Kind() {
		case rota.KindString:
			out["SecretString"] = string(o.Value.Reveal())
		case rota.KindBinary:
			out["SecretBinary"] = string(o.Value.Reveal())
		}
		return out, err
	},
	"BatchGetSecretValue": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.BatchGetSecretValue(a.T.Context(), c, store.BatchGetSecretValueInput{SecretIDs: q.SecretIds, Filters: filters(q.Filters), MaxResults: q.MaxResults, NextToken: a.token(q)})
		var values, errs []string
		for _, v := range o.Values {
			values = append(values, v.Name+"="+string(v.Value.Reveal()))
		}
		for _, e := range o.Errors {
			errs = append(errs, fmt.Sprintf("%s: %s: %s", e.SecretID, e.Code, e.Message))
		}
		return answer{"Values": values, "Errors": errs, "NextToken": o.NextToken}, err
	},
	"UpdateSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.UpdateSecret(a.T.Context(), c, store.UpdateSecretInput{SecretID: q.SecretId, ClientRequestToken: q.Token, Value: q.value(), Description: q.Description, KMSKeyID: q.KmsKeyId, Type: q.Type})
		return answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID}, err
	},
	"UpdateSecretVersionStage": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.UpdateSecretVersionStage(a.T.Context(), c, store.UpdateSecretVersionStageInput{SecretID: q.SecretId, VersionStage: q.VersionStage, RemoveFromVersionID: q.RemoveFrom, MoveToVersionID: q.MoveTo})
		return answer{"ARN": o.ARN, "Name": o.Name}, err
	},
	"DescribeSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		s, err := a.DescribeSecret(a.T.Context(), c, store.DescribeSecretInput{SecretID: q.SecretId})
		if err != nil {
			return nil, err
		}
		return described(s), nil
	},
	"ListSecretVersionIds": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.ListSecretVersionIds(a.T.Context(), c, store.ListSecretVersionIDsInput{SecretID: q.SecretId, MaxResults: q.MaxResults, NextToken: a.token(q), IncludeDeprecated: q.IncludeDeprecated})
		var list []string
		for _, v := range o.Versions {
			list = append(list, strings.TrimSpace(v.ID+" "+strings.Join(v.Labels, ",")))
		}
		a.next = o.NextToken
		return answer{"Versions": list, "NextToken": o.NextToken}, err
	},
	"ListSecrets": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.ListSecrets(a.T.Context(), c, store.ListSecretsInput{
			Filters: filters(q.Filters), IncludePlannedDeletion: q.IncludeDeleted, MaxResults: q.MaxResults, NextToken: a.token(q),
			SortBy: store.SecretOrder(q.SortBy), Descending: q.Descending,
		})
		var names []string
		for _, s := range o.Secrets {
			names = append(names, s.Name)
		}
		a.next = o.NextToken
		return answer{"Names": names, "NextToken": o.NextToken}, err
	},
	"DeleteSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.DeleteSecret(a.T.Context(), c, store.DeleteSecretInput{SecretID: q.SecretId, RecoveryWindowInDays: q.Window, ForceDeleteWithoutRecovery: q.Force})
		return answer{"ARN": o.ARN, "Name": o.Name, "DeletionDate": o.DeletionDate}, err
	},
	"RestoreSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.RestoreSecret(a.T.Context(), c, q.SecretId)
		return answer{"ARN": o.ARN, "Name": o.Name}, err
	},
	"TagResource": func(a *asker, c rota.Caller, q request) (answer, error) {
		return answer{}, a.TagResource(a.T.Context(), c, q.SecretId, tags(q.Tags))
	},
	"UntagResource": func(a *asker, c rota.Caller, q request) (answer, error) {
		return answer{}, a.UntagResource(a.T.Context(), c, q.SecretId, q.Keys)
	},
	"RotateSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		var metadata []rota.MetadataItem
		for k, v := range q.Metadata {
			metadata = append(metadata, rota.MetadataItem{Key: k, Value: v})
		}
		o, err := a.RotateSecret(a.T.Context(), c, store.RotateSecretInput{
			SecretID: q.SecretId, ClientRequestToken: q.Token, RotationLambdaARN: q.Lambda, RotationRules: q.Rules, RotateImmediately: q.Immediately, Metadata: metadata,
		})
		return answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID}, err
	},
	"CancelRotateSecret": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.CancelRotateSecret(a.T.Context(), c, q.SecretId)
		return answer{"ARN": o.ARN, "Name": o.Name, "VersionId": o.VersionID}, err
	},
	"GetRandomPassword": func(a *asker, c rota.Caller, q request) (answer, error) {
		v, err := a.GetRandomPassword(a.T.Context(), c, store.GetRandomPasswordInput{
			PasswordLength: q.Length, ExcludeCharacters: q.Exclude,
			ExcludeNumbers: q.ExcludeAll, ExcludePunctuation: q.ExcludeAll, ExcludeUppercase: q.ExcludeAll, ExcludeLowercase: q.ExcludeAll,
		})
		return answer{"Length": v.Len()}, err
	},
	// The rest is the test's own.
	"Advance": func(a *asker, _ rota.Caller, q request) (answer, error) {
		d, err := time.ParseDuration(q.By)
		a.Clock.Advance(d)
		return nil, err
	},
	"Claim": func(a *asker, c rota.Caller, q request) (answer, error) {
		claim, _, err := a.Claim(a.T.Context(), c, store.ClaimRequest{Secret: a.Describe(q.SecretId).Key, Owner: "node", Use: "rotate", For: time.Minute})
		a.engine = Caller
		a.engine.Claim = claim
		return nil, err
	},
	"Release": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.Release(a.T.Context(), a.engine.Claim)
	},
	"Begin": func(a *asker, _ rota.Caller, q request) (answer, error) {
		_, err := a.Begin(a.T.Context(), a.engine, q.Token, "schedule", false)
		return nil, err
	},
	"MarkTouched": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.MarkTouched(a.T.Context(), a.engine)
	},
	"Complete": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.Complete(a.T.Context(), a.engine)
	},
	"CompleteTest": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.CompleteTest(a.T.Context(), a.engine)
	},
	"Abandon": func(a *asker, _ rota.Caller, q request) (answer, error) {
		return nil, a.Abandon(a.T.Context(), a.engine, q.Cause)
	},
	"Resolved": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.Resolved(a.T.Context(), a.engine)
	},
	"Retry": func(a *asker, _ rota.Caller, q request) (answer, error) {
		d, err := time.ParseDuration(q.For)
		a.Must(err)
		return nil, a.Retry(a.T.Context(), a.engine, a.Clock.Now().Add(d), rota.SetSecret, q.Cause)
	},
	"GiveUp": func(a *asker, _ rota.Caller, q request) (answer, error) {
		return nil, a.GiveUp(a.T.Context(), a.engine, rota.SetSecret, q.Cause)
	},
	"Purge": func(a *asker, _ rota.Caller, _ request) (answer, error) {
		return nil, a.Purge(a.T.Context())
	},
}

// token is the page to go on with: "next" is where the last list stopped.
func (a *asker) token(q request) string {
	if q.NextToken == "next" {
		return a.next
	}
	return q.NextToken
}

func filters(m map[string][]string) []store.Filter {
	var out []store.Filter
	for k, v := range m {
		out = append(out, store.Filter{Key: k, Values: v})
	}
	slices.SortFunc(out, func(a, b store.Filter) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// described is a secret with AWS's names; what has no value is not in it.
func described(s rota.Secret) answer {
	out := answer{"ARN": s.ARN(), "Name": s.Name, "CreatedDate": s.Created, "LastChangedDate": s.Changed}
	add := func(name string, v any) {
		if !reflect.ValueOf(v).IsZero() {
			out[name] = v
		}
	}
	add("Description", s.Description)
	add("KmsKeyId", s.KMSKeyID)
	add("Type", s.Type)
	add("LastAccessedDate", s.Accessed)
	add("DeletedDate", s.DeletionDate)
	add("RotationLambdaARN", s.Rotation.Function)
	add("LastRotatedDate", s.Rotation.Last)
	add("NextRotationDate", s.Rotation.Next)
	add("VersionIdsToStages", s.Stages)
	add("PrimaryRegion", s.PrimaryRegion)
	add("ReplicationStatus", replicas(s.Replicas))
	if s.Rotation.Configured {
		out["RotationEnabled"] = s.Rotation.Enabled
	}
	if !s.Rotation.Rules.IsZero() {
		out["RotationRules"] = s.Rotation.Rules
	}
	if s.EverTagged {
		list := []string{}
		for _, t := range s.Tags {
			list = append(list, t.Key+"="+t.Value)
		}
		out["Tags"] = list
	}
	return out
}

// checkState compares the state of the secret s at home, and under In that of
// the secret s in other regions.
func (a *asker) checkState(want map[string]any) {
	a.T.Helper()
	a.checkStateIn(Caller, want) // first: a value that is read leaves its date
	for region, w := range sub(want, "In") {
		there, _ := w.(map[string]any)
		a.checkStateIn(In(region), there)
	}
}

func sub(m map[string]any, key string) map[string]any {
	out, _ := m[key].(map[string]any)
	return out
}

// checkStateIn compares members of DescribeSecret, and Stages (labels by
// version), Unlisted (versions without a label), Values (by version, "-" for
// none), Policy, Task, Secret ("gone"). All but the task is asked as the
// request was: what a client can see must be what is there.
func (a *asker) checkStateIn(c rota.Caller, want map[string]any) {
	a.T.Helper()
	what := "state in " + c.Region
	got := answer{}
	s, err := a.DescribeSecret(a.T.Context(), c, store.DescribeSecretInput{SecretID: "s"})
	if err != nil {
		got["Secret"] = "gone"
		a.compare(what, without(want, "In"), got)
		return
	}
	got = described(s)
	got["Stages"] = s.Stages
	list, err := a.ListSecretVersionIds(a.T.Context(), c, store.ListSecretVersionIDsInput{SecretID: "s", IncludeDeprecated: true})
	a.Must(err)
	unlisted := []string{}
	values := map[string]string{}
	for _, v := range list.Versions {
		if v.Labels == nil {
			unlisted = append(unlisted, v.ID)
		}
		if want["Values"] == nil {
			continue
		}
		values[v.ID] = "-"
		if v, err := a.GetSecretValue(a.T.Context(), c, store.GetSecretValueInput{SecretID: "s", VersionID: v.ID}); err == nil {
			values[v.VersionID] = string(v.Value.Reveal())
		}
	}
	got["Unlisted"], got["Values"] = unlisted, values
	if _, ok := want["Policy"]; ok {
		o, err := a.GetResourcePolicy(a.T.Context(), c, "s")
		a.Must(err)
		got["Policy"] = o.Document
	}
	// The queue is the store's own: no operation shows it.
	if t, err := a.Task(a.T.Context(), a.keyIn(c)); err == nil {
		task := answer{"Kind": t.Kind, "Token": t.Token, "Resolve": t.Resolve, "Attempt": t.Attempt, "Touched": t.Touched}
		if !t.Due.IsZero() {
			task["Due"] = t.Due
		}
		wantTask, _ := want["Task"].(map[string]any)
		a.compare("task", wantTask, task)
	} else if want["Task"] != nil {
		a.T.Errorf("there is no task: %v", err)
	}
	a.compare(what, without(want, "Task", "In"), got)
}

// keyIn is the key of the secret s, which no answer has.
func (a *asker) keyIn(c rota.Caller) rota.Key {
	a.T.Helper()
	s, err := a.World.DescribeSecret(a.T.Context(), c, store.DescribeSecretInput{SecretID: "s"})
	a.Must(err)
	return s.Key
}

func without(m map[string]any, keys ...string) map[string]any {
	out := answer{}
	for k, v := range m {
		if !slices.Contains(keys, k) {
			out[k] = v
		}
	}
	return out
}
