package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// late is how long after its time an ending may come: labels carry whole
// seconds.
const late = 2 * time.Second

// The provider refuses the old credential, and that is proven,
// when the policy says, neither earlier nor later; after a downtime at once.
func TestTheOldCredentialDiesWhenThePolicySays(t *testing.T) {
	for _, p := range []struct {
		name, rotator, expire string
		after                 time.Duration
		policy                string // in the ledger
	}{
		{"a key immediately", "keys", "immediately", 0, "immediately"},
		{"a key after five minutes", "keys", "after 5m", 5 * time.Minute, "after 5m"},
		{"a key without a policy after a day", "keys", "", wholeDay, "after 24h"},
		{"one of two users after ninety seconds", "two", "after 90s", 90 * time.Second, "after 90s"},
		{"one of two users without a policy after a day", "two", "", wholeDay, "after 24h"},
		{"a single user's password, whatever the policy says", "users", "after 7d", 0, rotation.NotApplicable},
	} {
		for _, r := range []struct {
			name          string
			stop, restart time.Duration // after the finish, in parts of the overlap of 100
		}{
			{"", 0, 0},
			{"with two restarts meanwhile", 30, 60},
			{"with the process stopped when its time comes", 50, 150},
		} {
			if r.stop > 0 && p.after == 0 {
				continue
			}
			t.Run(strings.TrimSpace(p.name+" "+r.name), func(t *testing.T) {
				live(t, func(t *testing.T, l *life) {
					l.start()
					var tags []rota.Tag
					if p.expire != "" {
						tags = append(tags, tag("rota:expire", p.expire))
					}
					old, who, rotator := firstUser("app"), "app", "users"
					switch p.rotator {
					case "keys":
						l.key("app", tags...)
						old, who, rotator = firstKey("app"), "id-app", "keys"
					case "two":
						l.twoUsers("app", tags...)
					default:
						l.user("app", tags...)
					}
					first := l.version("app")
					l.rotate("app", rotator, rules("rate(30 days)"))
					l.rotated("app", first, time.Minute)
					finish := l.invokedFor("app", rota.FinishSecret)[0].to
					soonest, latest := finish.Add(p.after), finish.Add(p.after+late)
					if r.stop > 0 {
						l.sleep(time.Until(finish.Add(p.after * r.stop / 100)))
						l.stop()
						time.Sleep(time.Until(finish.Add(p.after * r.restart / 100)))
						l.start()
						if r.restart > 100 {
							latest = time.Now().Add(late)
						} else {
							l.restart()
						}
					}
					if r.restart < 100 && p.after > 0 {
						l.sleep(time.Until(soonest) - time.Millisecond)
						if !l.provider.Accepts(old) {
							t.Fatalf("the old credential died at %s, early: its time is %s", l.death(who), soonest)
						}
						l.wantState("app", first, rota.Superseded)
					}
					l.sleep(time.Until(latest.Add(time.Millisecond)))

					c := l.credential("app", first)
					if l.provider.Accepts(old) || c.State != rota.ProvenDead || c.Changed.Before(soonest.Truncate(time.Millisecond)) || c.Changed.After(latest) {
						t.Errorf("accepted: %t; %s at %s (%s), want proven dead between %s and %s", l.provider.Accepts(old), c.State, c.Changed, c.Evidence, soonest, latest)
					}
					if died := l.death(who); p.rotator != "users" && (died.Before(soonest) || died.After(latest)) {
						t.Errorf("it died at %s, want between %s and %s", died, soonest, latest)
					}
					if c.Policy != p.policy {
						t.Errorf("its policy is %q, want %q", c.Policy, p.policy)
					}
					if n := len(l.invokedFor("app", rota.ExpireSecret)); n != 1 {
						t.Errorf("expireSecret was invoked %d times", n)
					}
				})
			})
		}
	}
}

func TestWithNextRotationTheOldCredentialDiesBeforeTheNextIsMade(t *testing.T) {
	for _, c := range []struct{ rotator, make string }{{"keys", "mint"}, {"users", "set"}} {
		t.Run(c.rotator, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				old := firstKey("app")
				if c.rotator == "keys" {
					l.key("app", tag("rota:expire", "next-rotation"))
				} else {
					l.twoUsers("app", tag("rota:expire", "next-rotation"))
					old = firstUser("app")
				}
				first := l.version("app")
				l.rotate("app", c.rotator, rules("rate(12 hours)"))
				l.rotated("app", first, time.Minute)
				second := l.version("app")
				asked := 0
				l.gate.set(func(_ context.Context, p providerCall) error {
					if p.op == c.make && p.secret == "app" {
						asked++
						if l.provider.Accepts(old) {
							t.Errorf("the next credential is made while the old one is alive")
						}
					}
					return nil
				})
				l.sleep(6 * time.Hour)
				l.restart()
				l.sleep(5 * time.Hour)
				if !l.provider.Accepts(old) {
					t.Fatal("it died before the next rotation")
				}
				if row := l.credential("app", first); row.State != rota.Superseded || !row.Due.IsZero() || row.Policy != "next-rotation" {
					t.Errorf("the ledger says %s, due %s, policy %q", row.State, row.Due, row.Policy)
				}
				l.rotated("app", second, 3*time.Hour)
				if asked != 1 || len(l.starts("app")) != 1 {
					t.Errorf("%d credentials were made by %d starts", asked, len(l.starts("app")))
				}
				l.wantState("app", first, rota.ProvenDead)
				l.wantState("app", second, rota.Superseded)
				l.wantSaid("app", "createSecret", rota.OutcomeOK, "version "+first+": proven dead")
			})
		})
	}
}

