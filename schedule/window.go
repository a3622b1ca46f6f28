package schedule

import "time"

const day = 24 * time.Hour

// Window is the time in which a rotation may happen: from Open until just
// before Close, both in UTC, on the hour, and within one UTC day (Close may be
// the midnight that ends it).
type Window struct{ Open, Close time.Time }

// Latest is the last second of the window, which is what AWS shows as
// NextRotationDate: the rotation happens on or before it.
func (w Window) Latest() time.Time { return w.Close.Add(-time.Second) }

// Again is the window with the same hours on the first day, from its own on,
// on which it is not over at after: where a rotation that missed w is made up
// for.
func (w Window) Again(after time.Time) Window {
	later := func(by time.Duration) { w.Open, w.Close = w.Open.Add(by), w.Close.Add(by) }
	// A loop, because a difference of times is cut off at 292 years.
	for late := after.Sub(w.Close); late >= day; late = after.Sub(w.Close) {
		later(late / day * day)
	}
	if !w.Close.After(after) {
		later(day)
	}
	return w
}

// Next is the first window that opens later than anchor and is not over at
// after, that is, whose Close is later than after. It may be open at after
// already. ok is false if there is no such window: the schedule is zero, or
// the calendar of cron expressions, which goes to the end of 2099, is used up.
//
// anchor is the last rotation or, before there was one, the time at which the
// schedule was set. The window in which it lies is used up by it.
//
//   - A rate counts from the anchor: its windows are one interval, two
//     intervals and so on after the start of the anchor's day or hour (see
//     firstOfRate).
//   - A cron expression names its windows by itself, so the anchor is only a
//     lower bound.
//
// Next(anchor, anchor) is where the next rotation belongs, even if that has
// passed: the caller sees that it is overdue. Next(anchor, now) passes over
// the windows that were missed.
func (s Schedule) Next(anchor, after time.Time) (w Window, ok bool) {
	if s.IsZero() {
		return Window{}, false
	}
	anchor, after = anchor.UTC(), after.UTC()
	if s.cron == nil {
		return s.nextOfRate(anchor, after), true
	}
	return s.nextOfCron(anchor, after)
}

func (s Schedule) nextOfRate(anchor, after time.Time) Window {
	every := time.Duration(s.every) * time.Hour
	open := s.firstOfRate(anchor)
	// A loop, because a difference of times is cut off at 292 years.
	for after.Sub(open) >= every {
		open = open.Add(after.Sub(open) / every * every)
	}
	if w := s.window(open); w.Close.After(after) {
		return w
	}
	return s.window(open.Add(every))
}

// firstOfRate is the first window of a rate after the anchor.
//
// The windows of a rate start at midnight, says AWS. A chain of windows that
// starts at midnight visits just the hours that are multiples of the greatest
// common divisor of the interval and 24: every midnight for days, 0, 4, 8 ...
// for rate(4 hours), every hour for rate(5 hours). The anchor is taken to lie
// in the last such hour, and the first window is one interval later. So a
// rotation late in its window or a retry does not shift the chain wherever
// the interval fits into the day, or the day into the interval; and two
// windows are never less than the interval apart.
func (s Schedule) firstOfRate(anchor time.Time) time.Time {
	start := anchor.Truncate(time.Duration(gcd(s.every, 24)) * time.Hour)
	return start.Add(time.Duration(s.every) * time.Hour)
}

func (s Schedule) nextOfCron(anchor, after time.Time) (Window, bool) {
	// No window is longer than a day, so one that is open at after opened
	// less than a day before.
	from := after.Add(-day)
	if from.Before(anchor) {
		from = anchor
	}
	if from.IsZero() {
		from = time.Unix(0, 0).UTC() // cronexpr answers "never" to the zero time
	}
	cron := *s.cron
	for open := cron.Next(from); !open.IsZero(); open = cron.Next(open) {
		if w := s.window(open); w.Close.After(after) {
			return w, true
		}
	}
	return Window{}, false
}

// window is the window that opens at the given hour. It never goes on into
// the next UTC day. Parse refuses a cron expression with a Duration that
// would; a rate in hours that does not fit into the day reaches every hour in
// time, and its late windows close at midnight.
func (s Schedule) window(open time.Time) Window {
	end := midnight(open).Add(day)
	if s.open > 0 {
		if short := open.Add(time.Duration(s.open) * time.Hour); short.Before(end) {
			end = short
		}
	}
	return Window{Open: open, Close: end}
}

// midnight is the start of the UTC day.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(day) }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
