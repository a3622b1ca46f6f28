package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// monday is when the six days begin, in the middle of the morning.
var monday = time.Date(2000, 1, 3, 9, 40, 0, 0, time.UTC)

// opening is when the windows of a schedule open, worked out by hand: day
// says which days of the six days, hours which hours of them.
type opening struct {
	days  func(day int) bool // of January 2000; the 1st was a Saturday
	hours []int
	long  time.Duration
}

func (o opening) windows(from, to time.Time) (opens []time.Time) {
	for d := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); d.Before(to); d = d.AddDate(0, 0, 1) {
		if d.Month() != time.January || !o.days(d.Day()) {
			continue
		}
		for _, h := range o.hours {
			if open := d.Add(time.Duration(h) * time.Hour); open.After(from) && !open.Add(o.long).After(to) {
				opens = append(opens, open)
			}
		}
	}
	return opens
}

func every(n int) func(int) bool { return func(day int) bool { return (day-3)%n == 0 } }
func on(days ...int) func(int) bool {
	return func(day int) bool { return slices.Contains(days, day) }
}

const wholeDay = 24 * time.Hour

// Each secret starts once in each of its windows
// and never outside, and shows the dates that AWS documents.
func TestSixDaysOfSchedules(t *testing.T) {
	rows := []struct {
		name  string
		rules rota.Rules
		opening
		days int    // AutomaticallyAfterDays after the first rotation
		last int    // and after the last one
		next string // NextRotationDate at the end
	}{
		{"rate of four hours, a window of one hour", rules("rate(4 hours)"), opening{every(1), []int{0, 4, 8, 12, 16, 20}, time.Hour}, 1, 1, "2000-01-09 12:59:59"},
		{"rate of twelve hours with a Duration", rules("rate(12 hours) + 5h"), opening{every(1), []int{0, 12}, 5 * time.Hour}, 1, 1, "2000-01-09 16:59:59"},
		{"rate of one day, the whole day", rules("rate(1 day)"), opening{every(1), []int{0}, wholeDay}, 1, 1, "2000-01-10 23:59:59"},
		{"rate of three days with a Duration", rules("rate(3 days) + 3h"), opening{every(3), []int{0}, 3 * time.Hour}, 3, 3, "2000-01-12 02:59:59"},
		{"every two days by AutomaticallyAfterDays", rota.Rules{AfterDays: 2}, opening{every(2), []int{0}, wholeDay}, 2, 2, "2000-01-11 23:59:59"},
		{"cron from eight, every eight hours", rules("cron(0 8/8 * * ? *)"), opening{every(1), []int{8, 16}, time.Hour}, 1, 1, "2000-01-09 16:59:59"},
		{"cron on working days, until midnight", rules("cron(0 10 ? * MON-FRI *)"), opening{on(3, 4, 5, 6, 7, 10), []int{10}, 14 * time.Hour}, 1, 3, "2000-01-10 23:59:59"},
		{"cron on the fifth and the eighth, two hours", rules("cron(0 16 5,8 * ? *) + 2h"), opening{on(5, 8), []int{16}, 2 * time.Hour}, 2, 28, "2000-02-05 17:59:59"},
		{"no schedule", rota.Rules{}, opening{on(), nil, 0}, 0, 0, ""},
	}
	live(t, func(t *testing.T, l *life) {
		time.Sleep(time.Until(monday))
		l.start()
		name := func(i int) string { return fmt.Sprintf("s%d", i) }
		for i, row := range rows {
			l.user(name(i))
			l.rotate(name(i), "users", row.rules)
		}
		synctest.Wait()
		for i, row := range rows {
			if got := l.describe(name(i)).Rotation.Rules.AfterDays; got != row.days {
				t.Errorf("%s: AutomaticallyAfterDays %d after the first rotation, want %d", row.name, got, row.days)
			}
		}
		until := monday.AddDate(0, 0, 6)
		for !t.Failed() && time.Now().Before(until) {
			l.sleep(time.Hour)
			for i, row := range rows {
				r := l.describe(name(i)).Rotation
				finished := l.invokedFor(name(i), rota.FinishSecret)
				if last := finished[len(finished)-1]; r.Last.Sub(last.to).Abs() > time.Second {
					t.Errorf("%s, at %s: LastRotatedDate %s, want %s", row.name, time.Now(), r.Last, last.to)
				}
				// The latest moment of the first window that was not used; the
				// first rotation was asked for.
				if windows := row.windows(monday, until.AddDate(0, 0, 3)); len(finished) <= len(windows) {
					if want := windows[len(finished)-1].Add(row.long - time.Second); !r.Next.Equal(want) {
						t.Errorf("%s, at %s: NextRotationDate %s, want %s", row.name, time.Now(), r.Next, want)
					}
				}
			}
		}
		for i, row := range rows {
			starts, windows := l.starts(name(i)), row.windows(monday, until)
			open := row.windows(monday, until.Add(wholeDay)) // one may be open, and used or not
			if len(starts) < len(windows) || len(starts) > len(open) {
				t.Errorf("%s: %d starts, want one in each of %d windows", row.name, len(starts), len(windows))
				continue
			}
			for j, at := range starts {
				if at.Before(open[j]) || !at.Before(open[j].Add(row.long)) {
					t.Errorf("%s: start %d at %s, want one in the %s from %s", row.name, j+1, at, row.long, open[j])
				}
			}
			if got := l.provider.Effects("set"); got == 0 {
				t.Error("nothing was set at the provider")
			}
			r := l.describe(name(i)).Rotation
			if r.Rules.AfterDays != row.last || r.Rules.Expression != row.rules.Expression || r.Rules.Duration != row.rules.Duration {
				t.Errorf("%s: at the end its rules are %+v, want those that were given and AutomaticallyAfterDays %d", row.name, r.Rules, row.last)
			}
			if next := r.Next; row.next != "" && next.Format(time.DateTime) != row.next || row.next == "" && !next.IsZero() {
				t.Errorf("%s: at the end NextRotationDate is %s, want %s", row.name, next, row.next)
			}
			l.wantIdle(name(i))
		}
	})
}

