package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

// A term is a piece of a cron expression with what it means: the text goes to
// Parse, the function is asked about every hour. It is written from AWS's
// table and shares nothing with the code under test.
type term struct {
	text  string
	match func(time.Time) bool
}

// expression is a whole cron expression that was made up.
type expression struct {
	term
	hours []int
	day   func(time.Time) bool // day and month match
}

// anyOf makes up a list of one to three terms.
func anyOf(r *rand.Rand, one func() term) term {
	terms := make([]term, 1+r.IntN(3))
	texts := make([]string, len(terms))
	for i := range terms {
		terms[i] = one()
		texts[i] = terms[i].text
	}
	return term{strings.Join(texts, ","), func(t time.Time) bool {
		return slices.ContainsFunc(terms, func(e term) bool { return e.match(t) })
	}}
}

// numeric makes up a term of *, a, a-b and each of them with an increment.
func numeric(r *rand.Rand, low, high int, names []string, of func(time.Time) int) term {
	say := func(n int) string {
		switch {
		case names != nil && r.IntN(2) == 0:
			return names[n-low]
		case r.IntN(4) == 0:
			return fmt.Sprintf("%02d", n)
		}
		return fmt.Sprint(n)
	}
	a := low + r.IntN(high-low+1)
	b := a + r.IntN(high-a+1)
	n := 1 + r.IntN(high)
	switch r.IntN(6) {
	case 0:
		return term{"*", func(time.Time) bool { return true }}
	case 1:
		return term{fmt.Sprintf("*/%d", n), func(t time.Time) bool { return (of(t)-low)%n == 0 }}
	case 2:
		return term{fmt.Sprintf("%s/%d", say(a), n), func(t time.Time) bool { return of(t) >= a && (of(t)-a)%n == 0 }}
	case 3:
		return term{say(a) + "-" + say(b), func(t time.Time) bool { return a <= of(t) && of(t) <= b }}
	case 4:
		return term{fmt.Sprintf("%s-%s/%d", say(a), say(b), n), func(t time.Time) bool { return a <= of(t) && of(t) <= b && (of(t)-a)%n == 0 }}
	}
	return term{say(a), func(t time.Time) bool { return of(t) == a }}
}

// dayOfMonth adds the last day of the month.
func dayOfMonth(r *rand.Rand) term {
	if r.IntN(6) == 0 {
		return term{"L", func(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }}
	}
	return numeric(r, 1, 31, nil, time.Time.Day)
}

// dayOfWeek adds the last day of the week, and the nth and last weekday of
// the month.
func dayOfWeek(r *rand.Rand) term {
	names := strings.Fields("SUN MON TUE WED THU FRI SAT")
	d := time.Weekday(r.IntN(7))
	name := names[d]
	if r.IntN(2) == 0 {
		name = fmt.Sprint(int(d) + 1)
	}
	switch n := 1 + r.IntN(5); r.IntN(6) {
	case 0:
		return term{fmt.Sprintf("%s#%d", name, n), func(t time.Time) bool { return t.Weekday() == d && (t.Day()-1)/7 == n-1 }}
	case 1:
		return term{name + "L", func(t time.Time) bool { return t.Weekday() == d && t.AddDate(0, 0, 7).Month() != t.Month() }}
	case 2:
		return term{"L", func(t time.Time) bool { return t.Weekday() == time.Saturday }}
	}
	return numeric(r, 1, 7, names, func(t time.Time) int { return int(t.Weekday()) + 1 })
}

