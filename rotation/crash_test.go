package rotation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// faultsOf is what can go wrong at a point: a read only fails, a write may
// have happened, a provider may do it late.
func faultsOf(point string) []rotationtest.Fault {
	faults := []rotationtest.Fault{rotationtest.StopBefore, rotationtest.NotDoneUnclear}
	if point != "home read" {
		faults = append(faults, rotationtest.StopAfter, rotationtest.DoneUnknown)
	}
	if strings.HasPrefix(point, "provider ") {
		faults = append(faults, rotationtest.DoneLate)
	}
	return faults
}

// trip rotates once and ends the old credential under the given plans of
// faults: whatever fails is called again, and each process that is stopped is
// followed by one with the next plan.
func (w *world) trip(plans ...*points) string {
	w.t.Helper()
	token := w.begin()
	restart := func() {
		if p := append(plans, noFault()); w.points != p[0] || w.points.Stopped() {
			w.use(p[0])
			plans = p[1:]
		}
	}
	restart()
	do := func(step rota.Step, version string) error {
		_, err := w.do(step, version)
		w.checkCurrent("after " + string(step))
		if w.points.Stopped() {
			restart()
		}
		return err
	}
	var err error
	for range 6 {
		for _, s := range steps {
			if err = do(s, token); err != nil {
				break
			}
		}
		if err == nil {
			break
		}
		w.pass(time.Minute)
	}
	if err != nil {
		w.t.Fatalf("the rotation does not come to an end: %v", err)
	}
	if err := w.home.Complete(name, token); err != nil {
		w.t.Fatal(err)
	}
	w.pass(3 * time.Hour)
	due := w.home.Due(w.now)
	for range 6 {
		for _, version := range due {
			if err := do(rota.ExpireSecret, version); err == nil && w.place == onAWS {
				due = nil // AWS sends an event again only after an error
			}
		}
		w.pass(time.Hour)
		due = append(w.home.Due(w.now), due...)
	}
	return token
}

// checkCurrent is invariant 1, as far as the kind can hold it.
func (w *world) checkCurrent(when string) {
	w.t.Helper()
	if w.kind.capacity != 1 && !w.provider.Accepts(w.current()) {
		w.t.Errorf("%s the provider refuses AWSCURRENT", when)
	}
}

// verify is the good end of a rotation and its ending.
func (w *world) verify(token string) {
	w.t.Helper()
	s := w.home.Secret(name)
	if got := s.VersionOf(rota.Current); got != token {
		w.t.Errorf("AWSCURRENT is on %s, want %s", got, token)
	}
	w.wantAccepted("AWSCURRENT", w.current())
	w.wantRefused("the old credential", w.kind.first)
	w.wantEnds()
	if v := s.VersionOf(rota.Pending); v != "" {
		w.t.Errorf("AWSPENDING is left on %s", v)
	}
	alive := 1
	if w.kind.rotator == "model-users" {
		alive = 0
	}
	if keys := w.provider.Keys(); len(keys) != alive {
		w.t.Errorf("keys alive at the provider: %v, want %d", keys, alive)
	}
	if w.place == onAWS {
		return
	}
	w.wantState(first, rota.ProvenDead)
	for _, c := range w.home.Rows() {
		switch {
		case c.Version == token && c.State == rota.Live:
			alive--
		case c.State != rota.ProvenDead:
			w.t.Errorf("the ledger is left with version %s %q: %s", c.Version, c.State, c.Evidence)
		}
	}
	if w.kind.rotator != "model-users" && alive != 0 {
		w.t.Errorf("the ledger does not have exactly one live credential: %v", w.home.Rows())
	}
}

// TestACrashOrFaultAtAnyCallIsSurvived stops the process before and after
// every call of the handler, to its home and to its provider, or lets the
// call fail in each way that a network can, and then goes on.
func TestACrashOrFaultAtAnyCallIsSurvived(t *testing.T) {
	eachWay(t, func(t *testing.T, start func(t *testing.T) *world, clean []string) (cases int) {
		for i, point := range clean {
			for _, fault := range faultsOf(point) {
				cases++
				t.Run(fmt.Sprintf("%03d %s %s", i, point, fault), func(t *testing.T) {
					w := start(t)
					p := &points{at: i, fault: fault}
					token := w.trip(p)
					w.provider.ArriveLate()
					w.verify(token)
					if len(p.names) <= i {
						t.Error("the point was never reached")
					}
				})
			}
		}
		return cases
	})
}

// TestTwoCrashesAreSurvived stops the process after each effect, and the
// next one after each of the effects that follow.
func TestTwoCrashesAreSurvived(t *testing.T) {
	eachWay(t, func(t *testing.T, start func(t *testing.T) *world, clean []string) (cases int) {
		for i, point := range clean {
			if point == "home read" {
				continue
			}
			then := noFault()
			w := start(t)
			w.verify(w.trip(&points{at: i, fault: rotationtest.StopAfter}, then))
			for k, second := range then.names {
				if second == "home read" {
					continue
				}
				cases++
				t.Run(fmt.Sprintf("%03d %s then %03d %s", i, point, k, second), func(t *testing.T) {
					w := start(t)
					w.verify(w.trip(&points{at: i, fault: rotationtest.StopAfter}, &points{at: k, fault: rotationtest.StopAfter}))
				})
			}
		}
		return cases
	})
}

// eachWay runs a matrix for each kind, home and policy, over the points of a
// clean run.
func eachWay(t *testing.T, matrix func(t *testing.T, start func(t *testing.T) *world, clean []string) (cases int)) {
	for _, policy := range []string{"after 1h", "immediately"} {
		for _, k := range kinds {
			for _, where := range places {
				t.Run(strings.Join([]string{k.name, string(where), policy}, ", "), func(t *testing.T) {
					start := func(t *testing.T) *world { return newWorld(t, k, where, policy) }
					w, clean := start(t), noFault()
					w.verify(w.trip(clean))
					for _, point := range []string{"home put", "home label", "home timer"} {
						if !slices.Contains(clean.names, point) {
							t.Errorf("the clean run has no point %q", point)
						}
					}
					if t.Failed() {
						t.Fatalf("the clean run failed; its points were %v", clean.names)
					}
					t.Logf("%d cases at %d points", matrix(t, start, clean.names), len(clean.names))
				})
			}
		}
	}
}
