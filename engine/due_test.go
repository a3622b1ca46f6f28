package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	const token, old = "00000001", "00000000"
	// A secret whose scheduled start is due, and one whose rotation runs.
	due := func(change func(*Facts)) Facts {
		f := Facts{
			Now:  noon,
			Task: store.Task{Due: noon, Capacity: 2},
			Secret: rota.Secret{
				Rotation: rota.Rotation{Configured: true, Enabled: true, Rules: rota.Rules{Expression: "rate(10 days)"}},
				Stages:   map[string][]rota.Label{old: {rota.Current}},
			},
		}
		change(&f)
		return f
	}
	running := func(change func(*Facts)) Facts {
		return due(func(f *Facts) {
			f.Task.Kind, f.Task.Token, f.Task.Cause = store.Rotate, token, "asked for by somebody"
			f.Secret.Stages[token] = []rota.Label{rota.Pending}
			change(f)
		})
	}
	open := func(state rota.CredentialState, at time.Time) rota.Credential {
		return rota.Credential{Version: "v", State: state, NotBefore: at}
	}
	same := func(*Facts) {}
	for _, c := range []struct {
		name   string
		facts  Facts
		action Action
		reason string
		until  time.Time
	}{
		{"a scheduled start whose time has come begins", due(same), Start, "schedule rate(10 days)", time.Time{}},
		{"so does one by days", due(func(f *Facts) { f.Secret.Rotation.Rules = rota.Rules{AfterDays: 30} }), Start, "schedule every 30 days", time.Time{}},
		{"one that is late begins too", due(func(f *Facts) { f.Task.Due = noon.Add(-time.Hour) }), Start, "schedule", time.Time{}},
		{"one whose time has not come does not", due(func(f *Facts) { f.Task.Due = noon.Add(time.Millisecond) }), Nothing, "not due", time.Time{}},
		{"one without a time never begins by itself", due(func(f *Facts) { f.Task.Due = time.Time{} }), Nothing, "not due", time.Time{}},
		{"a secret whose rotation is off is left alone", due(func(f *Facts) { f.Secret.Rotation.Enabled = false }), Nothing, "rotation is off", time.Time{}},
		{"a deleted secret is left alone", due(func(f *Facts) { f.Secret.DeletionDate = noon.Add(24 * time.Hour) }), Nothing, "rotation is off", time.Time{}},
		{"what is left of the last rotation is no attempt", due(func(f *Facts) {
			f.Task.Token, f.Task.Resolve = token, true
		}), Start, "schedule", time.Time{}},
		{"a clock that jumped holds a scheduled start", due(func(f *Facts) { f.ClockHeld = "the clock jumped by 1h" }), Wait, "the clock jumped by 1h", noon.Add(time.Minute)},

		{"a scheduled start whose window has closed waits for the next", due(func(f *Facts) { f.MayStart = noon.Add(14 * time.Hour) }), Wait, "its window has closed", noon.Add(14 * time.Hour)},
		{"one in an open window does not", due(func(f *Facts) { f.MayStart = noon }), Start, "schedule", time.Time{}},
		{"an open overlap is said before a closed window: it is what a person can end", due(func(f *Facts) {
			f.MayStart, f.Open = noon.Add(14*time.Hour), []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Wait, "an overlap is open", noon.Add(time.Hour)},
		{"a clock that jumped cannot tell that a window has closed", due(func(f *Facts) {
			f.MayStart, f.ClockHeld = noon.Add(14*time.Hour), "the clock jumped by 1h"
		}), Wait, "the clock jumped by 1h", noon.Add(time.Minute)},
		{"a rotation that was asked for needs no window", running(func(f *Facts) { f.MayStart = noon.Add(14 * time.Hour) }), Attempt, "asked for", time.Time{}},

		{"a rotation that was asked for runs", running(same), Attempt, "asked for by somebody", time.Time{}},
		{"a retry says which one it is and why", running(func(f *Facts) { f.Task.Attempt, f.Task.LastError = 2, "no route" }), Attempt, "attempt 3 after: no route", time.Time{}},
		{"a retry waits for its time", running(func(f *Facts) { f.Task.Due = noon.Add(time.Second) }), Nothing, "not due", time.Time{}},
		{"a rotation that runs is not held by the clock", running(func(f *Facts) { f.ClockHeld = "the clock jumped" }), Attempt, "asked for", time.Time{}},
		{"a rotation that was asked for cuts an overlap short", running(func(f *Facts) { f.Open = []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))} }), Attempt, "asked for", time.Time{}},
		{"a set-up test runs", running(func(f *Facts) { f.Task.Kind = store.Test }), Attempt, "asked for", time.Time{}},
		{"a rotation that moved AWSCURRENT and did not complete goes on", running(func(f *Facts) {
			f.Secret.Stages = map[string][]rota.Label{old: {rota.Previous}, token: {rota.Current}}
		}), Attempt, "asked for", time.Time{}},

		{"an attempt that was given up is resolved", running(func(f *Facts) { f.Task.Resolve, f.Task.LastError = true, "refused" }), Resolve, "given up: refused", time.Time{}},
		{"also where rotation is off", running(func(f *Facts) { f.Task.Resolve, f.Secret.Rotation.Enabled = true, false }), Resolve, "given up", time.Time{}},
		{"also where the secret is deleted", running(func(f *Facts) { f.Task.Resolve, f.Secret.DeletionDate = true, noon }), Resolve, "given up", time.Time{}},
		{"a resolution that failed waits for its next try", running(func(f *Facts) { f.Task.Resolve, f.Task.Due = true, noon.Add(time.Second) }), Nothing, "not due", time.Time{}},
		{"an attempt whose AWSPENDING was taken away is resolved", running(func(f *Facts) { delete(f.Secret.Stages, token) }), Resolve, "AWSPENDING is no longer on the version", time.Time{}},
		{"an attempt whose AWSPENDING is on another version is resolved", running(func(f *Facts) {
			f.Secret.Stages[token], f.Secret.Stages["other"] = nil, []rota.Label{rota.Pending}
		}), Resolve, "AWSPENDING", time.Time{}},

		{"an open overlap holds a scheduled start where two may live", due(func(f *Facts) {
			f.Open = []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Wait, "allows 2 credentials at once and an overlap is open until 2026-11-23T13:00:00Z", noon.Add(time.Hour)},
		{"where three may live one open overlap holds nothing", due(func(f *Facts) {
			f.Task.Capacity, f.Open = 3, []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Start, "schedule", time.Time{}},
		{"where three may live two hold it until the first ends", due(func(f *Facts) {
			f.Task.Capacity = 3
			f.Open = []rota.Credential{open(rota.Superseded, noon.Add(2*time.Hour)), open(rota.Superseded, noon.Add(time.Hour))}
		}), Wait, "until 2026-11-23T13:00:00Z", noon.Add(time.Hour)},
		{"where many may live no overlap holds anything", due(func(f *Facts) {
			f.Task.Capacity, f.Open = 0, []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Start, "schedule", time.Time{}},
		{"where one may live there is no overlap", due(func(f *Facts) {
			f.Task.Capacity, f.Open = 1, []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Start, "schedule", time.Time{}},
		{"what ends at the next rotation does not hold it: this is the next rotation", due(func(f *Facts) {
			f.Open = []rota.Credential{open(rota.Superseded, time.Time{})}
		}), Start, "schedule", time.Time{}},
		{"an ending that is overdue holds it, and is looked at again soon", due(func(f *Facts) {
			f.Open = []rota.Credential{open(rota.Ending, noon.Add(-time.Hour))}
		}), Wait, "an overlap is open", noon.Add(time.Minute)},
		{"a held ending holds it", due(func(f *Facts) { f.Open = []rota.Credential{open(rota.Held, noon.Add(time.Hour))} }), Wait, "an overlap is open", noon.Add(time.Hour)},
		{"a held ending of the next rotation holds it", due(func(f *Facts) { f.Open = []rota.Credential{open(rota.Held, time.Time{})} }), Wait, "an overlap is open", noon.Add(time.Minute)},
		{"a jump of the clock is said before an overlap", due(func(f *Facts) {
			f.ClockHeld, f.Open = "the clock jumped", []rota.Credential{open(rota.Superseded, noon.Add(time.Hour))}
		}), Wait, "the clock jumped", noon.Add(time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(c.facts)
			if d.Action != c.action || !strings.Contains(d.Reason, c.reason) {
				t.Errorf("got %s because %q, want %s because %q", d.Action, d.Reason, c.action, c.reason)
			}
			if !d.Until.Equal(c.until) {
				t.Errorf("until %s, want %s", d.Until, c.until)
			}
			if d.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}
