package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// overlapped is a secret of two users whose overlap of six hours began at
// 9:40, and whose schedule starts the next rotation between 12 and 13.
func overlapped(t *testing.T, l *life) (old string) {
	t.Helper()
	time.Sleep(time.Until(monday))
	l.start()
	l.twoUsers("app", tag("rota:expire", "after 6h"))
	old = l.version("app")
	l.rotate("app", "users", rules("rate(4 hours)"))
	l.rotated("app", old, time.Minute)
	return old
}

// waits are the entries that say that a start waits.
func (l *life) waits(name string) (out []rota.JournalEntry) {
	for _, e := range l.journal(name, "scheduled") {
		if e.Outcome == rota.OutcomeWaiting {
			out = append(out, e)
		}
	}
	return out
}

func TestAScheduledRotationWaitsForTheOpenOverlap(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := overlapped(t, l)
		ends := l.credential("app", old).NotBefore
		second := l.version("app")
		l.sleep(time.Until(ends) - time.Second)
		if v := l.version("app"); v != second || !l.provider.Accepts(firstUser("app")) {
			t.Fatalf("before the overlap ends AWSCURRENT is on %s and the old credential accepted: %t", v, l.provider.Accepts(firstUser("app")))
		}
		reason := "the provider allows 2 credentials at once and an overlap is open until " + ends.UTC().Format(time.RFC3339)
		waits := l.waits("app")
		if len(waits) != 1 || waits[0].Cause != reason || !strings.Contains(waits[0].Next, ends.UTC().Format(time.RFC3339)) {
			t.Errorf("the journal says %+v, want once that %s", waits, reason)
		}
		if len(waits) > 0 && (waits[0].Started.Hour() != 12 || waits[0].Started.Minute() > 30) {
			t.Errorf("it waits since %s, want since its window opened at twelve", waits[0].Started)
		}
		if task := l.task("app"); task.LastError != reason || task.Attempt != 0 || !task.Due.Equal(ends) {
			t.Errorf("while it waits the task says %q, %d attempts, due at %s", task.LastError, task.Attempt, task.Due)
		}

		// The window of twelve closed at one: it starts in the next one.
		l.rotated("app", second, time.Hour)
		if now := time.Now(); now.Hour() != 16 {
			t.Errorf("it rotated at %s, want in the window from sixteen", now)
		}
		proof := l.credential("app", old)
		if starts := l.starts("app"); len(starts) != 1 || proof.State != rota.ProvenDead || starts[0].Before(proof.Changed) {
			t.Errorf("starts: %s, want one after the old credential was %s at %s", starts, proof.State, proof.Changed)
		}
		if got := l.task("app").LastError; got != "" {
			t.Errorf("after the rotation the task says %q", got)
		}
	})
}

func TestARotationThatIsAskedForCutsTheOverlapShortAndSaysWhich(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := overlapped(t, l)
		second := l.version("app")
		l.sleep(time.Hour)
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.rotated("app", second, time.Minute)
		l.wantSaid("app", "setSecret", rota.OutcomeOK, "cuts the overlap of version "+old+" short")
		if len(l.waits("app")) != 0 {
			t.Error("the asked rotation waited")
		}
		l.sleep(5 * time.Second)
		l.wantState("app", old, rota.ProvenDead)
		if c := l.credential("app", old); !strings.Contains(c.Policy, "overwritten by version "+l.version("app")) {
			t.Errorf("the policy of the credential that was cut short is %q", c.Policy)
		}
		// The other overlap begins now.
		l.wantState("app", second, rota.Superseded)
		if !l.provider.Accepts(l.value("app", second)) {
			t.Error("the credential that was just replaced is dead already")
		}
	})
}

func TestAHeldEndingKeepsTheScheduleWaitingUntilItIsResumed(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := overlapped(t, l)
		second := l.version("app")
		l.ending("app", store.EndingChange{Hold: true})
		l.sleep(10 * time.Hour)
		if v := l.version("app"); v != second || !l.provider.Accepts(firstUser("app")) {
			t.Fatalf("while its ending is held AWSCURRENT is on %s and the old credential accepted: %t", v, l.provider.Accepts(firstUser("app")))
		}
		waits := l.waits("app")
		if len(waits) != 1 || !strings.Contains(waits[0].Cause, "an overlap is open whose ending is held") {
			t.Errorf("in hours of waiting the journal said %d times why, want once that the ending is held", len(waits))
			for _, w := range waits[:min(5, len(waits))] {
				t.Logf("%s: %s", w.Started, w.Cause)
			}
		}
		if got := l.task("app").LastError; !strings.Contains(got, "held") {
			t.Errorf("the task says %q, want that the ending is held", got)
		}
		l.restart()
		l.sleep(time.Hour)
		if v := l.version("app"); v != second {
			t.Error("a restart ended the hold")
		}

		l.ending("app", store.EndingChange{Resume: true})
		l.rotated("app", second, 5*time.Minute)
		l.wantState("app", old, rota.ProvenDead)
	})
}

func TestAnAskedRotationGoesAheadOfAHeldEnding(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		old := overlapped(t, l)
		second := l.version("app")
		l.ending("app", store.EndingChange{Hold: true})
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.rotated("app", second, time.Minute)
		l.wantSaid("app", "setSecret", rota.OutcomeOK, "cuts the overlap of version "+old+" short")
		l.wantState("app", old, rota.Held) // a person's hold is a person's to lift
		if err := l.store.SetEnding(t.Context(), caller, "app", old, store.EndingChange{Resume: true}); err != nil {
			t.Fatal(err)
		}
		l.sleep(2 * time.Second)
		l.wantState("app", old, rota.ProvenDead)
	})
}

// Where many may live at once, nothing waits.
func TestOverlapsOfMintedKeysHoldNothing(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.key("app", tag("rota:expire", "after 20h"))
		l.rotate("app", "keys", rules("rate(4 hours)"))
		l.sleep(18 * time.Hour)
		if got := len(l.starts("app")); got != 4 || len(l.waits("app")) != 0 {
			t.Errorf("%d starts and %d waits in 18 hours, want 4 and none", got, len(l.waits("app")))
		}
		if got := len(l.provider.Keys()); got != 6 {
			t.Errorf("%d keys are alive, want the current one and five that overlap", got)
		}
		l.sleep(12 * time.Hour)
		if got := len(l.provider.Keys()); got > 6 {
			t.Errorf("%d keys are alive, want not more than six", got)
		}
	})
}
