package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rotahq/rota/wire"
)

const benchValue = `{"engine":"postgres","host":"db.internal","username":"app","password":"Zk3!vT9q#Lm2@Xw8$Rp5^Yd1&Hn7*Gc4","dbname":"app","port":5432}`

// BenchmarkGetSecretValue is a whole request over loopback, beside its floor:
// a bare handler that hashes the body, does the five HMACs, opens AES-GCM and
// encodes JSON. cpu-us/op is of the process, client included; the client is
// the same in both.
func BenchmarkGetSecretValue(b *testing.B) {
	w := newWorld(b)
	w.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) // as rota serve has it
	a := send(b, w.request(b, "secretsmanager.CreateSecret", `{"Name":"app/db","ClientRequestToken":"`+newID()+`","SecretString":`+quoted(benchValue)+`}`))
	if a.status != http.StatusOK {
		b.Fatal(a.body)
	}
	b.Run("rota", func(b *testing.B) { load(b, w, w.url, keyID) })
	withPolicies(b, w)
	b.Run("policies", func(b *testing.B) { load(b, w, w.url, userKey+"app") })
	floor := httptest.NewServer(floorHandler(b))
	defer floor.Close()
	b.Run("floor", func(b *testing.B) { load(b, w, floor.URL, keyID) })
}

// withPolicies makes the user app, who may read the secret by the last of the
// seven statements that are looked at: his own policies, as a platform team
// writes them, and the secret's.
func withPolicies(b *testing.B, w *world) {
	b.Helper()
	w.user(b, "app", `{"Version":"2012-10-17","Statement":[
		{"Sid":"Own","Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:${aws:username}/*"},
		{"Sid":"Team","Effect":"Allow","Action":["secretsmanager:Get*","secretsmanager:Describe*","secretsmanager:List*"],"Resource":"arn:aws:secretsmanager:*:123456789012:secret:shared/*",
			"Condition":{"StringEquals":{"aws:ResourceTag/team":["payments","platform"]}}},
		{"Sid":"Lists","Effect":"Allow","Action":["secretsmanager:ListSecrets","secretsmanager:GetRandomPassword"],"Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[
		{"Sid":"OnlyFromInside","Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8","192.168.0.0/16"]}}},
		{"Sid":"NotPending","Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSPENDING"}}}]}`)
	document := quoted(`{"Version":"2012-10-17","Statement":[
		{"Sid":"NoStrangers","Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}},
		{"Sid":"Readers","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:user/other","arn:aws:iam::123456789012:user/app"]},"Action":"secretsmanager:GetSecretValue","Resource":"*",
			"Condition":{"StringEquals":{"aws:ResourceTag/stage":"prod"}}}]}`)
	for target, body := range map[string]string{
		"PutResourcePolicy": `{"SecretId":"app/db","ResourcePolicy":` + document + `}`,
		"TagResource":       `{"SecretId":"app/db","Tags":[{"Key":"team","Value":"payments"},{"Key":"stage","Value":"prod"},{"Key":"cost-center","Value":"4711"},{"Key":"owner","Value":"ada"}]}`,
	} {
		if a := send(b, w.request(b, "secretsmanager."+target, body)); a.status != http.StatusOK {
			b.Fatal(a.body)
		}
	}
}

func quoted(s string) string {
	q, _ := json.Marshal(s) // text always encodes
	return string(q)
}

// load sends one request again and again.
func load(b *testing.B, w *world, url, key string) {
	const body = `{"SecretId":"app/db"}`
	r := w.request(b, "secretsmanager.GetSecretValue", body)
	r.URL.Host = strings.TrimPrefix(url, "http://")
	wire.Sign(r, []byte(body), key, secretKey, region, wire.Service, time.Now())
	before := cpu()
	b.ResetTimer()
	for range b.N {
		r.Body = io.NopCloser(strings.NewReader(body))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		_ = res.Body.Close()
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func floorHandler(b *testing.B) http.Handler {
	key := make([]byte, 32)
	nonce := make([]byte, 12)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	sealed := gcm.Seal(nil, nonce, []byte(benchValue), nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		hash := sha256.Sum256(body)
		mac := []byte("AWS4" + secretKey)
		for _, part := range [][]byte{[]byte("20261101"), []byte(region), []byte("secretsmanager"), []byte("aws4_request"), hash[:]} {
			h := hmac.New(sha256.New, mac)
			h.Write(part)
			mac = h.Sum(nil)
		}
		w.Header().Set("X-Amzn-Requestid", hex.EncodeToString(mac[:16]))
		plain, err := gcm.Open(nil, nonce, sealed, nil)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var out bytes.Buffer
		_ = json.NewEncoder(&out).Encode(map[string]any{
			"ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-Ab3dE9", "Name": "app/db", "VersionId": newID(),
			"SecretString": string(plain), "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": 1523477145.713,
		})
		w.Header().Set("Content-Type", wire.ContentType)
		_, _ = w.Write(out.Bytes())
	})
}

// BenchmarkMay is the decision alone: what a policy evaluation adds to a
// request.
func BenchmarkMay(b *testing.B) {
	w := newWorld(b)
	a := send(b, w.request(b, "secretsmanager.CreateSecret", `{"Name":"app/db","ClientRequestToken":"`+newID()+`","SecretString":`+quoted(benchValue)+`}`))
	if a.status != http.StatusOK {
		b.Fatal(a.body)
	}
	withPolicies(b, w)
	on, _, err := w.store.Resource(b.Context(), principalHere, "app/db")
	if err != nil {
		b.Fatal(err)
	}
	r := w.request(b, "secretsmanager.GetSecretValue", "{}")
	r.RemoteAddr = "127.0.0.1:4711"
	b.ReportAllocs()
	for b.Loop() {
		g := w.gate(r, w.grants.of[arnOf("app")], account, region)
		g.about(&wire.GetSecretValueInput{SecretId: "app/db"})
		if err := g.may("secretsmanager:GetSecretValue", on); err != nil {
			b.Fatal(err)
		}
	}
}
