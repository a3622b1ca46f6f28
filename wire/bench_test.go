package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

func benchOutput() *GetSecretValueOutput {
	return &GetSecretValueOutput{
		ARN: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:app/db-Ab3dE9", Name: "app/db",
		VersionId:     "7c0f2f9e-1a53-4a3e-9d0e-0a4f7ad1f001",
		SecretString:  rota.StringValue(benchSecret),
		VersionStages: []string{"AWSCURRENT"}, CreatedDate: testNow,
	}
}

const benchSecret = `{"engine":"postgres","host":"db.internal","username":"app","password":"Zk3!vT9q#Lm2@Xw8$Rp5^Yd1&Hn7*Gc4","dbname":"app","port":5432}`

func benchRequest(b *testing.B) *http.Request {
	r := newRequest(testBody)
	r.Header.Set("Amz-Sdk-Invocation-Id", "6c1e1f02-5a3c-4b8e-9a63-0d8f5f3f6f0e")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	sdkSign(b, r, testBody, testID, testRegion, Service, testNow)
	return r
}

// BenchmarkGetSecretValueWire is all that this package does for one request.
func BenchmarkGetSecretValueWire(b *testing.B) {
	r, v, out, body := benchRequest(b), newVerifier(), benchOutput(), []byte(testBody)
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r, body); err != nil {
				b.Fatal(err)
			}
			if _, _, err := Target(r.Header); err != nil {
				b.Fatal(err)
			}
			var in GetSecretValueInput
			if err := Decode(body, &in); err != nil {
				b.Fatal(err)
			}
			Encode(out)
		}
	}
	b.Run("remembered key", run)
	b.Run("new key every time", func(b *testing.B) {
		r, keys := r, v.Keys.(testKeys)
		b.ReportAllocs()
		key := keys[testID]
		for b.Loop() {
			v.keys.m = nil
			keys[testID] = key
			if _, err := v.Verify(r, body); err != nil {
				b.Fatal(err)
			}
			var in GetSecretValueInput
			if err := Decode(body, &in); err != nil {
				b.Fatal(err)
			}
			Encode(out)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r, body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var in GetSecretValueInput
			if err := Decode(body, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Encode(out)
		}
	})
}

// BenchmarkGetSecretValueFloor is the least that any handler must do for the
// same request: hash the body, five HMACs, read and write JSON.
func BenchmarkGetSecretValueFloor(b *testing.B) {
	type input struct{ SecretId, VersionId, VersionStage string }
	type output struct {
		ARN, Name, VersionId, SecretString string
		VersionStages                      []string
		CreatedDate                        float64
	}
	body := []byte(testBody)
	out := output{
		"arn:aws:secretsmanager:eu-west-1:000000000000:secret:app/db-Ab3dE9", "app/db", "7c0f2f9e-1a53-4a3e-9d0e-0a4f7ad1f001", benchSecret,
		[]string{"AWSCURRENT"},
		float64(testNow.UnixMilli()) / float64(time.Second/time.Millisecond),
	}
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256(body)
		key := []byte("AWS4" + testSecret)
		for _, part := range [][]byte{[]byte("20261101"), []byte("eu-west-1"), []byte("secretsmanager"), []byte("aws4_request"), sum[:]} {
			h := hmac.New(sha256.New, key)
			h.Write(part)
			key = h.Sum(nil)
		}
		var in input
		if err := json.Unmarshal(body, &in); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(out); err != nil {
			b.Fatal(err)
		}
	}
}
