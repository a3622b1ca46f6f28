package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/access/policy"
)

// typical is what a server evaluates for one GetSecretValue: two policies of
// the caller, one of the secret, and what is known of the request.
func typical(b testing.TB) (*policy.Request, []*policy.Policy, *policy.Policy) {
	own := identity(b, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Own","Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:home/${aws:username}/*"},
		{"Sid":"Team","Effect":"Allow","Action":"secretsmanager:Get*","Resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:RequestTag/team}"},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}]}`)
	guard := identity(b, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Tls","Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
		{"Sid":"Regions","Effect":"Deny","NotAction":["rota:*","lambda:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}}},
		{"Sid":"Window","Effect":"Deny","Action":"secretsmanager:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}}]}`)
	resource := attached(b, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Stages","Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"ForAnyValue:StringNotEquals":{"secretsmanager:VersionStage":["AWSCURRENT","AWSPREVIOUS"]}}},
		{"Sid":"Rotator","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/rotator"},"Action":"secretsmanager:*","Resource":"*"}]}`)
	r := &policy.Request{
		Principal: principal(b, somebody), Action: "secretsmanager:GetSecretValue", Resource: secret, Time: time.Unix(1795428000, 0),
		Context: []policy.Attribute{
			{Key: policy.SecretId, Value: "app/db"},
			{Key: policy.VersionStage, Value: "AWSCURRENT"},
			{Key: policy.ResourceTag, Tag: "env", Value: "prod"},
			{Key: policy.ResourceTag, Tag: "team", Value: "red"},
			{Key: policy.RequestTag, Tag: "team", Value: "red"},
			{Key: policy.SourceIp, Value: "10.1.2.3"},
			{Key: policy.RequestedRegion, Value: "eu-west-1"},
			{Key: policy.SecureTransport, Value: "true"},
			{Key: policy.UserAgent, Value: "aws-cli/2.15.0"},
		},
	}
	return r, []*policy.Policy{own, guard}, resource
}

func BenchmarkEvaluate(b *testing.B) {
	r, identities, resource := typical(b)
	if d := policy.Evaluate(r, identities, resource); !d.Allowed || d.Sid != "Team" {
		b.Fatalf("%+v", d)
	}
	b.ReportAllocs()
	for b.Loop() {
		policy.Evaluate(r, identities, resource)
	}
}

func BenchmarkEvaluateFullAccess(b *testing.B) {
	r, _, _ := typical(b)
	all := []*policy.Policy{identity(b, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
	b.ReportAllocs()
	for b.Loop() {
		policy.Evaluate(r, all, nil)
	}
}

func BenchmarkParse(b *testing.B) {
	_, _, resource := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.ParseResource("r", resource.Text()); err != nil {
			b.Fatal(err)
		}
	}
}

// The largest policy that is accepted, of which nothing applies.
func BenchmarkEvaluateLargest(b *testing.B) {
	var list []string
	for range 140 {
		list = append(list, `{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"secretsmanager:Put*","Resource":"arn:aws:secretsmanager:*:*:secret:x/*"}`)
	}
	p := attached(b, `{"Version":"2012-10-17","Statement":[`+strings.Join(list, ",")+`]}`)
	r, _, _ := typical(b)
	b.ReportAllocs()
	for b.Loop() {
		policy.Evaluate(r, nil, p)
	}
}

func TestEvaluateAllocatesNextToNothing(t *testing.T) {
	r, identities, resource := typical(t)
	if n := testing.AllocsPerRun(100, func() { policy.Evaluate(r, identities, resource) }); n > 2 {
		t.Errorf("%v allocations, want no more than the action in small letters and a variable", n)
	}
}
