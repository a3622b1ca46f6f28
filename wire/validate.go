package wire

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rotahq/rota"
)

// rule is what the model demands of a shape. min and max are of the length of
// text (in characters) or lists, or of a number. A max of 0 is none.
type rule struct {
	min, max  int
	expr      string         // the pattern as the model has it
	pattern   *regexp.Regexp // the same, for the whole text
	enum      []string
	sensitive bool
}

const (
	maxViolations = 32   // told in one answer, so that a small request cannot make a huge one
	maxEcho       = 1024 // bytes of a refused value that are sent back
	maxElements   = 1000 // of a list, where the model has no limit; more are counted and not read. A secret has 50 tags at most.
	mustNotBeNull = "Member must not be null"
)

func (c *rule) fits(n int) bool { return n >= c.min && (c.max == 0 || n <= c.max) }

func (c *rule) allows(s string) bool {
	return c.fits(utf8.RuneCountInString(s)) &&
		(c.pattern == nil || c.pattern.MatchString(s)) &&
		(c.enum == nil || slices.Contains(c.enum, s))
}

// String lists all constraints, as AWS does for the elements of a list.
func (c *rule) String() string {
	var all []string
	if c.max != 0 {
		all = append(all, c.tooLong())
	}
	if c.min != 0 || c.max != 0 {
		all = append(all, c.tooShort())
	}
	if c.pattern != nil {
		all = append(all, c.mismatch())
	}
	return strings.Join(all, ", ")
}

func (c *rule) tooLong() string {
	return "Member must have length less than or equal to " + strconv.Itoa(c.max)
}

func (c *rule) tooShort() string {
	return "Member must have length greater than or equal to " + strconv.Itoa(c.min)
}

func (c *rule) mismatch() string {
	return "Member must satisfy regular expression pattern: " + c.expr
}

func (d *decoder) require(r raw, at, name string) {
	if r == nil {
		d.violate("null ", at+name, mustNotBeNull)
	}
}

// violateText notes each constraint that the text breaks.
func (d *decoder) violateText(s, path string, c *rule) {
	shown := "'" + echo(s) + "' "
	if c.sensitive {
		shown = ""
	}
	d.checkSize(utf8.RuneCountInString(s), shown, path, c)
	if c.pattern != nil && !c.pattern.MatchString(s) {
		d.violate(shown, path, c.mismatch())
	}
	if c.enum != nil && !slices.Contains(c.enum, s) {
		d.violate(shown, path, "Member must satisfy enum value set: ["+strings.Join(c.enum, ", ")+"]")
	}
}

func (d *decoder) checkSize(n int, shown, path string, c *rule) {
	if c.max != 0 && n > c.max {
		d.violate(shown, path, c.tooLong())
	}
	if n < c.min {
		d.violate(shown, path, c.tooShort())
	}
}

// checkLength is checkSize of a list.
func (d *decoder) checkLength(n int, shown, path string, c *rule) {
	if c.max == 0 {
		c = &rule{min: c.min, max: maxElements}
	}
	d.checkSize(n, shown, path, c)
}

func (d *decoder) checkRange(n int, path string, c *rule) {
	shown := "'" + strconv.Itoa(n) + "' "
	if c.max != 0 && n > c.max {
		d.violate(shown, path, "Member must have value less than or equal to "+strconv.Itoa(c.max))
	}
	if c.min != 0 && n < c.min {
		d.violate(shown, path, "Member must have value greater than or equal to "+strconv.Itoa(c.min))
	}
}

// violate notes a broken constraint. shown is the value as it may be told,
// with a space after it, or "".
func (d *decoder) violate(shown, path, constraint string) {
	if len(d.violations) < maxViolations {
		d.violations = append(d.violations,
			"Value "+shown+"at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func (d *decoder) violationError() error {
	n := len(d.violations)
	if n == 0 {
		return nil
	}
	errors := " errors"
	if n == 1 {
		errors = " error"
	}
	return rota.E(rota.Validation, "%d validation%s detected: %s", n, errors, strings.Join(d.violations, "; "))
}

// echo shortens a value that is sent back. Headers need not be UTF-8, and half
// a character may be left where it is cut: neither goes out.
func echo(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "..."
}