// What shares a window does not start at one moment.
func TestStartsOfOneWindowAreSpreadOverIt(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		const n = 20
		for i := range n {
			l.user(fmt.Sprint("s", i))
			l.plan(fmt.Sprint("s", i), "users", rules("rate(4 hours)"))
		}
		l.sleep(5 * time.Hour)
		var all []time.Time
		for i := range n {
			all = append(all, l.starts(fmt.Sprint("s", i))...)
		}
		slices.SortFunc(all, time.Time.Compare)
		if len(all) != n {
			t.Fatalf("%d starts, want %d", len(all), n)
		}
		if d := all[n-1].Sub(all[0]); d < 15*time.Minute {
			t.Errorf("all starts are within %s of each other", d)
		}
	})
}

// Cancelled, deleted and never set up secrets do not
// start, and one that is turned on again starts with the next window.
func TestRotationThatIsOff(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		ctx := context.Background()
		l.start()
		for _, n := range []string{"on", "cancelled", "deleted", "never"} {
			l.user(n)
			if n != "never" {
				l.plan(n, "users", rules("rate(4 hours)"))
			}
		}
		if _, err := l.store.CancelRotateSecret(ctx, caller, "cancelled"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.store.DeleteSecret(ctx, caller, store.DeleteSecretInput{SecretID: "deleted"}); err != nil {
			t.Fatal(err)
		}
		tests := len(l.invoked("cancelled"))
		l.sleep(23 * time.Hour)
		l.restart()
		l.sleep(2 * time.Hour)
		for name, want := range map[string]int{"on": 6, "cancelled": 0, "deleted": 0} {
			if got := len(l.starts(name)); got != want {
				t.Errorf("a secret that is %s started %d times, want %d", name, got, want)
			}
		}
		if got := len(l.invoked("cancelled")); got != tests || len(l.invoked("never")) != 0 {
			t.Errorf("%d invocations for what is off", got-tests+len(l.invoked("never")))
		}
		if r := l.describe("cancelled").Rotation; !r.Next.IsZero() || !r.Last.IsZero() {
			t.Errorf("while rotation is off it shows the dates %s and %s", r.Last, r.Next)
		}

		// It is one o'clock: the next window opens at four.
		l.plan("cancelled", "users", rules("rate(4 hours)"))
		if _, err := l.store.RestoreSecret(ctx, caller, "deleted"); err != nil {
			t.Fatal(err)
		}
		l.sleep(2 * time.Hour)
		for _, name := range []string{"cancelled", "deleted"} {
			if got := l.starts(name); len(got) != 0 {
				t.Errorf("%s starts at %s, outside of its windows, since it is on again", name, got)
			}
		}
		l.sleep(2 * time.Hour)
		for _, name := range []string{"cancelled", "deleted"} {
			if got := l.starts(name); len(got) != 1 || got[0].Hour() != 4 {
				t.Errorf("%s starts at %s, want once, in the hour from four", name, got)
			}
		}
	})
}

// It counts as a rotation for a schedule that counts days,
// and is no LastRotatedDate; a cron schedule does not care.
func TestAValuePutByHandCountsAsARotation(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		for _, n := range []string{"days", "cron"} {
			l.user(n)
		}
		l.rotate("days", "users", rota.Rules{AfterDays: 3})
		l.rotate("cron", "users", rules("cron(0 0 4 * ? *)"))
		l.sleep(wholeDay * 2)
		last := l.describe("days").Rotation.Last
		for _, n := range []string{"days", "cron"} {
			l.provider.AddUser(n, "by hand")
			_, err := l.store.PutSecretValue(t.Context(), caller, store.PutSecretValueInput{SecretID: n, ClientRequestToken: l.newID(), Value: rotationtest.UserValue(n, "by hand")})
			if err != nil {
				t.Fatal(err)
			}
		}
		if r := l.describe("days").Rotation; !r.Last.Equal(last) || r.Next.Day() != 6 {
			t.Errorf("after a value by hand on the 3rd LastRotatedDate is %s and NextRotationDate %s, want %s and the 6th", r.Last, r.Next, last)
		}
		l.sleep(wholeDay * 2) // the 5th
		if got := l.starts("days"); len(got) != 0 {
			t.Errorf("it started at %s, although a value was put on the 3rd", got)
		}
		if got := l.starts("cron"); len(got) != 1 || got[0].Day() != 4 {
			t.Errorf("the cron schedule started at %s, want once on the 4th", got)
		}
		l.sleep(wholeDay * 2)
		if got := l.starts("days"); len(got) != 1 || got[0].Day() != 6 {
			t.Errorf("it started at %s, want once on the 6th", got)
		}
	})
}
