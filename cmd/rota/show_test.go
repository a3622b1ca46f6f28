package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/wire"
)

func entry(version, step, outcome string, at, milliseconds int) wire.ShownEntry {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return wire.ShownEntry{
		VersionId: version, Step: step, Outcome: outcome, Started: start.Add(time.Duration(at) * time.Millisecond), Milliseconds: int64(milliseconds),
	}
}

func TestTheGapIsMeasuredFromTheFirstSetToTheEndOfFinish(t *testing.T) {
	if gap, ok := lastGap(nil); ok {
		t.Errorf("of no rotation: %s", gap)
	}
	journal := []wire.ShownEntry{
		entry("a", "setSecret", "ok", 0, 10), entry("a", "finishSecret", "ok", 90, 10), // an older rotation
		entry("b", "createSecret", "ok", 1000, 10), entry("b", "setSecret", "failed", 1100, 10),
		entry("b", "setSecret", "ok", 2000, 10), entry("b", "testSecret", "ok", 2100, 10), entry("b", "finishSecret", "ok", 2200, 30),
		entry("a", "expireSecret", "ok", 2300, 10),
		entry("c", "setSecret", "ok", 3000, 10), // one that runs
	}
	if gap, ok := lastGap(journal); !ok || gap != 1130*time.Millisecond {
		t.Errorf("got %s, want 1.13s", gap)
	}
	if gap, ok := lastGap(journal[4:8]); !ok || gap != 230*time.Millisecond {
		t.Errorf("of what is left of the journal: %s", gap)
	}
	if _, ok := lastGap(journal[5:8]); ok {
		t.Error("without a setSecret it is not known")
	}
}

func TestThePlanIsToldInWords(t *testing.T) {
	for what, c := range map[string]struct {
		plan wire.ShownPlan
		want []string
	}{
		"one": {wire.ShownPlan{Capacity: 1}, []string{"from setSecret on", "expire does not apply", "refused  at once", "at most 100ms"}},
		"two": {wire.ShownPlan{Capacity: 2, RevocationLagSeconds: 90}, []string{"2: the old credential works until its end, which a scheduled rotation waits for", "at most 1m30s after its end"}},
		"many, without a list": {
			wire.ShownPlan{CannotDetect: "it lists nothing", Settings: []wire.ShownSetting{{Name: "expire", Value: "after 1h", From: "tag rota:expire"}}},
			[]string{"many: the old credential works", "it lists nothing: what a crash leaves", "expire   after 1h  tag rota:expire"},
		},
	} {
		var out bytes.Buffer
		g := &global{streams: streams{out: &out}}
		s := wire.ShowOutput{Plan: &c.plan, Journal: []wire.ShownEntry{entry("a", "setSecret", "ok", 0, 10), entry("a", "finishSecret", "ok", 90, 10)}}
		if err := g.showText(s); err != nil {
			t.Fatal(err)
		}
		for _, text := range c.want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: no %q in\n%s", what, text, &out)
			}
		}
	}
}
