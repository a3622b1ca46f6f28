package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

var aClaim = rota.Claim{Secret: rota.Key{Account: account, Region: "eu-west-1", ID: "id-7"}, Number: 41}

func TestASessionIsWhatWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.user("ann", all)
		before := w.db.updates.Load()
		creds := w.session(Request{Principal: ann, Policy: readOnly, Claim: aClaim, Duration: 5 * time.Minute, Name: "job-1"})
		if w.db.updates.Load() != before {
			t.Error("issuing wrote")
		}
		if !strings.HasPrefix(creds.AccessKeyID, "ASIA") || len(creds.AccessKeyID) != 20 || creds.Secret.Len() != 40 {
			t.Errorf("the credentials are %+v", creds)
		}
		if want := time.Now().Add(5 * time.Minute).Truncate(time.Second).UTC(); creds.Expires != want {
			t.Errorf("they expire %v, want %v", creds.Expires, want)
		}
		k, err := w.ofSession(creds)
		w.must(err)
		if !k.Secret.Equal(creds.Secret) || !k.Token.Equal(creds.Token) || k.Expires != creds.Expires {
			t.Error("the key is another one")
		}
		c := k.Caller
		if c.Principal != ann || c.Account != account || c.AccessKey != creds.AccessKeyID || c.Instance != "job-1" || c.Claim != aClaim {
			t.Errorf("the caller is %+v", c)
		}
		s := k.Identity.Session
		if s == nil || s.Policy.Text() != readOnly || s.Claim != aClaim || s.Name != "job-1" || len(k.Identity.Policies) != 1 {
			t.Errorf("the session is %+v", s)
		}
		if got := k.Identity.Context()[1]; got.Key != policy.TokenIssueTime || got.Value != time.Now().UTC().Format(time.RFC3339) {
			t.Errorf("it was issued %v", got)
		}
		if other := w.session(Request{Principal: ann}); other.AccessKeyID == creds.AccessKeyID || other.Secret.Equal(creds.Secret) || other.Token.Equal(creds.Token) {
			t.Error("two calls gave the same")
		}
	})
}

func TestASessionOutlivesARestartAndHoldsUnderItsSealingKeyOnly(t *testing.T) {
	w := newWorld(t)
	w.user("ann", all)
	creds := w.session(Request{Principal: ann, Policy: readOnly})
	w.Directory = New(w.store, w.sealer, w.rand)
	if _, err := w.ofSession(creds); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	w.Directory = New(w.store, newSealer(t), w.rand)
	k, err := w.ofSession(creds)
	w.unknown("with another sealing key", k, err)
}

func TestASessionIsWorthNothingForAnotherPrincipalOfTheSameName(t *testing.T) {
	w := newWorld(t)
	w.user("ann", all)
	creds := w.session(Request{Principal: ann})
	w.must(w.store.DeletePrincipal(t.Context(), caller, "ann", true))
	w.user("ann", all)
	k, err := w.ofSession(creds)
	w.unknown("the old one's", k, err)
}

