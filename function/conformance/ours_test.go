package conformance_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// noFaults is a provider that never fails: the kit's faults are at the API.
type noFaults struct{}

func (noFaults) At(string) rotationtest.Fault { return rotationtest.None }
func (noFaults) Stop()                        {}
func (noFaults) Stopped() bool                { return false }

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// sdk is AWS's own client as a function has it.
func sdk(at conformance.Endpoint) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: at.Region, BaseEndpoint: &at.URL, Credentials: credentials.NewStaticCredentialsProvider(at.AccessKeyID, at.SecretAccessKey, ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 2, 10*time.Millisecond }),
	})
}

// ours is rota as the rotation function on AWS, with the rotators given.
func ours(t *testing.T, rotators ...rotation.Rotator) conformance.Function {
	t.Helper()
	f, err := conformance.Rotators(rotators...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// config is what all runs have in common.
func config(t *testing.T, name string, f conformance.Function) conformance.Config {
	t.Helper()
	return conformance.Config{
		Function: f, Name: name, Timeout: 20 * time.Second, Pause: 10 * time.Millisecond,
	}
}

// model is what the provider in memory tells.
func model(p *rotationtest.Provider, lists bool) conformance.Provider {
	out := conformance.Provider{Accepts: func(_ context.Context, v rota.Value) (conformance.Verdict, error) {
		if p.Accepts(v) {
			return conformance.Accepted, nil
		}
		return conformance.Refused, nil
	}, Slow: func(_ context.Context, on bool) error {
		p.Slow(on)
		return nil
	}}
	if lists {
		out.List = func(context.Context) ([]string, error) { return p.Keys(), nil }
	}
	return out
}

// run plays everything and wants the rules that are broken.
func run(t *testing.T, c conformance.Config, broken ...string) conformance.Report {
	t.Helper()
	report, err := conformance.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Text(&b); err != nil {
		t.Fatal(err)
	}
	if got := report.Broken(); !same(got, broken) {
		t.Errorf("broken are %q, want %q\n%s", got, broken, b.String())
	} else {
		t.Log(b.String())
	}
	slices.SortFunc(report.Cases, func(a, b conformance.Case) int { return cmp.Compare(b.Seconds, a.Seconds) })
	for _, c := range report.Cases[:min(len(report.Cases), 10)] {
		t.Logf("%.1fs %s %s", c.Seconds, c.Name, c.Note)
	}
	if report.Stopped != "" {
		t.Errorf("stopped: %s", report.Stopped)
	}
	return report
}

func same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestEveryKindOfRotatorOfOursHoldsEveryRule: the four kinds of design, through
// rota as the function on AWS, also with a provider that is slow to accept.
func TestEveryKindOfRotatorOfOursHoldsEveryRule(t *testing.T) {
	tag := func(kv ...string) (tags []rota.Tag) {
		for i := 0; i < len(kv); i += 2 {
			tags = append(tags, rota.Tag{Key: kv[i], Value: kv[i+1]})
		}
		return tags
	}
	play := func(t *testing.T, c conformance.Config) {
		t.Helper()
		for _, r := range run(t, c).Rules {
			if r.Status == conformance.NotChecked && (r.ID != "no-orphan" || c.Provider.List != nil) {
				t.Errorf("rule %s was not checked: %s", r.ID, r.Reason)
			}
		}
	}
	t.Run("minted keys", func(t *testing.T) {
		t.Parallel()
		p := rotationtest.NewProvider(noFaults{})
		p.AddKey("key-0", "by hand", "first-secret")
		c := config(t, "rota, minted keys", ours(t, p.Minting(0)))
		c.Value, c.Tags, c.Provider = rotationtest.KeyValue("key-0", "first-secret"), tag("rota:rotator", "model-keys"), model(p, true)
		play(t, c)
	})
	t.Run("keys with an assigned id", func(t *testing.T) {
		t.Parallel()
		p := rotationtest.NewProvider(noFaults{})
		p.AddKey("key-0", "by hand", "first-secret")
		c := config(t, "rota, keys with an assigned id", ours(t, p.Assigning()))
		c.Value, c.Tags, c.Provider = rotationtest.AssignedValue("by hand", "first-secret"), tag("rota:rotator", "model-assigned"), model(p, true)
		play(t, c)
	})
	t.Run("a single user", func(t *testing.T) {
		t.Parallel()
		p := rotationtest.NewProvider(noFaults{})
		p.AddUser("app", "first-password")
		c := config(t, "rota, a single user", ours(t, p.Users()))
		c.Value, c.Tags, c.Provider = rotationtest.UserValue("app", "first-password"), tag("rota:rotator", "model-users"), model(p, false)
		play(t, c)
	})
	t.Run("alternating users", func(t *testing.T) {
		t.Parallel()
		p := rotationtest.NewProvider(noFaults{})
		p.AddUser("app", "first-password")
		p.AddUser("root", "admin-password")
		c := config(t, "rota, alternating users", ours(t, p.Users()))
		c.Value, c.Provider = rotationtest.UserValue("app", "first-password"), model(p, false)
		c.Tags = tag("rota:rotator", "model-users", "rota:admin", "admin", "rota:strategy", rotation.AlternatingUsers)
		c.Others = []conformance.Secret{{Name: "admin", Value: rotationtest.UserValue("root", "admin-password"), Tags: tag("rota:serves", conformance.Prefix)}}
		play(t, c)
	})
}
