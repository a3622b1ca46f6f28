package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

// ErrSyntax is what every error of Parse is: errors.Is(err, ErrSyntax).
var ErrSyntax = errors.New("rotation rules that cannot be used")

// problems is the error of Parse: everything that is wrong, each with what is
// allowed. The text is meant for the caller who sent the rules.
type problems []string

func (p problems) Error() string        { return strings.Join(p, "; ") }
func (p problems) Is(target error) bool { return target == ErrSyntax }

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// The limits of the members, from the service model, and of rates, from the
// user guide.
const (
	maxAfterDays  = 1000
	maxExpression = 256
	minRateHours  = 4
	maxRateDays   = 999
	minApartHours = 4
	alphabet      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz()#?*-/, "
)

// both is AWS's own sentence; clients match on it.
const both = "You cannot specify both rotation frequency and schedule expression together."

// Parse reads rotation rules as a caller sent them; zero rules give the zero
// Schedule. The rules that DescribeSecret shows have AfterDays beside
// Expression: they are not to be sent, and are refused here as AWS does.
func Parse(r rota.Rules) (Schedule, error) {
	if r.IsZero() {
		return Schedule{}, nil
	}
	var bad problems
	if r.AfterDays != 0 && r.Expression != "" {
		bad.add(both)
	}
	var s Schedule
	longest := 24 // hours, what the form allows a Duration to be
	switch {
	case r.Expression != "":
		s, longest = parseExpression(&bad, r.Expression)
	case r.AfterDays != 0:
		s = Schedule{text: fmt.Sprintf("AutomaticallyAfterDays %d", r.AfterDays), every: 24 * r.AfterDays}
	default:
		bad.add("Duration %q: it is the length of a window, so AutomaticallyAfterDays or ScheduleExpression must come with it", r.Duration)
	}
	if r.AfterDays < 0 || r.AfterDays > maxAfterDays {
		bad.add("AutomaticallyAfterDays %d: must be 1 to %d", r.AfterDays, maxAfterDays)
	}
	if r.Duration != "" {
		s.open = parseDuration(&bad, r.Duration, longest)
		s.text += " for " + r.Duration
	}
	if len(bad) > 0 {
		return Schedule{}, bad
	}
	return s, nil
}

// parseExpression returns the schedule and the longest Duration that it
// allows, in hours.
func parseExpression(bad *problems, text string) (Schedule, int) {
	if len(text) > maxExpression {
		bad.add("ScheduleExpression: must be 1 to %d characters, has %d", maxExpression, len(text))
		return Schedule{}, 24
	}
	for _, c := range text {
		if !strings.ContainsRune(alphabet, c) {
			bad.add("ScheduleExpression %q: %q is not allowed, only letters, digits, space and ( ) # ? * - / ,", text, c)
			return Schedule{}, 24
		}
	}
	if in, ok := inside(text, "rate("); ok {
		return parseRate(bad, text, in)
	}
	if in, ok := inside(text, "cron("); ok {
		return parseCron(bad, text, in)
	}
	bad.add("ScheduleExpression %q: must be rate(Value Unit) or cron(Minutes Hours Day-of-month Month Day-of-week Year)", text)
	return Schedule{}, 24
}

// inside is what stands between the opening word and the closing parenthesis.
func inside(text, opening string) (string, bool) {
	rest, ok := strings.CutPrefix(text, opening)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ")")
}

// parseRate reads the inside of rate(). The shortest rate is four hours and
// the longest 999 days; the unit may be singular or plural with any number.
//
// The default window of a rate in hours closes after one hour, that of a rate
// in days when the day ends. Windows start at midnight, so a day leaves room
// for 24 hours, and a rate in hours for no more than the rate.
func parseRate(bad *problems, text, in string) (Schedule, int) {
	value, unit, _ := strings.Cut(in, " ")
	n, ok := number(value, 5)
	s := Schedule{text: text}
	switch unit {
	case "hour", "hours":
		s.every, s.open = n, 1
	case "day", "days":
		s.every = 24 * n
	default:
		ok = false
	}
	if !ok {
		bad.add("%s: must be rate(Value Unit), a whole number, one space and hour, hours, day or days", text)
		return Schedule{}, 24
	}
	if s.every < minRateHours || s.every > 24*maxRateDays {
		bad.add("%s: a rate must be at least %d hours and at most %d days", text, minRateHours, maxRateDays)
		return Schedule{}, 24
	}
	return s, min(s.every, 24)
}

// parseDuration reads the length of a window: a window must not go on into
// the next window nor into the next UTC day.
func parseDuration(bad *problems, text string, longest int) int {
	digits, ok := strings.CutSuffix(text, "h")
	n, isNumber := number(digits, 2)
	switch {
	case !ok || !isNumber || n == 0:
		bad.add("Duration %q: must be whole hours such as 3h, from 1h", text)
	case n > longest:
		bad.add("Duration %q: must be at most %dh, so that no window goes on into the next window or the next UTC day", text, longest)
	}
	return n
}

// number reads digits and nothing else: no sign, no space.
func number(text string, maxDigits int) (int, bool) {
	if len(text) > maxDigits || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}
