package server

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/wire"
)

// TestALargeBodyTakesMemoryInProportion: whatever a body of the largest size
// is made of, what the request allocates, from the first byte to the answer, is
// a small multiple of it, and the answer is small. The race detector adds a
// third to what is allocated.
func TestALargeBodyTakesMemoryInProportion(t *testing.T) {
	const most = 40 * MaxBody
	w := newWorld(t)
	w.Log = quiet(w)
	fill := func(head, unit, tail string) string {
		n := (MaxBody - len(head) - len(tail)) / len(unit)
		return head + strings.Repeat(unit, n) + tail
	}
	half := MaxBody/2 - 64
	bodies := map[string]string{
		"nothing but [":          fill(``, `[`, ``),
		"nested as JSON may be":  `{"SecretId":"s","Name":"s","a":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + strings.Repeat(" ", MaxBody-20000) + `}`,
		"nested too deep":        `{"Tags":` + strings.Repeat(`[`, half) + strings.Repeat(`]`, half) + `}`,
		"one member again":       fill(`{`, `"SecretId":"s",`, `"Name":"s"}`),
		"unknown members":        fill(`{`, `"a":0,`, `"SecretId":"s"}`),
		"empty tags":             fill(`{"SecretId":"s","Name":"s","Tags":[`, `{},`, `{}]}`),
		"empty tag keys":         fill(`{"SecretId":"s","TagKeys":[`, `"",`, `""]}`),
		"empty filters":          fill(`{"Filters":[`, `{},`, `{}]}`),
		"values of a filter":     fill(`{"Filters":[{"Key":"all","Values":[`, `"a",`, `"a"]}]}`),
		"ids":                    fill(`{"SecretIdList":[`, `"s",`, `"s"]}`),
		"regions":                fill(`{"SecretId":"s","Name":"s","AddReplicaRegions":[`, `{"Region":"x"},`, `{}],"RemoveReplicaRegions":["x"]}`),
		"labels":                 fill(`{"SecretId":"s","VersionStages":[`, `"a",`, `"a"]}`),
		"an escaped name":        fill(`{"SecretId":"`, `\u0000`, `"}`),
		"a number":               fill(`{"SecretId":"s","RecoveryWindowInDays":1`, `0`, `}`),
		"base64":                 fill(`{"SecretId":"s","Name":"s","SecretBinary":"`, `AAAA`, `"}`),
		"half a surrogate, last": fill(`{"SecretId":"s","Name":"s","SecretString":"`, `a`, `\ud800"}`),
		"a policy of brackets":   fill(`{"SecretId":"s","ResourcePolicy":"`, `[`, `"}`),
		"statements": fill(`{"Principal":"p","PolicyName":"p","Policy":"{}","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[`,
			`{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},`, `{}]}"}`),
		"a principal's policy of brackets": fill(`{"Principal":"p","PolicyName":"p","PolicyDocument":"`, `[`, `"}`),
		"a session's policy of brackets":   fill(`{"Policy":"`, `{\"a\":`, `"}`),
		"an environment":                   fill(`{"FunctionName":"f","Environment":{`, `"a":"b",`, `"c":"d"}}`),
	}
	// Every operation that takes a list, a document or a value.
	targets := []string{
		"secretsmanager.BatchGetSecretValue", "secretsmanager.CreateSecret", "secretsmanager.DeleteSecret", "secretsmanager.ListSecrets",
		"secretsmanager.PutResourcePolicy", "secretsmanager.PutSecretValue", "secretsmanager.RemoveRegionsFromReplication",
		"secretsmanager.ReplicateSecretToRegions", "secretsmanager.RotateSecret", "secretsmanager.TagResource", "secretsmanager.UntagResource",
		"rota.GetSessionToken", "rota.PutFunction", "rota.PutPrincipalPolicy",
	}
	var worst uint64
	for what, body := range bodies {
		if len(body) > MaxBody {
			t.Fatalf("%s has %d bytes", what, len(body))
		}
		for _, target := range targets {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader([]byte(body)))
			r.Header.Set("X-Amz-Target", target)
			wire.Sign(r, []byte(body), keyID, secretKey, region, wire.Service, time.Now())
			answer := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w.ServeHTTP(answer, r)
			runtime.ReadMemStats(&after)
			taken := after.TotalAlloc - before.TotalAlloc
			if worst = max(worst, taken); taken > most {
				t.Errorf("%s of %s takes %d MiB", target, what, taken>>20)
			}
			if answer.Code >= 500 || !json.Valid(answer.Body.Bytes()) || answer.Body.Len() > 64<<10 {
				t.Errorf("%s of %s: %d, %d bytes", target, what, answer.Code, answer.Body.Len())
			}
		}
	}
	t.Logf("at most %d KiB for a body of %d", worst>>10, MaxBody>>10)
}