// A failure to end what waits for the next rotation is reported, and blocks
// only where its place is needed.
func TestAnEndingThatFailsAtTheNextRotationBlocksOnlyWhereItsPlaceIsNeeded(t *testing.T) {
	for _, c := range []struct {
		rotator, op string
		blocks      bool
	}{{"keys", "revoke", false}, {"users", "end", true}} {
		t.Run(c.rotator, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				if c.rotator == "keys" {
					l.key("app", tag("rota:expire", "next-rotation"))
				} else {
					l.twoUsers("app", tag("rota:expire", "next-rotation"))
				}
				first := l.version("app")
				l.rotate("app", c.rotator, rules("rate(2 days)"))
				l.rotated("app", first, time.Minute)
				second := l.version("app")
				l.gate.set(failing(c.op, 1_000_000, errDown))
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.sleep(5 * time.Minute)
				if got := l.version("app"); (got == second) != c.blocks {
					t.Errorf("AWSCURRENT is on %s", got)
				}
				if c.blocks {
					l.wantSaid("app", "createSecret", rota.OutcomeFailed, "allows 2 credentials and the old one did not end", errDown.Error())
				} else {
					l.wantSaid("app", "createSecret", rota.OutcomeOK, "version "+first+" did not end", errDown.Error())
				}
				l.gate.set(nil)
				if c.blocks {
					l.rotated("app", second, 20*time.Minute)
				} else if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.sleep(time.Minute)
				l.wantState("app", first, rota.ProvenDead)
			})
		})
	}
}

// A person ends now, holds, resumes, or names another time.
func TestAPersonDecidesOnAnEnding(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name string
		at   time.Duration // of the decision, after the finish
		what func(now time.Time) store.EndingChange
		then time.Duration // of a resumption; 0: none
		dies time.Duration // after the finish
	}{
		{"now", hour, func(time.Time) store.EndingChange { return store.EndingChange{Now: true} }, 0, hour},
		{"until a later time", hour, func(now time.Time) store.EndingChange { return store.EndingChange{Until: now.Add(9 * hour)} }, 0, 10 * hour},
		{"until an earlier time", hour, func(now time.Time) store.EndingChange { return store.EndingChange{Until: now.Add(hour)} }, 0, 2 * hour},
		{"held, and resumed before its time", hour, func(time.Time) store.EndingChange { return store.EndingChange{Hold: true} }, 3 * hour, 6 * hour},
		{"held, and resumed past its time", hour, func(time.Time) store.EndingChange { return store.EndingChange{Hold: true} }, 8 * hour, 8 * hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.key("app", tag("rota:expire", "after 6h"))
				first := l.version("app")
				l.rotate("app", "keys", rules("rate(30 days)"))
				l.rotated("app", first, time.Minute)
				finish := l.invokedFor("app", rota.FinishSecret)[0].to
				l.sleep(time.Until(finish.Add(c.at)))
				l.ending("app", c.what(time.Now()))
				l.restart()
				if c.then > 0 {
					l.sleep(time.Until(finish.Add(c.then)) - time.Second)
					l.wantState("app", first, rota.Held)
					if !l.provider.Accepts(firstKey("app")) {
						t.Error("it died while it was held")
					}
					l.sleep(time.Second)
					l.ending("app", store.EndingChange{Resume: true})
				}
				l.sleep(time.Until(finish.Add(c.dies).Add(late)))
				l.wantState("app", first, rota.ProvenDead)
				if died := l.death("id-app"); died.Before(finish.Add(c.dies)) || died.After(finish.Add(c.dies).Add(late)) {
					t.Errorf("it died %s after the finish, want %s", died.Sub(finish), c.dies)
				}
			})
		})
	}
}

// Invariant 10: while old and new overlap a rollback is a label move.
func TestARollbackWithinTheOverlapCancelsTheEnding(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.key("app", tag("rota:expire", "after 2h"))
		first := l.version("app")
		l.rotate("app", "keys", rules("rate(3 days)"))
		l.rotated("app", first, time.Minute)
		second := l.version("app")
		l.sleep(time.Hour)
		_, err := l.store.UpdateSecretVersionStage(t.Context(), caller, store.UpdateSecretVersionStageInput{
			SecretID: "app", VersionStage: rota.Current, RemoveFromVersionID: second, MoveToVersionID: first,
		})
		if err != nil {
			t.Fatal(err)
		}
		l.sleep(5 * time.Hour)
		l.restart()
		l.sleep(5 * time.Hour)
		l.wantState("app", first, rota.Live)
		if !l.provider.Accepts(firstKey("app")) {
			t.Error("the credential that is AWSCURRENT again was ended")
		}
		if n := len(l.invokedFor("app", rota.ExpireSecret)); n != 0 {
			t.Errorf("expireSecret was invoked %d times", n)
		}
	})
}
