package schedule_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

// at reads "2026-11-23 16:00", UTC.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func parse(t testing.TB, r rota.Rules) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(r)
	if err != nil {
		t.Fatalf("Parse(%+v): %v", r, err)
	}
	return s
}

// show writes a window as "2026-11-23 16:00 + 2h0m0s".
func show(w schedule.Window) string {
	return w.Open.Format("2006-01-02 15:04") + " + " + w.Close.Sub(w.Open).String()
}

func TestWindowsInARow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rules  rota.Rules
		anchor string
		want   []string
	}{
		// The examples of the user guide.
		{
			"an increment without a start begins at midnight",
			rota.Rules{Expression: "cron(0 /8 * * ? *)"},
			"2026-12-31 09:00",
			[]string{"2026-12-31 16:00 + 1h0m0s", "2027-01-01 00:00 + 1h0m0s", "2027-01-01 08:00 + 1h0m0s", "2027-01-01 16:00 + 1h0m0s", "2027-01-02 00:00 + 1h0m0s"},
		},
		{
			"every eight hours from eight leaves out midnight, since it resets each day",
			rota.Rules{Expression: "cron(0 8/8 * * ? *)"},
			"2028-02-28 10:00",
			[]string{"2028-02-28 16:00 + 1h0m0s", "2028-02-29 08:00 + 1h0m0s", "2028-02-29 16:00 + 1h0m0s", "2028-03-01 08:00 + 1h0m0s"},
		},
		{
			"every twelve hours from four",
			rota.Rules{Expression: "cron(0 4/12 * * ? *)"},
			"2026-06-30 04:30",
			[]string{"2026-06-30 16:00 + 1h0m0s", "2026-07-01 04:00 + 1h0m0s", "2026-07-01 16:00 + 1h0m0s"},
		},
		{
			"every ten hours from two opens at 2, 12 and 22 on every day",
			rota.Rules{Expression: "cron(0 2/10 * * ? *)"},
			"2026-12-31 12:59",
			[]string{"2026-12-31 22:00 + 1h0m0s", "2027-01-01 02:00 + 1h0m0s", "2027-01-01 12:00 + 1h0m0s", "2027-01-01 22:00 + 1h0m0s", "2027-01-02 02:00 + 1h0m0s"},
		},
		{
			"every day at ten until the day ends",
			rota.Rules{Expression: "cron(0 10 * * ? *)"},
			"2027-02-27 10:00",
			[]string{"2027-02-28 10:00 + 14h0m0s", "2027-03-01 10:00 + 14h0m0s", "2027-03-02 10:00 + 14h0m0s"},
		},
		{
			"every Saturday at six in the evening",
			rota.Rules{Expression: "cron(0 18 ? * SAT *)"},
			"2026-12-20 00:00",
			[]string{"2026-12-26 18:00 + 6h0m0s", "2027-01-02 18:00 + 6h0m0s", "2027-01-09 18:00 + 6h0m0s"},
		},
		{
			"the first of every month",
			rota.Rules{Expression: "cron(0 8 1 * ? *)"},
			"2026-11-23 00:00",
			[]string{"2026-12-01 08:00 + 16h0m0s", "2027-01-01 08:00 + 16h0m0s", "2027-02-01 08:00 + 16h0m0s", "2027-03-01 08:00 + 16h0m0s"},
		},
		{
			"the first Sunday of every third month",
			rota.Rules{Expression: "cron(0 1 ? 1/3 SUN#1 *)"},
			"2026-11-23 00:00",
			[]string{"2027-01-03 01:00 + 23h0m0s", "2027-04-04 01:00 + 23h0m0s", "2027-07-04 01:00 + 23h0m0s", "2027-10-03 01:00 + 23h0m0s", "2028-01-02 01:00 + 23h0m0s"},
		},
		{
			"the last day of every month, in a leap year",
			rota.Rules{Expression: "cron(0 17 L * ? *)"},
			"2027-12-31 18:00",
			[]string{"2028-01-31 17:00 + 7h0m0s", "2028-02-29 17:00 + 7h0m0s", "2028-03-31 17:00 + 7h0m0s", "2028-04-30 17:00 + 7h0m0s"},
		},
		{
			"the last day of February, in a common year",
			rota.Rules{Expression: "cron(0 17 L 2 ? *)"},
			"2026-03-01 00:00",
			[]string{"2027-02-28 17:00 + 7h0m0s", "2028-02-29 17:00 + 7h0m0s", "2029-02-28 17:00 + 7h0m0s"},
		},
		{
			"from Monday to Friday",
			rota.Rules{Expression: "cron(0 8 ? * MON-FRI *)"},
			"2026-12-31 08:00",
			[]string{"2027-01-01 08:00 + 16h0m0s", "2027-01-04 08:00 + 16h0m0s", "2027-01-05 08:00 + 16h0m0s", "2027-01-06 08:00 + 16h0m0s", "2027-01-07 08:00 + 16h0m0s", "2027-01-08 08:00 + 16h0m0s", "2027-01-11 08:00 + 16h0m0s"},
		},
		{
			"twice a month with a window of two hours",
			rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"},
			"2026-11-23 00:00",
			[]string{"2026-12-01 16:00 + 2h0m0s", "2026-12-15 16:00 + 2h0m0s", "2027-01-01 16:00 + 2h0m0s", "2027-01-15 16:00 + 2h0m0s"},
		},
		{
			"the first Sunday of every month at midnight",
			rota.Rules{Expression: "cron(0 0 ? * SUN#1 *)"},
			"2026-11-01 00:00",
			[]string{"2026-12-06 00:00 + 24h0m0s", "2027-01-03 00:00 + 24h0m0s", "2027-02-07 00:00 + 24h0m0s"},
		},
		{
			"the first Monday of January and December, with Monday as number 2",
			rota.Rules{Expression: "cron(0 0 ? 1/11 2#1 *)"},
			"2026-11-23 00:00",
			[]string{"2026-12-07 00:00 + 24h0m0s", "2027-01-04 00:00 + 24h0m0s", "2027-12-06 00:00 + 24h0m0s", "2028-01-03 00:00 + 24h0m0s"},
		},
		{
			"a rate of twelve hours opens at midnight and noon, whenever it was set",
			rota.Rules{Expression: "rate(12 hours)"},
			"2026-12-31 15:40",
			[]string{"2027-01-01 00:00 + 1h0m0s", "2027-01-01 12:00 + 1h0m0s", "2027-01-02 00:00 + 1h0m0s"},
		},
		{
			"a rate of four hours",
			rota.Rules{Expression: "rate(4 hours)"},
			"2028-02-28 17:10",
			[]string{"2028-02-28 20:00 + 1h0m0s", "2028-02-29 00:00 + 1h0m0s", "2028-02-29 04:00 + 1h0m0s"},
		},
		{
			"a rate of one day opens at midnight for the whole day",
			rota.Rules{Expression: "rate(1 day)"},
			"2028-02-28 15:40",
			[]string{"2028-02-29 00:00 + 24h0m0s", "2028-03-01 00:00 + 24h0m0s"},
		},
		{
			"a rate of ten days counts from the day of the last rotation",
			rota.Rules{Expression: "rate(10 days)"},
			"2027-02-20 23:59",
			[]string{"2027-03-02 00:00 + 24h0m0s", "2027-03-12 00:00 + 24h0m0s", "2027-03-22 00:00 + 24h0m0s"},
		},
		// The rest of the table of wildcards.
		{
			"the last Sunday of the month",
			rota.Rules{Expression: "cron(0 0 ? * SUNL *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-29 00:00 + 24h0m0s", "2026-12-27 00:00 + 24h0m0s", "2027-01-31 00:00 + 24h0m0s", "2027-02-28 00:00 + 24h0m0s"},
		},
		{
			"the last Saturday, with Saturday as number 7",
			rota.Rules{Expression: "cron(0 0 ? * 7L *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-28 00:00 + 24h0m0s", "2026-12-26 00:00 + 24h0m0s"},
		},
		{
			"the last day of the week is Saturday",
			rota.Rules{Expression: "cron(0 0 ? * L *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-28 00:00 + 24h0m0s", "2026-12-05 00:00 + 24h0m0s"},
		},
		{
			"the third Tuesday",
			rota.Rules{Expression: "cron(0 0 ? * TUE#3 *)"},
			"2026-11-23 00:00",
			[]string{"2026-12-15 00:00 + 24h0m0s", "2027-01-19 00:00 + 24h0m0s"},
		},
		{
			"the days 1 and 4 of the week are Sunday and Wednesday",
			rota.Rules{Expression: "cron(0 0 ? * 1,4 *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-25 00:00 + 24h0m0s", "2026-11-29 00:00 + 24h0m0s", "2026-12-02 00:00 + 24h0m0s"},
		},
		{
			"the days 1 to 4 of the week are Sunday to Wednesday",
			rota.Rules{Expression: "cron(0 0 ? * 1-4 *)"},
			"2026-11-24 00:00",
			[]string{"2026-11-25 00:00 + 24h0m0s", "2026-11-29 00:00 + 24h0m0s", "2026-11-30 00:00 + 24h0m0s"},
		},
		{
			"a range of Sunday alone is Sunday, not every day",
			rota.Rules{Expression: "cron(0 0 ? * 1-1 *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-29 00:00 + 24h0m0s", "2026-12-06 00:00 + 24h0m0s"},
		},
		{
			"every second day of the week is Sunday, Tuesday, Thursday and Saturday",
			rota.Rules{Expression: "cron(0 0 ? * 1/2 *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-24 00:00 + 24h0m0s", "2026-11-26 00:00 + 24h0m0s", "2026-11-28 00:00 + 24h0m0s", "2026-11-29 00:00 + 24h0m0s"},
		},
		{
			"every second day of the month starts again on the first",
			rota.Rules{Expression: "cron(0 0 1/2 * ? *)"},
			"2026-12-28 00:00",
			[]string{"2026-12-29 00:00 + 24h0m0s", "2026-12-31 00:00 + 24h0m0s", "2027-01-01 00:00 + 24h0m0s"},
		},
		{
			"the 31st skips the short months",
			rota.Rules{Expression: "cron(0 0 31 * ? *)"},
			"2026-12-31 00:00",
			[]string{"2027-01-31 00:00 + 24h0m0s", "2027-03-31 00:00 + 24h0m0s", "2027-05-31 00:00 + 24h0m0s"},
		},
		{
			"months by name",
			rota.Rules{Expression: "cron(0 0 1 JAN,APR,JUL,OCT ? *)"},
			"2026-11-23 00:00",
			[]string{"2027-01-01 00:00 + 24h0m0s", "2027-04-01 00:00 + 24h0m0s", "2027-07-01 00:00 + 24h0m0s", "2027-10-01 00:00 + 24h0m0s"},
		},
		// What the guide does not show.
		{
			"an increment that fits only once is a schedule in days",
			rota.Rules{Expression: "cron(0 20/8 * * ? *)"},
			"2026-11-23 00:00",
			[]string{"2026-11-23 20:00 + 4h0m0s", "2026-11-24 20:00 + 4h0m0s"},
		},
		{
			"thirty days after the last rotation, for the whole day",
			rota.Rules{AfterDays: 30},
			"2028-01-31 12:00",
			[]string{"2028-03-01 00:00 + 24h0m0s", "2028-03-31 00:00 + 24h0m0s"},
		},
		{
			"a rate in days with a window of three hours",
			rota.Rules{Expression: "rate(30 days)", Duration: "3h"},
			"2026-12-10 01:00",
			[]string{"2027-01-09 00:00 + 3h0m0s", "2027-02-08 00:00 + 3h0m0s"},
		},
		{
			"a rate whose windows touch each other",
			rota.Rules{Expression: "rate(8 hours)", Duration: "8h"},
			"2026-12-31 20:00",
			[]string{"2027-01-01 00:00 + 8h0m0s", "2027-01-01 08:00 + 8h0m0s", "2027-01-01 16:00 + 8h0m0s", "2027-01-02 00:00 + 8h0m0s"},
		},
		{
			"a rate that does not fit into the day walks through it, and its window ends at midnight",
			rota.Rules{Expression: "rate(5 hours)", Duration: "2h"},
			"2026-12-31 13:05",
			[]string{"2026-12-31 18:00 + 2h0m0s", "2026-12-31 23:00 + 1h0m0s", "2027-01-01 04:00 + 2h0m0s"},
		},
		{
			"a rate of thirty-six hours alternates between midnight and noon",
			rota.Rules{Expression: "rate(36 hours)"},
			"2026-12-30 13:05",
			[]string{"2027-01-01 00:00 + 1h0m0s", "2027-01-02 12:00 + 1h0m0s", "2027-01-04 00:00 + 1h0m0s"},
		},
		{
			"a rate of 48 hours starts at midnight like one of two days",
			rota.Rules{Expression: "rate(48 hours)"},
			"2026-12-30 13:05",
			[]string{"2027-01-01 00:00 + 1h0m0s", "2027-01-03 00:00 + 1h0m0s"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.rules)
			anchor := at(t, tt.anchor)
			var got []string
			for after := anchor; len(got) < len(tt.want); {
				w, ok := s.Next(anchor, after)
				if !ok {
					t.Fatalf("no window after %s", after)
				}
				got = append(got, show(w))
				after = w.Close
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("windows (-want +got):\n%s", d)
			}
		})
	}
}

