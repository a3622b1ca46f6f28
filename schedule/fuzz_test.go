package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

// Whatever Parse takes has windows that start and end on the hour, within one
// UTC day, in order, without overlap, at least four hours apart; also when
// every rotation happens at the end of its window and is the next anchor.
func FuzzParse(f *testing.F) {
	for _, expression := range []string{
		"cron(0 /8 * * ? *)", "cron(0 2/10 * * ? *)", "cron(0 18 ? * SAT *)", "cron(0 1 ? 1/3 SUN#1 *)", "cron(0 17 L * ? *)",
		"cron(0 8 ? * MON-FRI *)", "cron(0 16 1,15 * ? *)", "cron(0 0 ? 1/11 2#1 *)", "cron(0 0 ? * 7L,1-1,*/2 *)", "cron(0 8 31 2 ? *)",
		"cron(0 0 15W * ? *)", "rate(4 hours)", "rate(12 hours)", "rate(23 hours)", "rate(10 days)", "rate(999 days)", "rate( hours)", "",
	} {
		f.Add(0, expression, "", int64(1_795_400_000))
		f.Add(0, expression, "2h", int64(1_835_395_199))
	}
	f.Add(30, "", "3h", int64(0))
	f.Add(10, "rate(10 days)", "24h", int64(-1))
	f.Fuzz(func(t *testing.T, days int, expression, duration string, anchor int64) {
		rules := rota.Rules{AfterDays: days, Expression: expression, Duration: duration}
		s, err := schedule.Parse(rules)
		if err != nil {
			if !errors.Is(err, schedule.ErrSyntax) || err.Error() == "" || !s.IsZero() {
				t.Fatalf("Parse(%+v) = %v, %v", rules, s, err)
			}
			return
		}
		if s.IsZero() != rules.IsZero() {
			t.Fatalf("Parse(%+v) = %v", rules, s)
		}
		// From 1970 to 2069: the calendar of cron expressions ends in 2099.
		start := time.Unix((anchor%3_155_760_000+3_155_760_000)%3_155_760_000, anchor%1e9).UTC()
		if _, ok := s.Next(start, start); s.IsZero() {
			if ok {
				t.Fatal("no rules open a window")
			}
			return
		}
		checkWindows(t, s, start, func(schedule.Window) time.Time { return start })
		checkWindows(t, s, start, schedule.Window.Latest)
		if n := s.AfterDays(start); n < 1 || n > 1000 {
			t.Fatalf("%s: AfterDays %d", s, n)
		}
	})
}

// checkWindows goes from window to window; rotated says what the anchor is
// after each.
func checkWindows(t *testing.T, s schedule.Schedule, start time.Time, rotated func(schedule.Window) time.Time) {
	anchor, after := start, start
	var last schedule.Window
	for i := range 10 {
		w, ok := s.Next(anchor, after)
		midnight := w.Open.Truncate(24 * time.Hour).Add(24 * time.Hour)
		switch {
		case !ok || w.Open.IsZero():
			t.Fatalf("%s: no window after %s", s, after)
		case w.Open.Location() != time.UTC || w.Close.Location() != time.UTC:
			t.Fatalf("%s: %s is not in UTC", s, show(w))
		case !w.Open.Equal(w.Open.Truncate(time.Hour)) || !w.Close.Equal(w.Close.Truncate(time.Hour)):
			t.Fatalf("%s: %s is not on the hour", s, show(w))
		case !w.Open.After(anchor) || !w.Close.After(after) || !w.Close.After(w.Open):
			t.Fatalf("%s: %s is not after %s and %s", s, show(w), anchor, after)
		case w.Close.After(midnight):
			t.Fatalf("%s: %s goes into the next day", s, show(w))
		case i > 0 && (w.Open.Before(last.Close) || w.Open.Sub(last.Open) < 4*time.Hour):
			t.Fatalf("%s: %s is too close to %s", s, show(w), show(last))
		}
		last, anchor, after = w, rotated(w), w.Close
	}
}