// madeUp is an expression that AWS's grammar allows, although it may open no
// window in some years.
func madeUp(r *rand.Rand) expression {
	// Hours that AWS allows: one, or an increment that leaves four hours
	// over midnight as well.
	var hours []int
	var hour string
	for gap := 0; gap < 4; {
		start := r.IntN(24)
		hours, hour = []int{start}, fmt.Sprint(start)
		if r.IntN(2) == 0 {
			n := 4 + r.IntN(20)
			hour = fmt.Sprintf("%d/%d", start, n)
			if start == 0 {
				hour = fmt.Sprintf("/%d", n)
			}
			for h := start + n; h < 24; h += n {
				hours = append(hours, h)
			}
		}
		gap = hours[0] + 24 - hours[len(hours)-1]
	}
	month := anyOf(r, func() term {
		return numeric(r, 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"), func(t time.Time) int { return int(t.Month()) })
	})
	days, weekdays := term{text: "?"}, term{text: "?"}
	var day term
	if r.IntN(2) == 0 {
		days = anyOf(r, func() term { return dayOfMonth(r) })
		day = days
	} else {
		weekdays = anyOf(r, func() term { return dayOfWeek(r) })
		day = weekdays
	}
	e := expression{hours: hours, day: func(t time.Time) bool { return month.match(t) && day.match(t) }}
	e.text = fmt.Sprintf("cron(0 %s %s %s %s *)", hour, days.text, month.text, weekdays.text)
	e.match = func(t time.Time) bool { return slices.Contains(hours, t.Hour()) && e.day(t) }
	return e
}

// opensEveryYear walks through 28 years, which have all kinds of years.
func (e expression) opensEveryYear() bool {
	years := map[int]bool{}
	for d := time.Date(1973, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= 2000; d = d.AddDate(0, 0, 1) {
		if e.day(d) {
			years[d.Year()] = true
		}
	}
	return len(years) == 28
}

// rules gives the expression a Duration that AWS allows, or none, and says
// when a window closes.
func (e expression) rules(r *rand.Rand) (rota.Rules, func(open time.Time) time.Time) {
	longest := 24 - e.hours[len(e.hours)-1]
	if len(e.hours) > 1 {
		longest = min(longest, e.hours[1]-e.hours[0])
	}
	hours := 1 + r.IntN(longest)
	rules := rota.Rules{Expression: e.text, Duration: fmt.Sprintf("%dh", hours)}
	if r.IntN(2) == 0 {
		rules.Duration = ""
		if hours = 1; len(e.hours) == 1 {
			hours = 24 - e.hours[0]
		}
	}
	return rules, func(open time.Time) time.Time { return open.Add(time.Duration(hours) * time.Hour) }
}

// Every hour of some time is asked whether it matches, and Next must give the
// same windows, one after the other and for pairs of times picked at random.
func TestNextAgreesWithACalendarThatIsWalkedHourByHour(t *testing.T) {
	const expressions, days = 500, 400
	r := rand.New(rand.NewPCG(20261123, 4))
	windows, refused := 0, 0
	for range expressions {
		e := madeUp(r)
		rules, closes := e.rules(r)
		s, err := schedule.Parse(rules)
		if every := e.opensEveryYear(); every != (err == nil) {
			t.Fatalf("%+v: the calendar opens a window every year: %v; Parse: %v", rules, every, err)
		}
		if err != nil {
			refused++
			continue
		}

		start := time.Date(1980+r.IntN(118), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), time.UTC)
		end := start.AddDate(0, 0, days)
		var want []schedule.Window
		for h := start.Truncate(time.Hour).Add(time.Hour); h.Before(end); h = h.Add(time.Hour) {
			if e.match(h) {
				want = append(want, schedule.Window{Open: h, Close: closes(h)})
			}
		}
		windows += len(want)

		after := start
		for _, w := range want {
			if got, ok := s.Next(start, after); !ok || got != w {
				t.Fatalf("%+v, anchor %s, after %s: got %s, %v, want %s", rules, start, after, show(got), ok, show(w))
			}
			after = w.Close
		}
		for range 10 {
			anchor := start.Add(time.Duration(r.Int64N(int64(end.Sub(start)))))
			after := start.Add(time.Duration(r.Int64N(int64(end.Sub(start)))))
			i := slices.IndexFunc(want, func(w schedule.Window) bool { return w.Open.After(anchor) && w.Close.After(after) })
			if i < 0 {
				continue // beyond what was walked
			}
			if got, ok := s.Next(anchor, after); !ok || got != want[i] {
				t.Fatalf("%+v, anchor %s, after %s: got %s, %v, want %s", rules, anchor, after, show(got), ok, show(want[i]))
			}
		}
	}
	// A generator that makes up nothing would agree as well.
	if windows < 50*expressions || refused == 0 || refused > expressions/4 {
		t.Errorf("%d expressions gave %d windows and %d refusals: not much of a test", expressions, windows, refused)
	}
}
