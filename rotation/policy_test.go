package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/rotation"
)

func TestPolicies(t *testing.T) {
	after := func(d time.Duration) rotation.Policy { return rotation.Policy{Kind: rotation.After, After: d} }
	for _, c := range []struct {
		text string
		want rotation.Policy
		out  string
	}{
		{"immediately", rotation.Policy{Kind: rotation.Immediately}, "immediately"},
		{"next-rotation", rotation.Policy{Kind: rotation.NextRotation}, "next-rotation"},
		{"after 24h", after(24 * time.Hour), "after 24h"},
		{"  after \t 90m ", after(90 * time.Minute), "after 90m"},
		{"after 7d", after(7 * 24 * time.Hour), "after 7d"},
		{"after 3601s", after(3601 * time.Second), "after 3601s"},
		{"after 0h", after(0), "after 0s"},
		{"after 3650d", after(3650 * 24 * time.Hour), "after 3650d"},
	} {
		p, err := rotation.ParsePolicy(c.text)
		if err != nil || p != c.want {
			t.Errorf("%q is %+v, %v; want %+v", c.text, p, err, c.want)
		}
		if p.String() != c.out {
			t.Errorf("%q is written %q, want %q", c.text, p, c.out)
		}
	}
}

func TestTextsThatAreNoPolicyAreRefusedWithAnExample(t *testing.T) {
	for _, text := range []string{
		"", " ", "never", "Immediately", "IMMEDIATELY", "immediately now", "after", "after 24", "after h", "after -1h", "after +1h", "after 1.5h",
		"after 1h 30m", "after 1h30m", "after 24 h", "after ١h", "after 0x1h", "after 1_0h", "after 3651d", "after 99999999999999999999s", "after 1w", "after 1ms",
		"after 24H", "next rotation", "next-rotation 1h", "24h",
	} {
		p, err := rotation.ParsePolicy(text)
		if err == nil {
			t.Errorf("%q is taken for %s", text, p)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, "24h") && !strings.Contains(msg, "ten years") {
			t.Errorf("%q is refused without saying what is right: %s", text, msg)
		}
	}
	_, err := rotation.ParsePolicy("when-unused max 7d")
	wantError(t, err, "not in this release")
}

func TestTheDefaultPolicyIsADay(t *testing.T) {
	if got := rotation.DefaultPolicy().String(); got != "after 24h" {
		t.Errorf("it is %q", got)
	}
}

func TestAPolicyCountsFromTheFinish(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"immediately": now, "after 2h": now.Add(2 * time.Hour), "next-rotation": {},
	} {
		p, err := rotation.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.End(now); !got.Equal(want) {
			t.Errorf("%s after a finish at %s ends at %s, want %s", text, now, got, want)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, s := range []string{"immediately", "after 24h", "after 7d", "next-rotation", "when-unused max 7d", "after 99999999999999999999d", "after 0s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := rotation.ParsePolicy(text)
		if err != nil {
			return
		}
		if p.After < 0 || p.After > 10*365*24*time.Hour || (p.Kind != rotation.After && p.After != 0) {
			t.Errorf("%q is %+v", text, p)
		}
		again, err := rotation.ParsePolicy(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %+v, written %q, read again %+v, %v", text, p, p, again, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "24h", "7d", "1m", "9223372036854775807d", "-1s", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := rotation.ParseDuration(text)
		if err == nil && (d < 0 || d > 10*365*24*time.Hour || d%time.Second != 0) {
			t.Errorf("%q is %s", text, d)
		}
	})
}
