package schedule

import (
	"time"

	"github.com/hashicorp/cronexpr"
)

// Schedule is a set of rotation rules that Parse found to be good. The zero
// Schedule stands for no rules: it never opens a window. A Schedule may be
// used by many goroutines at once.
type Schedule struct {
	text  string
	every int                  // hours from one window to the next; 0 with cron
	cron  *cronexpr.Expression // nil with every. Read it only through a copy: its Next writes to it
	open  int                  // hours that a window stays open; 0 means until the UTC day ends
}

// IsZero reports whether there is no schedule: the secret is rotated only by
// hand.
func (s Schedule) IsZero() bool { return s.every == 0 && s.cron == nil }

// String is the schedule for people: the rule as it was given, with the length
// of the window if one was given.
func (s Schedule) String() string {
	if s.IsZero() {
		return "no schedule"
	}
	return s.text
}

// AfterDays is the AutomaticallyAfterDays that DescribeSecret shows after a
// rotation at the given time: the days from that rotation to the day on which
// the next window opens, at least 1, since the member has no 0. Without a
// schedule, and when no window follows, it is 0.
//
// For rate() in days and AutomaticallyAfterDays it is the number that was
// given. For the rest it is derived: AWS says that the value "is calculated
// from the rotation schedule after every successful rotation", without the
// formula, and its one example, 14 for the 1st and 15th of the month, fits a
// rotation on the 1st. Hence the argument: after the 15th it is 14 to 17.
func (s Schedule) AfterDays(rotated time.Time) int {
	next, ok := s.Next(rotated, rotated)
	if !ok {
		return 0
	}
	return max(1, int(midnight(next.Open).Sub(midnight(rotated))/day))
}