// TestATokenThatWasChangedAnywhereIsNone flips every bit of a token.
func TestATokenThatWasChangedAnywhereIsNone(t *testing.T) {
	w := newWorld(t)
	w.user("ann", all)
	creds := w.session(Request{Principal: ann})
	token := string(creds.Token.Reveal())
	if _, err := w.ofSession(creds); err != nil { // from now on it is remembered
		t.Fatal(err)
	}
	for i := range token {
		for _, r := range "Aa0-_.=" {
			if byte(r) == token[i] {
				continue
			}
			k, err := w.of(creds.AccessKeyID, token[:i]+string(r)+token[i+1:])
			w.unknown(fmt.Sprint("changed at ", i), k, err)
		}
		k, err := w.of(creds.AccessKeyID, token[:i])
		w.unknown(fmt.Sprint("cut at ", i), k, err)
	}
	for _, more := range []string{"A", "=", " ", "\n", strings.Repeat("A", maxToken)} {
		k, err := w.of(creds.AccessKeyID, token+more)
		w.unknown("with more", k, err)
	}
	if _, err := w.ofSession(creds); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestWhatASessionCannotBeIsRefused(t *testing.T) {
	w := newWorld(t)
	w.user("ann", all)
	w.user("off", all)
	w.must(w.store.SetPrincipal(t.Context(), caller, "off", false, true))
	long := strings.Replace(readOnly, `"Effect"`, strings.Repeat(" ", MaxPolicyCharacters)+`"Effect"`, 1)
	for name, c := range map[string]struct {
		r    Request
		code rota.Code
	}{
		"nobody":                      {Request{}, rota.NotFound},
		"an unknown principal":        {Request{Principal: iam + "user/nobody"}, rota.NotFound},
		"a disabled principal":        {Request{Principal: iam + "user/off"}, rota.AccessDenied},
		"too short":                   {Request{Principal: ann, Duration: time.Second - 1}, rota.InvalidParameter},
		"negative":                    {Request{Principal: ann, Duration: -time.Hour}, rota.InvalidParameter},
		"too long":                    {Request{Principal: ann, Duration: MaxDuration + 1}, rota.InvalidParameter},
		"a policy that is not one":    {Request{Principal: ann, Policy: "{}"}, rota.MalformedPolicy},
		"a policy half understood":    {Request{Principal: ann, Policy: strings.Replace(readOnly, `"Effect"`, `"Effekt":1,"Effect"`, 1)}, rota.MalformedPolicy},
		"a policy that is too long":   {Request{Principal: ann, Policy: long}, rota.InvalidParameter},
		"a claim without a policy":    {Request{Principal: ann, Claim: aClaim}, rota.InvalidParameter},
		"a name that is none":         {Request{Principal: ann, Name: "a b"}, rota.InvalidParameter},
		"a name that breaks the line": {Request{Principal: ann, Name: "ab\n"}, rota.InvalidParameter},
		"a name of too many":          {Request{Principal: ann, Name: strings.Repeat("a", 65)}, rota.InvalidParameter},
	} {
		if got, err := w.IssueSession(t.Context(), c.r); rota.CodeOf(err) != c.code || got.AccessKeyID != "" {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
	for _, ok := range []Request{{Duration: time.Second}, {Duration: MaxDuration}, {Name: "a"}, {Policy: long[:len(readOnly)-1] + long[len(long)-1:]}} {
		ok.Principal = ann
		if ok.Policy != "" {
			ok.Policy = readOnly + strings.Repeat(" ", MaxPolicyCharacters-len(readOnly))
		}
		if _, err := w.IssueSession(t.Context(), ok); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
}

func TestACallerGetsASessionForItselfIfItMay(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", all)
	self := rota.Caller{Principal: ann, Account: account, AccessKey: made.ID}
	var asked string
	self.May = func(action string, on rota.Resource) error { asked = action + " " + on.ARN; return nil }
	creds, err := w.GetSessionToken(t.Context(), self, TokenRequest{Policy: readOnly, Duration: leastAsked, Name: "ci"})
	w.must(err)
	if want := "rota:GetSessionToken " + ann; asked != want {
		t.Errorf("authorised as %q, want %q", asked, want)
	}
	if k, err := w.ofSession(creds); err != nil || k.Identity.Session.Policy.Text() != readOnly || k.Caller.Claim.Held() {
		t.Errorf("got %v, %v", k, err)
	}
	for name, c := range map[string]struct {
		change func(*rota.Caller, *TokenRequest)
		code   rota.Code
		text   string
	}{
		"who may not": {func(c *rota.Caller, _ *TokenRequest) {
			c.May = func(string, rota.Resource) error { return rota.E(rota.AccessDenied, "no") }
		}, rota.AccessDenied, "no"},
		"of whom nobody said what it may": {func(c *rota.Caller, _ *TokenRequest) { c.May = nil }, rota.Internal, "nobody said what the caller with the key " + made.ID + " may do"},
		"with temporary credentials":      {func(c *rota.Caller, _ *TokenRequest) { c.AccessKey = creds.AccessKeyID }, rota.AccessDenied, "Cannot call GetSessionToken with session credentials"},
		"for too short":                   {func(_ *rota.Caller, r *TokenRequest) { r.Duration = leastAsked - 1 }, rota.InvalidParameter, "The duration must be from 900 to 129600 seconds."},
		"for too long":                    {func(_ *rota.Caller, r *TokenRequest) { r.Duration = MaxDuration + 1 }, rota.InvalidParameter, "The duration must be from 1 to 129600 seconds."},
	} {
		c2, r := self, TokenRequest{}
		c.change(&c2, &r)
		_, err := w.GetSessionToken(t.Context(), c2, r)
		var e *rota.Error
		if rota.CodeOf(err) != c.code || !errors.As(err, &e) || e.Message != c.text {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllowWritesAPolicyOfJustThat(t *testing.T) {
	arn := "arn:aws:secretsmanager:eu-west-1:" + account + ":secret:app/db-AbCdEf"
	p, err := policy.ParseIdentity("p", Allow([]string{"secretsmanager:GetSecretValue"}, arn))
	if err != nil {
		t.Fatal(err)
	}
	who, err := policy.ParsePrincipal(ann)
	if err != nil {
		t.Fatal(err)
	}
	everything, err := policy.ParseIdentity("all", all)
	if err != nil {
		t.Fatal(err)
	}
	for action, on := range map[string]map[string]bool{
		"secretsmanager:GetSecretValue": {arn: true, arn + "x": false, "*": false},
		"secretsmanager:PutSecretValue": {arn: false},
	} {
		for resource, want := range on {
			d := policy.Evaluate(&policy.Request{Principal: who, Action: action, Resource: resource, Session: p}, []*policy.Policy{everything}, nil)
			if d.Allowed != want {
				t.Errorf("%s on %s: %v", action, resource, d.Reason())
			}
		}
	}
}

// TestNothingThatIsPrintedTellsASecret: credentials, keys, identities and the
// directory itself, in every form.
func TestNothingThatIsPrintedTellsASecret(t *testing.T) {
	w := newWorld(t)
	made := w.user("ann", all)
	creds := w.session(Request{Principal: ann, Policy: readOnly})
	known, err := w.of(made.ID, "")
	w.must(err)
	temporary, err := w.ofSession(creds)
	w.must(err)
	var out strings.Builder
	for _, v := range []any{creds, &creds, known, &known, temporary, known.Identity, temporary.Identity, w.Directory, w.keys[made.ID], w.sessions.m[creds.AccessKeyID], made} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		out.WriteString(string(b) + fmt.Sprint(err))
	}
	_, err = w.of(creds.AccessKeyID, string(creds.Token.Reveal())+"x")
	out.WriteString(fmt.Sprint(err))
	text := out.String()
	for what, v := range map[string]rota.Value{"the key's secret": made.Secret, "the session's secret": creds.Secret, "the token": creds.Token} {
		mark := string(v.Reveal())
		for _, form := range []string{mark, mark[8:24], fmt.Sprintf("%x", mark[8:24]), strings.Trim(fmt.Sprint([]byte(mark[8:24])), "[]")} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				t.Errorf("%s is told", what)
			}
		}
	}
	if !strings.Contains(text, made.ID) {
		t.Error("nothing was printed")
	}
}
