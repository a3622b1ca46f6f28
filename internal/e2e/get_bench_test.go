//go:build servers

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota/wire"
)

// The policies of BenchmarkGetSecretValue, as a platform team
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

// BenchmarkGetSecretValue measures the CPU that the server takes for one
// request over loopback HTTP, beside the bare handler of floorGet: of the
// administrator and of a principal with a realistic set of policies, with every
// call recorded in the audit log before its answer leaves, and with none.
func BenchmarkGetSecretValue(b *testing.B) {
	const n = 20_000
	bin := build(b)
	floorURL, floorPID := startFloor(b)
	var readers []reader
	for _, recorded := range []struct{ name, audit string }{{"unrecorded", "off"}, {"recorded", "require"}} {
		s := serve(b, bin, filepath.Join(b.TempDir(), "data"), "--log-level", "warn", "--audit", recorded.audit)
		id, secret := s.keys(b)
		admin := reader{recorded.name + "-admin", s.url, s.cmd.Process.Pid, id, secret}
		readers = append(readers, admin, s.benchUser(b, recorded.name))
	}
	floor := reader{"floor", floorURL, floorPID, readers[0].key, readers[0].secret}
	for _, connections := range []int{4, 64} {
		b.Run(fmt.Sprintf("%d connections", connections), func(b *testing.B) {
			per := func(r reader) float64 {
				r.load(b, n/10, connections)
				before := cpu(b, r.pid)
				for range b.N {
					r.load(b, n, connections)
				}
				return float64((cpu(b, r.pid) - before).Microseconds()) / n / float64(b.N)
			}
			bare := per(floor)
			b.ReportMetric(bare, "floor-us/request")
			for _, r := range readers {
				used := per(r)
				b.ReportMetric(used, r.name+"-us/request")
				b.ReportMetric(used/bare, r.name+"-ratio")
			}
		})
	}
}

// benchUser makes the secret and a user with the policies.
func (s *server) benchUser(b *testing.B, name string) reader {
	b.Helper()
	c, id := s.client(b), aws.String("bench/value")
	if _, err := c.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{
		Name: id, SecretString: aws.String(strings.Repeat("v", 500)),
		Tags: []types.Tag{
			{Key: aws.String("team"), Value: aws.String("payments")},
			{Key: aws.String("stage"), Value: aws.String("prod")},
			{Key: aws.String("cost-center"), Value: aws.String("4711")},
			{Key: aws.String("owner"), Value: aws.String("ada")},
		},
	}); err != nil {
		b.Fatal(err)
	}
	if _, err := c.PutResourcePolicy(b.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: aws.String(benchAttached)}); err != nil {
		b.Fatal(err)
	}
	s.own(b, "CreatePrincipal", wire.CreatePrincipalInput{Principal: "app"}, &struct{}{})
	for name, document := range map[string]string{"own": benchOwn, "guard": benchGuard} {
		s.own(b, "PutPrincipalPolicy", wire.PutPrincipalPolicyInput{Principal: "app", PolicyName: name, PolicyDocument: document}, &struct{}{})
	}
	var made struct{ AccessKeyId, SecretAccessKey string }
	s.own(b, "CreateAccessKey", wire.CreateAccessKeyInput{Principal: "app"}, &made)
	return reader{name + "-policies", s.url, s.cmd.Process.Pid, made.AccessKeyId, made.SecretAccessKey}
}

// reader is somebody who reads the secret at a server.
type reader struct {
	name, url   string
	pid         int
	key, secret string
}

// load sends n requests over connections that are kept open.
func (rd reader) load(b *testing.B, n, connections int) {
	b.Helper()
	body := []byte(`{"SecretId":"bench/value"}`)
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	defer h.CloseIdleConnections()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			// One signature serves many requests: only the server is measured.
			var req *http.Request
			for i := range n / connections {
				if i%1000 == 0 {
					var err error
					if req, err = http.NewRequest(http.MethodPost, rd.url+"/", nil); err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Content-Type", wire.ContentType)
					req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
					wire.Sign(req, body, rd.key, rd.secret, region, wire.Service, time.Now())
				}
				r := req.Clone(context.Background())
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				res, err := h.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Errorf("the answer is %s", res.Status)
					return
				}
			}
		})
	}
	wg.Wait()
}
