package rota_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

const version = "0a1b2c3d-1111-4111-8111-111111111111"

func TestEndsLabelCarriesTheTime(t *testing.T) {
	east := time.FixedZone("east", 5*3600)
	for _, c := range []struct {
		name    string
		version string
		at      time.Time
		want    rota.Label
		parsed  time.Time
	}{
		{"a whole second", version, time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC), "rota-ends-20261123T102030Z-0a1b2c3d", time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)},
		{"a nanosecond is rounded up", version, time.Date(2026, 11, 23, 10, 20, 30, 1, time.UTC), "rota-ends-20261123T102031Z-0a1b2c3d", time.Date(2026, 11, 23, 10, 20, 31, 0, time.UTC)},
		{"the end of a year is rounded up", version, time.Date(2026, 12, 31, 23, 59, 59, 5e8, time.UTC), "rota-ends-20270101T000000Z-0a1b2c3d", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"another zone is written as UTC", version, time.Date(2026, 11, 23, 15, 20, 30, 0, east), "rota-ends-20261123T102030Z-0a1b2c3d", time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)},
		{"no time is the next rotation", version, time.Time{}, "rota-ends-next-0a1b2c3d", time.Time{}},
		{"a short version is whole", "v1", time.Time{}, "rota-ends-next-v1", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := rota.EndsLabel(c.version, c.at)
			if l != c.want {
				t.Errorf("got %s, want %s", l, c.want)
			}
			at, ok := rota.ParseEndsLabel(l)
			if !ok || !at.Equal(c.parsed) {
				t.Errorf("parsed %s, %t, want %s", at, ok, c.parsed)
			}
			if !rota.IsEndsLabel(l) {
				t.Error("it is not an ending label")
			}
		})
	}
}

func TestOtherLabelsAreNoEndings(t *testing.T) {
	for _, l := range []rota.Label{
		"", rota.Current, rota.Pending, rota.Previous, "rota-ends-", "rota-ends-next", "rota-ends-next-", "rota-ends--0a1b2c3d",
		"rota-ends-soon-0a1b2c3d", "rota-ends-20261123-0a1b2c3d", "rota-ends-20261332T102030Z-0a1b2c3d", "rota-ends-20261123T102030-0a1b2c3d",
		"ROTA-ENDS-next-0a1b2c3d", "my-rota-ends-next-0a1b2c3d", "rota-ends-NEXT-0a1b2c3d",
		"rota-ends-20261123T102030.5Z-0a1b2c3d",
	} {
		if at, ok := rota.ParseEndsLabel(l); ok || rota.IsEndsLabel(l) {
			t.Errorf("%q is taken for an ending at %s", l, at)
		}
	}
}

func TestAnEndsLabelFitsIntoALabel(t *testing.T) {
	if l := rota.EndsLabel(strings.Repeat("x", 64), time.Now()); len(l) > 256 {
		t.Errorf("%d characters", len(l))
	}
}

func FuzzEndsLabelIsNeverEarlierThanWasDecided(f *testing.F) {
	f.Add(version, int64(1795400000), int64(1))
	f.Add("v", int64(0), int64(999999999))
	f.Fuzz(func(t *testing.T, version string, sec, nsec int64) {
		at := time.Unix(sec%(250*365*86400), nsec%1e9)
		if version == "" || at.Year() < 1 || at.Year() > 9998 || at.IsZero() {
			t.Skip()
		}
		got, ok := rota.ParseEndsLabel(rota.EndsLabel(version, at))
		if !ok {
			t.Fatalf("its own label is not understood")
		}
		if got.Before(at) || got.Sub(at) >= time.Second {
			t.Errorf("decided %s, the label says %s", at, got)
		}
	})
}

func FuzzParseEndsLabel(f *testing.F) {
	for _, l := range []string{"rota-ends-next-0a1b2c3d", "rota-ends-20261123T102030Z-0a1b2c3d", "rota-ends-20261123T102030.5Z-0", "AWSCURRENT"} {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, l string) {
		at, ok := rota.ParseEndsLabel(l)
		if !ok {
			if !at.IsZero() {
				t.Errorf("no ending, but a time: %s", at)
			}
			return
		}
		id := l[strings.LastIndex(l, "-")+1:]
		if again, ok := rota.ParseEndsLabel(rota.EndsLabel(id+"x", at)); !ok || !again.Equal(at) {
			t.Errorf("%q is %s, written again %s", l, at, again)
		}
	})
}
