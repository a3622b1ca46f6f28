package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one field of a cron expression: its values, and the wildcards that
// AWS documents for it.
type field struct {
	name     string
	min, max int
	names    []string // of the values, from min on
	inc      bool     // only one value or an increment: no * , -
	allowed  string   // said in errors
}

// The numbers of the days of the week are AWS's: Sunday is 1.
var (
	hoursField   = field{name: "Hours", min: 0, max: 23, inc: true, allowed: "an hour 0-23 or an increment such as 0/8"}
	daysField    = field{name: "Day-of-month", min: 1, max: 31, allowed: "1-31, L for the last day, or ?, with the wildcards , - * /"}
	monthsField  = field{name: "Month", min: 1, max: 12, allowed: "1-12 or JAN-DEC, with the wildcards , - * /", names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdayField = field{name: "Day-of-week", min: 1, max: 7, allowed: "1-7 or SUN-SAT, such as SUN#1 or SUNL for the first or the last Sunday, or ?, with the wildcards , - * /", names: strings.Fields("SUN MON TUE WED THU FRI SAT")}
)

// entries reads a field of entries separated by commas. special takes the
// entries that only this field has, and is asked first. What comes back are
// all the values that the other entries stand for, in order.
func (f field) entries(text string, special func(entry string) bool) ([]int, error) {
	if f.inc && strings.ContainsAny(text, ",-*") {
		return nil, fmt.Errorf("%s %q: lists, ranges and * are not documented for this field; must be %s", f.name, text, f.allowed)
	}
	var values []int
	for entry := range strings.SplitSeq(text, ",") {
		if special != nil && special(entry) {
			continue
		}
		v, err := f.entry(entry)
		if err != nil {
			return nil, err
		}
		values = append(values, v...)
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// entry reads a, a-b, *, and each of these with /n, an increment: a/n goes to
// the end of the field. /n alone starts at the smallest value, as AWS's
// example cron(0 /8 * * ? *) does.
func (f field) entry(text string) ([]int, error) {
	base, inc, hasInc := strings.Cut(text, "/")
	step, ok := 1, true
	if hasInc {
		step, ok = number(inc, 2)
		if !ok || step < 1 || step > f.max {
			return nil, fmt.Errorf("%s %q: the increment after / must be 1-%d", f.name, text, f.max)
		}
	}
	first, last := f.min, f.max
	from, to, isRange := strings.Cut(base, "-")
	switch {
	case base == "*", base == "" && hasInc:
	case isRange:
		var ok2 bool
		first, ok = f.value(from)
		last, ok2 = f.value(to)
		if ok && ok2 && first > last {
			// A range that wraps is not documented, and a calendar that
			// reads it as empty, or as all, would be silently wrong.
			return nil, fmt.Errorf("%s %q: the range goes backwards; write it as two, separated by a comma", f.name, text)
		}
		ok = ok && ok2
	default:
		first, ok = f.value(base)
		if !hasInc {
			last = first
		}
	}
	if !ok {
		return nil, fmt.Errorf("%s %q: must be %s", f.name, text, f.allowed)
	}
	var values []int
	for v := first; v <= last; v += step {
		values = append(values, v)
	}
	return values, nil
}

// value reads one value, by number or, in any case, by name.
func (f field) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.min + i, true
	}
	n, ok := number(text, 2)
	return n, ok && n >= f.min && n <= f.max
}

// join writes values as a list, each moved by an offset.
func join(values []int, offset int) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = strconv.Itoa(v + offset)
	}
	return list
}