func TestWindowThatIsNext(t *testing.T) {
	twice := rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"}
	for _, tt := range []struct {
		name          string
		rules         rota.Rules
		anchor, after string
		want          string
	}{
		{"a window that is open and unused is the next one", twice, "2026-11-15 16:05", "2026-12-01 17:59", "2026-12-01 16:00 + 2h0m0s"},
		{"a window is over at its close", twice, "2026-11-15 16:05", "2026-12-01 18:00", "2026-12-15 16:00 + 2h0m0s"},
		{"the window in which the rotation happened is used up", twice, "2026-12-01 16:30", "2026-12-01 16:31", "2026-12-15 16:00 + 2h0m0s"},
		{"a rotation at the opening uses the window up", twice, "2026-12-01 16:00", "2026-12-01 16:00", "2026-12-15 16:00 + 2h0m0s"},
		{"a rotation by hand before the window does not use it up", twice, "2026-12-01 15:59", "2026-12-01 15:59", "2026-12-01 16:00 + 2h0m0s"},
		{"a long window of a cron expression is found from its last minute", rota.Rules{Expression: "cron(0 0 1 * ? *)"}, "2026-11-15 00:00", "2026-12-01 23:59", "2026-12-01 00:00 + 24h0m0s"},
		{"what came due while nobody looked is still the next after the anchor", rota.Rules{Expression: "rate(10 days)"}, "2026-11-01 08:00", "2026-11-01 08:00", "2026-11-11 00:00 + 24h0m0s"},
		{"missed windows of a rate are passed over and the count goes on", rota.Rules{Expression: "rate(10 days)"}, "2026-11-01 08:00", "2026-11-25 08:00", "2026-12-01 00:00 + 24h0m0s"},
		{"a rate never opens on the day of its anchor", rota.Rules{Expression: "rate(1 day)"}, "2026-11-01 00:00", "2026-10-01 00:00", "2026-11-02 00:00 + 24h0m0s"},
		{"a retry late in the window does not shift a rate that fits into the day", rota.Rules{Expression: "rate(8 hours)", Duration: "8h"}, "2026-11-01 15:59", "2026-11-01 15:59", "2026-11-01 16:00 + 8h0m0s"},
		{"a gap of centuries is no trouble for a rate", rota.Rules{Expression: "rate(999 days)"}, "1000-01-01 00:00", "3000-01-01 00:00", "3002-02-23 00:00 + 24h0m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, ok := parse(t, tt.rules).Next(at(t, tt.anchor), at(t, tt.after))
			if !ok {
				t.Fatalf("no window, want %s", tt.want)
			}
			if got := show(w); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAMissedWindowOpensAgainInTheSameHoursOfALaterDay(t *testing.T) {
	w := schedule.Window{Open: at(t, "2026-12-01 16:00"), Close: at(t, "2026-12-01 18:00")}
	for _, tt := range []struct{ name, after, want string }{
		{"before it opens it is itself", "2026-11-20 00:00", "2026-12-01 16:00 + 2h0m0s"},
		{"while it is open too", "2026-12-01 17:59", "2026-12-01 16:00 + 2h0m0s"},
		{"from its close on it is the one of the next day", "2026-12-01 18:00", "2026-12-02 16:00 + 2h0m0s"},
		{"which is still to open in the morning", "2026-12-02 06:06", "2026-12-02 16:00 + 2h0m0s"},
		{"and of a later day", "2027-01-15 18:00", "2027-01-16 16:00 + 2h0m0s"},
		{"after centuries as well", "3000-01-15 17:00", "3000-01-15 16:00 + 2h0m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(w.Again(at(t, tt.after))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTimesOfOtherZonesAreReadAsUTC(t *testing.T) {
	zone := time.FixedZone("", -10*60*60)
	anchor := at(t, "2026-11-23 01:00").In(zone) // still the 22nd there
	for _, r := range []rota.Rules{{AfterDays: 7}, {Expression: "cron(0 0 30 * ? *)"}} {
		w, _ := parse(t, r).Next(anchor, anchor)
		if got, want := show(w), "2026-11-30 00:00 + 24h0m0s"; got != want || w.Open.Location() != time.UTC {
			t.Errorf("%+v: got %s in %s, want %s in UTC", r, got, w.Open.Location(), want)
		}
	}
}

func TestNextRotationDateIsTheLastSecondOfTheWindow(t *testing.T) {
	w, _ := parse(t, rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"}).Next(at(t, "2026-11-23 00:00"), at(t, "2026-11-23 00:00"))
	if got, want := w.Latest().Format(time.RFC3339), "2026-12-01T17:59:59Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoScheduleNeverOpensAWindow(t *testing.T) {
	s := parse(t, rota.Rules{})
	if !s.IsZero() || s.String() != "no schedule" || s.AfterDays(time.Now()) != 0 {
		t.Errorf("got %q, IsZero %v, want no schedule", s, s.IsZero())
	}
	if w, ok := s.Next(time.Now(), time.Now()); ok {
		t.Errorf("got the window %s, want none", show(w))
	}
	if parse(t, rota.Rules{AfterDays: 1}).IsZero() || parse(t, rota.Rules{Expression: "cron(0 0 1 * ? *)"}).IsZero() {
		t.Error("a schedule says that it is none")
	}
}

func TestTheCalendarOfCronExpressionsEnds(t *testing.T) {
	s := parse(t, rota.Rules{Expression: "cron(0 0 1 12 ? *)"})
	end := at(t, "2099-12-02 00:00")
	if w, ok := s.Next(end, end); ok {
		t.Errorf("got the window %s, want none", show(w))
	}
	if got := s.AfterDays(end); got != 0 {
		t.Errorf("AfterDays: got %d, want 0", got)
	}
}

func TestTheZeroTimeAsAnchorStillGivesAWindow(t *testing.T) {
	after := at(t, "2026-11-23 00:00")
	for _, r := range []rota.Rules{{AfterDays: 7}, {Expression: "cron(0 0 30 * ? *)"}} {
		for _, after := range []time.Time{{}, after} {
			if w, ok := parse(t, r).Next(time.Time{}, after); !ok || !w.Close.After(after) {
				t.Errorf("%+v after %s: got %s, %v", r, after, show(w), ok)
			}
		}
	}
}

func TestAfterDays(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rules   rota.Rules
		rotated string
		want    int
	}{
		{"AutomaticallyAfterDays is what was given", rota.Rules{AfterDays: 1000}, "2026-11-23 15:00", 1000},
		{"a rate in days is its number", rota.Rules{Expression: "rate(10 days)"}, "2026-11-23 15:00", 10},
		{"a rate in hours is at least one day", rota.Rules{Expression: "rate(4 hours)"}, "2026-11-23 00:10", 1},
		{"AWS's example shows 14 after the first of the month", rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"}, "2026-12-01 16:20", 14},
		{"and the rest of the month after the fifteenth", rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"}, "2026-12-15 16:20", 17},
		{"a window before the hour of the rotation counts by days all the same", rota.Rules{Expression: "cron(0 1 ? * SUN *)"}, "2026-11-22 23:00", 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.rules).AfterDays(at(t, tt.rotated)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// The calendar behind cron expressions writes notes into itself while it
// searches. Searches in different months at the same time must not see each
// other's: the race detector finds it for certain, the dates often do.
func TestOneScheduleServesManyAtOnce(t *testing.T) {
	s := parse(t, rota.Rules{Expression: "cron(0 0 L * ? *)"})
	var wg sync.WaitGroup
	for month := time.January; month <= time.December; month++ {
		wg.Go(func() {
			first := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)
			for range 100 {
				if w, _ := s.Next(first, first); !w.Open.Equal(first.AddDate(0, 1, -1)) {
					t.Errorf("%s: got %s", first, show(w))
				}
			}
		})
	}
	wg.Wait()
}
