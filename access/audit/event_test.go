package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func decode(t testing.TB, b []byte) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

var at = time.Date(2026, 11, 23, 10, 30, 59, 999e6, time.FixedZone("", 3600))

func TestACallHasTheMembersOfCloudTrail(t *testing.T) {
	e := Event{
		ID: "event", RequestID: "request", Name: "TagResource", Source: Source, Type: APICall, Time: at, Account: "123456789012", Region: "eu-west-1",
		Identity: Identity{Type: "IAMUser", ARN: "arn:aws:iam::123456789012:user/ann", AccountID: "123456789012", AccessKeyID: "AKIA1", UserName: "ann"},
		SourceIP: "10.0.0.7", UserAgent: "aws-cli", ErrorCode: "AccessDeniedException", ErrorMessage: "no", ARN: "arn:s", TLS: TLS{"TLSv1.3", "TLS_AES_128_GCM_SHA256"},
	}
	e.Request.Text("secretId", "app/db")
	e.Request.Text("left", "")
	e.Request.Texts("none", nil)
	e.Request.Texts("empty", []string{})
	e.Request.Texts("keys", []string{"a", "b"})
	e.Request.Number("days", 7)
	e.Request.Flag("force", false)
	e.Request.Time("until", at)
	e.Request.Time("never", time.Time{})
	var rules Members
	rules.Text("duration", "2h")
	e.Request.Object("rules", rules)
	e.Request.Objects("tags", 2, func(i int, o *Members) { o.Text("key", string(rune('a'+i))) })
	e.Response.Text("arn", "arn:s")
	want := map[string]any{
		"eventVersion": "1.11",
		"userIdentity": map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ann", "accountId": "123456789012", "accessKeyId": "AKIA1", "userName": "ann"},
		"eventTime":    "2026-11-23T09:30:59Z", "eventSource": "secretsmanager.amazonaws.com", "eventName": "TagResource", "awsRegion": "eu-west-1",
		"sourceIPAddress": "10.0.0.7", "userAgent": "aws-cli", "errorCode": "AccessDeniedException", "errorMessage": "no",
		"requestParameters": map[string]any{
			"secretId": "app/db", "empty": []any{}, "keys": []any{"a", "b"}, "days": 7.0, "force": false, "until": "2026-11-23T09:30:59Z",
			"rules": map[string]any{"duration": "2h"}, "tags": []any{map[string]any{"key": "a"}, map[string]any{"key": "b"}},
		},
		"responseElements": map[string]any{"arn": "arn:s"}, "requestID": "request", "eventID": "event", "readOnly": false,
		"resources": []any{map[string]any{"accountId": "123456789012", "type": "AWS::SecretsManager::Secret", "ARN": "arn:s"}},
		"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management",
		"tlsDetails": map[string]any{"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"},
	}
	if diff := cmp.Diff(want, decode(t, e.AppendJSON(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAServiceEventHasTheMembersOfCloudTrail(t *testing.T) {
	want := map[string]any{
		"eventVersion": "1.11", "userIdentity": map[string]any{"accountId": "123456789012", "invokedBy": "secretsmanager.amazonaws.com"},
		"eventTime": "2026-11-23T09:30:59Z", "eventSource": "secretsmanager.amazonaws.com", "eventName": "RotationFailed", "awsRegion": "eu-west-1",
		"sourceIPAddress": "secretsmanager.amazonaws.com", "userAgent": "secretsmanager.amazonaws.com", "errorMessage": "refused",
		"requestParameters": nil, "responseElements": nil, "additionalEventData": map[string]any{"SecretId": "arn:s"},
		"requestID": "Rotation-arn:s-run", "eventID": "event", "readOnly": false,
		"resources": []any{map[string]any{"accountId": "123456789012", "type": "AWS::SecretsManager::Secret", "ARN": "arn:s"}},
		"eventType": "AwsServiceEvent", "managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management",
	}
	e := Service("event", "run", "RotationFailed", at, "123456789012", "eu-west-1", "arn:s", "refused")
	if diff := cmp.Diff(want, decode(t, e.AppendJSON(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALabelEventIsWhatEventBridgeSends(t *testing.T) {
	want := map[string]any{
		"version": "0", "id": "event", "detail-type": "Secret Label Updated", "source": "aws.secretsmanager", "account": "123456789012",
		"time": "2026-11-23T09:30:59Z", "region": "eu-west-1", "resources": []any{"arn:s"},
		"detail": map[string]any{"name": "app/db", "labelUpdated": "AWSCURRENT", "versionId": "v"},
	}
	e := LabelEvent{ID: "event", Time: at, Account: "123456789012", Region: "eu-west-1", ARN: "arn:s", Name: "app/db", Label: "AWSCURRENT", Version: "v"}
	if diff := cmp.Diff(want, decode(t, e.AppendJSON(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnEventIsBoundedWhateverItTellsOf(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	e := Event{UserAgent: long, ErrorMessage: long}
	e.Request.Text("before", "x")
	e.Request.Text("long", long)
	e.Request.Objects("tags", 10_000, func(_ int, o *Members) { o.Text("key", long[:100]) })
	e.Request.Text("after", "y")
	b := e.AppendJSON(nil)
	if len(b) > maxMembers {
		t.Errorf("it has %d bytes", len(b))
	}
	got := decode(t, b)["requestParameters"]
	if diff := cmp.Diff(map[string]any{"before": "x", "after": "y", "omitted": true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.ContainsRune(string(b), utf8.RuneError) {
		t.Error("a character was cut in two")
	}
	var m Members
	for range maxMembers {
		m.Number("n", 1)
	}
	if n := len(m.append(nil)); n > maxMembers+20 {
		t.Errorf("many small members have %d bytes", n)
	}
}

func TestNothingOfATextActsOnATerminal(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if r == 0xd800 {
			r = 0xe000
		}
		b := appendText(nil, string(r))
		for _, c := range string(b) {
			if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' {
				t.Fatalf("%U is written as %q", r, b)
			}
		}
	}
}
