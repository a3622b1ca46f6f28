//go:build servers

package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota/wire"
)

// The policies of BenchmarkGetSecretValueWithPolicies, as a platform team
// writes them: seven statements, of which the last allows the read.
const (
	benchOwn = `{"Version":"2012-10-17","Statement":[
		{"Sid":"Own","Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:${aws:username}/*"},
		{"Sid":"Team","Effect":"Allow","Action":["secretsmanager:Get*","secretsmanager:Describe*","secretsmanager:List*"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:shared/*",
			"Condition":{"StringEquals":{"aws:ResourceTag/team":["payments","platform"]}}},
		{"Sid":"Lists","Effect":"Allow","Action":["secretsmanager:ListSecrets","secretsmanager:GetRandomPassword"],"Resource":"*"}]}`
	benchGuard = `{"Version":"2012-10-17","Statement":[
		{"Sid":"OnlyFromInside","Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8","192.168.0.0/16"]}}},
		{"Sid":"NotPending","Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSPENDING"}}}]}`
	benchAttached = `{"Version":"2012-10-17","Statement":[
		{"Sid":"NoStrangers","Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}},
		{"Sid":"Readers","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:user/other","arn:aws:iam::123456789012:user/app"]},"Action":"secretsmanager:GetSecretValue","Resource":"*",
			"Condition":{"StringEquals":{"aws:ResourceTag/stage":"prod"}}}]}`
)

// BenchmarkGetSecretValueWithPolicies measures the CPU that the server takes
// for one request over loopback HTTP, of the administrator and of a principal
// with a realistic set of policies, beside the bare handler of floorGet. Calls
// are not recorded here: BenchmarkGetSecretValue shows what that costs.
func BenchmarkGetSecretValueWithPolicies(b *testing.B) {
	const n = 20_000
	s := serve(b, build(b), filepath.Join(b.TempDir(), "data"), "--log-level", "warn", "--audit", "off")
	c := s.client(b)
	id := aws.String("bench/value")
	if _, err := c.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{Name: id, SecretString: aws.String(strings.Repeat("v", 500))}); err != nil {
		b.Fatal(err)
	}
	floorURL, floorPID := startFloor(b)
	measure := func(what, url string, pid int, key, secret string) {
		sign := func(r *http.Request, body []byte) { wire.Sign(r, body, key, secret, region, wire.Service, time.Now()) }
		load(b, url, 2000, sign)
		var used time.Duration
		for range b.N {
			before := cpu(b, pid)
			load(b, url, n, sign)
			used += cpu(b, pid) - before
		}
		b.ReportMetric(float64(used.Microseconds())/n/float64(b.N), what+"-us/request")
	}
	b.ResetTimer()
	key, secret := s.keys(b)
	measure("full-access", s.url, s.cmd.Process.Pid, key, secret)

	s.own(b, "CreatePrincipal", wire.CreatePrincipalInput{Principal: "app"}, &struct{}{})
	for name, document := range map[string]string{"own": benchOwn, "guard": benchGuard} {
		s.own(b, "PutPrincipalPolicy", wire.PutPrincipalPolicyInput{Principal: "app", PolicyName: name, PolicyDocument: document}, &struct{}{})
	}
	if _, err := c.TagResource(b.Context(), &secretsmanager.TagResourceInput{SecretId: id, Tags: []types.Tag{
		{Key: aws.String("team"), Value: aws.String("payments")},
		{Key: aws.String("stage"), Value: aws.String("prod")},
		{Key: aws.String("cost-center"), Value: aws.String("4711")},
		{Key: aws.String("owner"), Value: aws.String("ada")},
	}}); err != nil {
		b.Fatal(err)
	}
	if _, err := c.PutResourcePolicy(b.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: aws.String(benchAttached)}); err != nil {
		b.Fatal(err)
	}
	var made struct{ AccessKeyId, SecretAccessKey string }
	s.own(b, "CreateAccessKey", wire.CreateAccessKeyInput{Principal: "app"}, &made)
	measure("policies", s.url, s.cmd.Process.Pid, made.AccessKeyId, made.SecretAccessKey)
	measure("floor", floorURL, floorPID, key, secret)
}
