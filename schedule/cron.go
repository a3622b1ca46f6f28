package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// parseCron reads the inside of cron() and returns the schedule and the
// longest Duration that it allows, in hours.
//
// The grammar is read here and handed to cronexpr, which does the calendar,
// with every name, range and increment written out as a list of values. The
// two dialects look alike and differ: AWS counts Sunday as 1 and cronexpr as
// 0; a range 1-1 of AWS, written 0-0, means all days to cronexpr.
func parseCron(bad *problems, text, in string) (Schedule, int) {
	f := strings.Split(in, " ")
	if len(f) != 6 {
		bad.add("%s: must have six fields with one space between them, Minutes Hours Day-of-month Month Day-of-week Year", text)
		return Schedule{}, 24
	}
	before := len(*bad)
	// Windows open on the hour, and there are no schedules of more than a
	// year: both from the user guide.
	if f[0] != "0" {
		bad.add("Minutes %q: must be 0, since rotation windows open on the hour", f[0])
	}
	if f[5] != "*" {
		bad.add("Year %q: must be *", f[5])
	}
	hours, longest := parseHours(bad, f[1])
	days, weekdays := parseDays(bad, f[2], f[4])
	months, err := monthsField.entries(f[3], nil)
	if err != nil {
		bad.add("%v", err)
	}
	if len(*bad) > before {
		return Schedule{}, 24
	}

	line := strings.Join([]string{"0", strings.Join(join(hours, 0), ","), days, strings.Join(join(months, 0), ","), weekdays, "*"}, " ")
	cron, err := cronexpr.Parse(line)
	if err != nil {
		bad.add("%s: %v", text, err)
		return Schedule{}, 24
	}
	if problem := everyYear(*cron); problem != "" {
		bad.add("%s: %s", text, problem)
		return Schedule{}, 24
	}
	s := Schedule{text: text, cron: cron}
	// A "schedule in hours" closes its window after one hour by default, a
	// schedule in days when the day ends. It is in hours if it opens more
	// than once a day, however it is written.
	if len(hours) > 1 {
		s.open = 1
	}
	return s, longest
}

// parseHours reads the hours and returns the longest Duration they allow: what
// is left of the day after the last one. That is never more than an increment,
// or it would fit once more, so no window reaches the next one either.
//
// A secret can be rotated "as often as every four hours". Increments start
// again each day, so the distance over midnight counts too: 2/10 is 02, 12
// and 22 and just fits; /7 ends at 21, three hours before 00. It counts for
// schedules that never have two days in a row as well: one rule for the field
// is easier to know than one for each month.
func parseHours(bad *problems, text string) (hours []int, longest int) {
	hours, err := hoursField.entries(text, nil)
	if err != nil {
		bad.add("%v", err)
		return nil, 24
	}
	for i, h := range hours {
		next := hours[0] + 24
		if i+1 < len(hours) {
			next = hours[i+1]
		}
		if next-h < minApartHours {
			bad.add("Hours %q: %02d:00 and %02d:00 are %d hours apart; must be at least %d, also over midnight", text, h, next%24, next-h, minApartHours)
			return nil, 24
		}
	}
	return hours, 24 - hours[len(hours)-1]
}

// parseDays reads the two fields that name days, into the dialect of
// cronexpr. Only one can be used; the other is ?, which cronexpr takes for
// "any" there.
func parseDays(bad *problems, month, week string) (days, weekdays string) {
	if (month == "?") == (week == "?") {
		bad.add("Day-of-month %q, Day-of-week %q: exactly one of them must be ?", month, week)
	}
	days, weekdays = "?", "?"
	var err error
	if month != "?" {
		if days, err = daysOfMonth(month); err != nil {
			bad.add("%v", err)
		}
	}
	if week != "?" {
		if weekdays, err = daysOfWeek(week); err != nil {
			bad.add("%v", err)
		}
	}
	return days, weekdays
}

// daysOfMonth knows L, the last day of the month. W, the nearest weekday of
// other dialects, is not in AWS's table.
func daysOfMonth(text string) (string, error) {
	var list []string
	values, err := daysField.entries(text, func(entry string) bool {
		if strings.EqualFold(entry, "L") {
			list = append(list, "L")
			return true
		}
		return false
	})
	return strings.Join(append(list, join(values, 0)...), ","), err
}

// daysOfWeek knows L, the last day of the week (Saturday); SUNL or 1L, the
// last Sunday of the month; and SUN#2 or 1#2, the second one. Numbers of days
// are moved from AWS's 1-7 to 0-6, the number after # is not a day and stays.
func daysOfWeek(text string) (string, error) {
	var list []string
	values, err := weekdayField.entries(text, func(entry string) bool {
		if strings.EqualFold(entry, "L") {
			list = append(list, "6")
			return true
		}
		if name, nth, ok := strings.Cut(entry, "#"); ok {
			d, isDay := weekdayField.value(name)
			n, isNumber := number(nth, 1)
			if ok = isDay && isNumber && n >= 1 && n <= 5; ok {
				list = append(list, fmt.Sprintf("%d#%d", d-1, n))
			}
			return ok
		}
		if end := len(entry) - 1; end > 0 && strings.EqualFold(entry[end:], "L") {
			d, ok := weekdayField.value(entry[:end])
			if ok {
				list = append(list, fmt.Sprintf("%dL", d-1))
			}
			return ok
		}
		return false
	})
	return strings.Join(append(list, join(values, -1)...), ","), err
}

// everyYear says what is wrong with an expression that does not open a window
// in each year: 31 February never does, 29 February only in leap years. The
// user guide has no "schedules that are more than a year apart", and a secret
// that is rotated every fourth year is hardly what somebody meant.
//
// Years come in fourteen kinds, by their first weekday and their length, and
// 28 years in a row without a skipped leap year have them all.
func everyYear(cron cronexpr.Expression) string {
	for year := 2001; year <= 2028; year++ {
		next := cron.Next(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second))
		if next.IsZero() {
			return "there is no such day in any year"
		}
		if next.Year() != year {
			return fmt.Sprintf("must open a window in every year, and opens none in %d", year)
		}
	}
	return ""
}
