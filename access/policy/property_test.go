package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rotahq/rota/access/policy"
)

// world makes policies and requests from few words, so that they often meet.
type world struct{ *rand.Rand }

func pick[T any](w world, list ...T) T { return list[w.IntN(len(list))] }

// some is one to three of a list, as a string or a list.
func some[T any](w world, list ...T) any {
	n := 1 + w.IntN(3)
	if n == 1 && w.IntN(2) == 0 {
		return pick(w, list...)
	}
	var out []any
	for range n {
		out = append(out, pick(w, list...))
	}
	return out
}

var (
	worldPrincipals = []string{
		"arn:aws:iam::123456789012:user/team/ada", "arn:aws:iam::123456789012:user/bob", "arn:aws:iam::123456789012:root",
		"arn:aws:iam::123456789012:role/app", "arn:aws:sts::123456789012:assumed-role/app/one", "arn:aws:sts::123456789012:assumed-role/app/two",
		"arn:aws:iam::999999999999:user/eve", "arn:aws:iam::999999999999:root",
	}
	worldActions   = []string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "rota:Status", "lambda:InvokeFunction"}
	worldResources = []string{
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf", "arn:aws:secretsmanager:us-east-1:123456789012:secret:ada/x-AbCdEf",
		"arn:aws:secretsmanager:eu-west-1:999999999999:secret:a*-AbCdEf", "arn:aws:lambda:eu-west-1:123456789012:function:rot:prod", "*",
	}
	worldTexts = []string{"ada", "app", "prod", "Prod", "", "a*", "30", "7", "AWSCURRENT", "true"}
)

// mixed joins texts with elements of other types.
func mixed(list []string, more ...any) []any {
	var out []any
	for _, s := range list {
		out = append(out, s)
	}
	return append(out, more...)
}

func (w world) condition() map[string]any {
	texts := mixed(worldTexts, "a?a", "*d", "${aws:username}", "x${aws:RequestTag/team, 'ada'}", "${*}", "${aws:ResourceTag/env}", 30, true)
	arns := []any{
		"arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:role/app", "arn:*:*:*:*:*${aws:username}*", "arn:aws:secretsmanager:e*-1:?23456789012:secret:*",
		"arn:aws:lambda:*:123456789012:function:rot", "arn:aws:iam::1*2:user/team/ad?",
	}
	type choice struct {
		ops  []string
		keys []string
		want []any
	}
	tags := []string{"aws:ResourceTag/env", "secretsmanager:ResourceTag/Env", "aws:RequestTag/env", "aws:RequestTag/team"}
	c := pick(w,
		choice{[]string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"}, append(tags, "aws:username", "secretsmanager:Name", "secretsmanager:VersionStage", "aws:PrincipalType", "aws:PrincipalAccount"), texts},
		choice{[]string{"ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringNotLike", "ForAnyValue:StringNotEquals"}, append(tags, "aws:TagKeys", "secretsmanager:AddReplicaRegions", "secretsmanager:VersionStage"), texts},
		choice{[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}, []string{"aws:PrincipalArn", "secretsmanager:SecretId", "secretsmanager:RotationLambdaARN"}, arns},
		choice{[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"}, []string{"secretsmanager:RecoveryWindowInDays", "aws:ResourceTag/env"}, []any{7, "30", "7.5", -1}},
		choice{[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"}, []string{"aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime"}, []any{"2026-11-23T10:00:00Z", "2026-11-23", 1795428000, "2026-11"}},
		choice{[]string{"Bool"}, []string{"aws:SecureTransport", "aws:ViaAWSService", "secretsmanager:BlockPublicPolicy"}, []any{"true", false, "false", true}},
		choice{[]string{"BinaryEquals"}, []string{"secretsmanager:Name"}, []any{"YWRh", "YXBw"}},
		choice{[]string{"IpAddress", "NotIpAddress"}, []string{"aws:SourceIp"}, []any{"10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"}},
		choice{[]string{"Null"}, append(tags, "aws:TokenIssueTime", "aws:username", "aws:TagKeys"), []any{"true", "false"}},
	)
	op := pick(w, c.ops...)
	if op != "Null" && w.IntN(4) == 0 {
		op += "IfExists"
	}
	return map[string]any{op: map[string]any{pick(w, c.keys...): some(w, c.want...)}}
}

func (w world) statement(resource bool) map[string]any {
	s := map[string]any{"Effect": pick(w, "Allow", "Allow", "Deny")}
	s[pick(w, "Action", "Action", "NotAction")] = some(w, append(worldActions, "*", "secretsmanager:*", "*:*", "SECRETSMANAGER:get*", "rota:Statu?", "lambda:*")...)
	s[pick(w, "Resource", "Resource", "NotResource")] = some(w, append(worldResources,
		"*", "arn:aws:secretsmanager:*:*:secret:*", "arn:aws:secretsmanager:*:123456789012:secret:app/db-??????", "arn:aws:secretsmanager:eu*",
		"arn:aws:secretsmanager:e*1:1*2:secret:${aws:username}/*", "arn:aws:secretsmanager:*:*:secret:a${*}-*", "arn:aws:secretsmanager:*:*:*${aws:ResourceTag/env, 'db'}-*")...)
	if w.IntN(2) == 0 {
		c := map[string]any{}
		for range 1 + w.IntN(2) {
			for op, keys := range w.condition() {
				c[op] = keys
			}
		}
		s["Condition"] = c
	}
	if resource {
		who := pick(w, any("*"), any(map[string]any{"AWS": some(w, append(worldPrincipals, "123456789012", "*")...), "Service": "appsync.amazonaws.com"}))
		s["Principal"] = who
		if s["Effect"] == "Deny" && w.IntN(3) == 0 {
			delete(s, "Principal")
			s["NotPrincipal"] = map[string]any{"AWS": append([]any{"123456789012"}, mixed(worldPrincipals[:1+w.IntN(len(worldPrincipals))])...)}
		}
	}
	return s
}

func (w world) document(resource bool) string {
	var list []any
	for range 1 + w.IntN(3) {
		list = append(list, w.statement(resource))
	}
	return document(pick(w, "2012-10-17", "2012-10-17", "2008-10-17"), list...)
}

func document(version string, statements ...any) string {
	b, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// request gives the role of a session beside it.
func (w world) request(t testing.TB) (r *policy.Request, role string) {
	r = &policy.Request{
		Principal: principal(t, pick(w, worldPrincipals...)), Action: pick(w, worldActions...), Resource: pick(w, worldResources...),
		Time: pick(w, time.Unix(1795428000, 0), time.Unix(1795427999, 0), time.Unix(1795392000, 0)),
	}
	if a := r.Principal.ARN(); a == worldPrincipals[4] || a == worldPrincipals[5] {
		role = worldPrincipals[3]
	}
	add := func(k policy.Key, tag string, values ...string) {
		for _, v := range values {
			if w.IntN(2) == 0 {
				r.Context = append(r.Context, policy.Attribute{Key: k, Tag: tag, Value: v})
			}
		}
	}
	text := func() string { return pick(w, worldTexts...) }
	add(policy.ResourceTag, "env", text())
	add(policy.ResourceTag, pick(w, "Env", "team"), text())
	add(policy.RequestTag, "env", text())
	add(policy.RequestTag, "team", text())
	add(policy.TagKeys, "", "env", "a*", "ada")
	add(policy.AddReplicaRegions, "", "prod", "app")
	add(policy.VersionStage, "", "AWSCURRENT", "prod")
	add(policy.Name, "", text())
	add(policy.SecretId, "", pick(w, append(worldResources, "app/db")...))
	add(policy.RotationLambdaARN, "", worldResources[3])
	add(policy.RecoveryWindowInDays, "", pick(w, "7", "30"))
	add(policy.TokenIssueTime, "", pick(w, "2026-11-23T10:00:00Z", "2026-10-23T10:00:00Z"))
	add(policy.SecureTransport, "", pick(w, "true", "false"))
	add(policy.BlockPublicPolicy, "", pick(w, "true", "false"))
	add(policy.SourceIp, "", pick(w, "10.1.2.3", "2001:db8::1", "192.0.2.1"))
	return r, role
}

// decision is a Decision in the words of naive.
func decision(d policy.Decision) string {
	switch {
	case d.Allowed:
		return "allow"
	case d.Explicit:
		return "deny"
	}
	return "none"
}

// trials runs a property on many worlds, each with a seed that repeats it.
func trials(t *testing.T, n int, property func(*testing.T, world)) {
	for seed := range n {
		property(t, world{rand.New(rand.NewPCG(uint64(seed), 1))})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestTheEvaluatorAgreesWithANaiveOne(t *testing.T) {
	seen := map[string]int{}
	trials(t, 6000, func(t *testing.T, w world) {
		texts, resource := []string{}, ""
		var identities []*policy.Policy
		for range w.IntN(3) {
			text := w.document(false)
			texts, identities = append(texts, text), append(identities, identity(t, text))
		}
		if w.IntN(2) == 0 {
			resource = w.document(true)
		}
		r, role := w.request(t)
		got := decision(policy.Evaluate(r, identities, attached(t, resource)))
		seen[got]++
		if want := naiveOf(r, role).decide(texts, resource); got != want {
			t.Errorf("got %s, want %s\nrequest %+v\nidentity %s\nresource %s", got, want, r, texts, resource)
		}
	})
	for _, d := range []string{"allow", "deny", "none"} {
		if seen[d] < 300 {
			t.Errorf("only %d trials end in %q: the worlds meet too rarely", seen[d], d)
		}
	}
}

func TestADenyNeverAllows(t *testing.T) {
	trials(t, 3000, func(t *testing.T, w world) {
		r, _ := w.request(t)
		resource := w.IntN(2) == 0
		before := []any{w.statement(resource), w.statement(resource)}
		more := w.statement(resource)
		more["Effect"] = "Deny"
		a, b := w.both(t, r, resource, before), w.both(t, r, resource, append(before, more))
		if b == "allow" && a != "allow" || a == "deny" && b != "deny" {
			t.Errorf("%s became %s", a, b)
		}
	})
}

func TestAnAllowNeverDenies(t *testing.T) {
	trials(t, 3000, func(t *testing.T, w world) {
		r, _ := w.request(t)
		resource := w.IntN(2) == 0
		before := []any{w.statement(resource), w.statement(resource)}
		more := w.statement(resource)
		if more["NotPrincipal"] != nil {
			return
		}
		more["Effect"] = "Allow"
		a, b := w.both(t, r, resource, before), w.both(t, r, resource, append(before, more))
		if a == "allow" && b != "allow" || b == "deny" && a != "deny" {
			t.Errorf("%s became %s", a, b)
		}
	})
}

func TestTheOrderOfStatementsDoesNotMatter(t *testing.T) {
	trials(t, 3000, func(t *testing.T, w world) {
		r, _ := w.request(t)
		resource := w.IntN(2) == 0
		list := []any{w.statement(resource), w.statement(resource), w.statement(resource)}
		a := w.both(t, r, resource, list)
		slices.Reverse(list)
		if b := w.both(t, r, resource, list); a != b {
			t.Errorf("%s became %s", a, b)
		}
	})
}

func TestStatementsMayStandInOnePolicyOrInSeveral(t *testing.T) {
	trials(t, 3000, func(t *testing.T, w world) {
		r, _ := w.request(t)
		a, b := w.statement(false), w.statement(false)
		one := policy.Evaluate(r, []*policy.Policy{identity(t, document("2012-10-17", a, b))}, nil)
		two := policy.Evaluate(r, []*policy.Policy{identity(t, document("2012-10-17", b)), identity(t, document("2012-10-17", a))}, nil)
		if decision(one) != decision(two) {
			t.Errorf("%v and %v", one, two)
		}
	})
}

// both decides by one policy of either kind; the other side is empty.
func (w world) both(t *testing.T, r *policy.Request, resource bool, statements []any) string {
	text := document("2012-10-17", statements...)
	if resource {
		return decision(policy.Evaluate(r, nil, attached(t, text)))
	}
	return decision(policy.Evaluate(r, []*policy.Policy{identity(t, text)}, nil))
}

func TestTheExplanationAgreesWithTheDecision(t *testing.T) {
	trials(t, 5000, func(t *testing.T, w world) {
		r, _ := w.request(t)
		i, a := identity(t, w.document(false)), attached(t, w.document(true))
		d, verdicts := policy.Explain(r, []*policy.Policy{i}, a)
		if d != policy.Evaluate(r, []*policy.Policy{i}, a) {
			t.Error("the decisions differ")
		}
		if len(verdicts) != i.Statements()+a.Statements() {
			t.Fatalf("%d verdicts", len(verdicts))
		}
		denies, found := false, d.Statement == 0
		for _, v := range verdicts {
			denies = denies || v.Applies && v.Effect == "Deny"
			if v.Applies && v.Policy == d.Policy && v.Statement == d.Statement && v.By == d.By && (v.Effect == "Allow") == d.Allowed {
				found = true
			}
			if v.Why == "" || v.Applies != (len(v.Why) >= 7 && v.Why[:7] == "applies") {
				t.Errorf("why: %q, applies: %t", v.Why, v.Applies)
			}
		}
		if denies != d.Explicit || !found {
			t.Errorf("the statements do not add up to %+v: %s", d, fmt.Sprintf("%+v", verdicts))
		}
	})
}
