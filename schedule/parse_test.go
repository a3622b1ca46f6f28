package schedule_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

func TestParseAccepts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules rota.Rules
		want  string // String
	}{
		{"the smallest number of days", rota.Rules{AfterDays: 1}, "AutomaticallyAfterDays 1"},
		{"the largest number of days", rota.Rules{AfterDays: 1000, Duration: "24h"}, "AutomaticallyAfterDays 1000 for 24h"},
		{"the shortest rate", rota.Rules{Expression: "rate(4 hours)", Duration: "4h"}, "rate(4 hours) for 4h"},
		{"the longest rate", rota.Rules{Expression: "rate(999 days)", Duration: "24h"}, "rate(999 days) for 24h"},
		{"the longest rate written in hours", rota.Rules{Expression: "rate(23976 hours)"}, "rate(23976 hours)"},
		{"a singular unit with any number", rota.Rules{Expression: "rate(10 day)"}, "rate(10 day)"},
		{"a plural unit with one", rota.Rules{Expression: "rate(1 days)"}, "rate(1 days)"},
		{"hour in the singular", rota.Rules{Expression: "rate(12 hour)"}, "rate(12 hour)"},
		{"a window that ends at midnight", rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "8h"}, "cron(0 16 1,15 * ? *) for 8h"},
		{"windows that touch each other", rota.Rules{Expression: "cron(0 /8 * * ? *)", Duration: "8h"}, "cron(0 /8 * * ? *) for 8h"},
		{"four hours over midnight", rota.Rules{Expression: "cron(0 2/10 * * ? *)", Duration: "2h"}, "cron(0 2/10 * * ? *) for 2h"},
		{"a duration with a leading zero", rota.Rules{AfterDays: 1, Duration: "03h"}, "AutomaticallyAfterDays 1 for 03h"},
		{"all days by the day of the week", rota.Rules{Expression: "cron(0 8 ? * * *)"}, "cron(0 8 ? * * *)"},
		{"names of days and months in small letters", rota.Rules{Expression: "cron(0 8 ? jan-mar sun#1 *)"}, "cron(0 8 ? jan-mar sun#1 *)"},
		{"once a year, in its first hour", rota.Rules{Expression: "cron(0 0 1 1 ? *)"}, "cron(0 0 1 1 ? *)"},
		{"29 February, but also another one", rota.Rules{Expression: "cron(0 8 28,29 2 ? *)"}, "cron(0 8 28,29 2 ? *)"},
		{"the fifth Sunday, which every year has", rota.Rules{Expression: "cron(0 8 ? * SUN#5 *)"}, "cron(0 8 ? * SUN#5 *)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.rules).String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cron := func(fields string) rota.Rules { return rota.Rules{Expression: "cron(" + fields + ")"} }
	for _, tt := range []struct {
		name  string
		rules rota.Rules
		want  string // in the error
	}{
		{"days and an expression, in AWS's words", rota.Rules{AfterDays: 10, Expression: "rate(10 days)"}, "You cannot specify both rotation frequency and schedule expression together."},
		{"a negative number of days", rota.Rules{AfterDays: -1}, "1 to 1000"},
		{"too many days", rota.Rules{AfterDays: 1001}, "1 to 1000"},
		{"a duration of nothing", rota.Rules{Duration: "3h"}, "AutomaticallyAfterDays or ScheduleExpression must come with it"},

		{"an expression that is too long", cron("0 0 1" + strings.Repeat(",1", 126) + " * ? *"), "1 to 256 characters"},
		{"a character outside the set", rota.Rules{Expression: "rate(10\tdays)"}, `'\t' is not allowed`},
		{"a character outside ASCII", rota.Rules{Expression: "rate(٤ hours)"}, "is not allowed"},
		{"a word that is neither rate nor cron", rota.Rules{Expression: "at(2026)"}, "rate(Value Unit) or cron("},
		{"a rate that does not close", rota.Rules{Expression: "rate(10 days"}, "rate(Value Unit)"},
		{"something after the closing", rota.Rules{Expression: "rate(10 days) "}, "rate(Value Unit)"},
		{"capitals in rate", rota.Rules{Expression: "RATE(10 days)"}, "rate(Value Unit)"},

		{"three hours", rota.Rules{Expression: "rate(3 hours)"}, "at least 4 hours"},
		{"zero days", rota.Rules{Expression: "rate(0 days)"}, "at least 4 hours"},
		{"a thousand days", rota.Rules{Expression: "rate(1000 days)"}, "at most 999 days"},
		{"999 days and an hour", rota.Rules{Expression: "rate(23977 hours)"}, "at most 999 days"},
		{"minutes", rota.Rules{Expression: "rate(240 minutes)"}, "hour, hours, day or days"},
		{"two spaces in a rate", rota.Rules{Expression: "rate(10  days)"}, "one space"},
		{"a negative rate", rota.Rules{Expression: "rate(-10 days)"}, "a whole number"},
		{"a rate without a number", rota.Rules{Expression: "rate( days)"}, "a whole number"},
		{"a number beyond all bounds", rota.Rules{Expression: "rate(99999999999999999999 days)"}, "a whole number"},

		{"five fields", cron("0 8 * * ?"), "six fields"},
		{"two spaces between fields", cron("0 8  1 * ? *"), "six fields"},
		{"a minute other than 0", cron("30 8 * * ? *"), `Minutes "30": must be 0`},
		{"every minute", cron("* 8 * * ? *"), `Minutes "*": must be 0`},
		{"a year", cron("0 8 1 1 ? 2027"), `Year "2027": must be *`},
		{"neither day field with a question mark", cron("0 8 * * * *"), "exactly one of them must be ?"},
		{"both day fields with a question mark", cron("0 8 ? * ? *"), "exactly one of them must be ?"},
		{"a question mark for the month", cron("0 8 1 ? ? *"), `Month "?": must be 1-12`},

		{"every hour", cron("0 * * * ? *"), "Hours"},
		{"a list of hours", cron("0 8,16 * * ? *"), `Hours "8,16": lists, ranges and * are not documented for this field; must be an hour 0-23 or an increment such as 0/8`},
		{"a range of hours", cron("0 8-16 * * ? *"), "Hours"},
		{"an increment of all hours", cron("0 */8 * * ? *"), "Hours"},
		{"an hour 24", cron("0 24 * * ? *"), "an hour 0-23"},
		{"every three hours", cron("0 /3 * * ? *"), "00:00 and 03:00 are 3 hours apart; must be at least 4"},
		{"seven hours, which leaves three over midnight", cron("0 /7 * * ? *"), "21:00 and 00:00 are 3 hours apart; must be at least 4, also over midnight"},
		{"an increment of zero", cron("0 0/0 * * ? *"), "the increment after / must be 1-23"},
		{"an increment beyond the field", cron("0 0/24 * * ? *"), "the increment after / must be 1-23"},
		{"two increments", cron("0 0/8/8 * * ? *"), "the increment after / must be 1-23"},
		{"an increment without a number", cron("0 8/ * * ? *"), "the increment after / must be 1-23"},

		{"a day 0", cron("0 8 0 * ? *"), `Day-of-month "0": must be 1-31`},
		{"a day 32", cron("0 8 32 * ? *"), `Day-of-month "32": must be 1-31`},
		{"the nearest weekday", cron("0 8 15W * ? *"), `Day-of-month "15W": must be 1-31, L for the last day, or ?`},
		{"the last weekday of the month", cron("0 8 LW * ? *"), `Day-of-month "LW": must be`},
		{"the last Sunday in the wrong field", cron("0 8 SUNL * ? *"), `Day-of-month "SUNL": must be`},
		{"a day counted from the end", cron("0 8 L-3 * ? *"), `Day-of-month "L-3": must be`},
		{"a range that goes backwards", cron("0 8 20-10 * ? *"), "goes backwards"},
		{"a range without an end", cron("0 8 20- * ? *"), `Day-of-month "20-": must be`},
		{"an empty entry in a list", cron("0 8 1,,15 * ? *"), `Day-of-month "": must be`},
		{"a question mark in a list", cron("0 8 1,? * ? *"), `Day-of-month "?": must be`},
		{"a number of three digits", cron("0 8 001 * ? *"), `Day-of-month "001": must be`},
		{"a month 13", cron("0 8 1 13 ? *"), `Month "13": must be 1-12 or JAN-DEC`},
		{"a full name of a month", cron("0 8 1 JANUARY ? *"), `Month "JANUARY": must be`},
		{"a weekday 0", cron("0 8 ? * 0 *"), `Day-of-week "0": must be 1-7 or SUN-SAT`},
		{"a weekday 8", cron("0 8 ? * 8 *"), `Day-of-week "8": must be`},
		{"a full name of a day", cron("0 8 ? * SUNDAY *"), `Day-of-week "SUNDAY": must be`},
		{"days of the week that wrap around", cron("0 8 ? * FRI-MON *"), "goes backwards"},
		{"a sixth Sunday", cron("0 8 ? * SUN#6 *"), `Day-of-week "SUN#6": must be`},
		{"a zeroth Sunday", cron("0 8 ? * SUN#0 *"), `Day-of-week "SUN#0": must be`},
		{"the weekday 8 as the first", cron("0 8 ? * 8#1 *"), `Day-of-week "8#1": must be`},
		{"the last of no day", cron("0 8 ? * 8L *"), `Day-of-week "8L": must be`},

		{"31 February, which never comes", cron("0 8 31 2 ? *"), "there is no such day in any year"},
		{"29 February, which is years away", cron("0 8 29 2 ? *"), "must open a window in every year, and opens none in 2001"},
		{"a fifth Monday in February", cron("0 8 ? 2 MON#5 *"), "must open a window in every year"},

		{"a duration of zero", rota.Rules{AfterDays: 1, Duration: "0h"}, "from 1h"},
		{"a duration in minutes", rota.Rules{AfterDays: 1, Duration: "90m"}, "whole hours such as 3h"},
		{"a duration without a unit", rota.Rules{AfterDays: 1, Duration: "3"}, "whole hours such as 3h"},
		{"a duration without a number", rota.Rules{AfterDays: 1, Duration: "h"}, "whole hours such as 3h"},
		{"a duration of three digits", rota.Rules{AfterDays: 1, Duration: "024h"}, "whole hours such as 3h"},
		{"a window longer than the day", rota.Rules{AfterDays: 1, Duration: "25h"}, "at most 24h"},
		{"a window longer than the rate", rota.Rules{Expression: "rate(4 hours)", Duration: "5h"}, "at most 4h"},
		{"a window longer than the increment", rota.Rules{Expression: "cron(0 /8 * * ? *)", Duration: "9h"}, "at most 8h"},
		{"a window into the next day", rota.Rules{Expression: "cron(0 16 * * ? *)", Duration: "9h"}, "at most 8h"},
		{"a last window of the day into the next day", rota.Rules{Expression: "cron(0 2/10 * * ? *)", Duration: "3h"}, "at most 2h"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := schedule.Parse(tt.rules)
			if err == nil {
				t.Fatalf("got %s, want an error with %q", s, tt.want)
			}
			if !errors.Is(err, schedule.ErrSyntax) {
				t.Errorf("%v is not ErrSyntax", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if !s.IsZero() {
				t.Errorf("got %s beside the error, want no schedule", s)
			}
		})
	}
}

func TestParseTellsEveryProblemAtOnce(t *testing.T) {
	_, err := schedule.Parse(rota.Rules{AfterDays: 1001, Expression: "cron(5 8,9 32 13 8 2027)", Duration: "30h"})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"together", "1 to 1000", "Minutes", "Hours", "exactly one", "Day-of-month \"32\"", "Month", "Day-of-week \"8\"", "Year", "Duration"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nsays nothing of %s", err, want)
		}
	}
}

func TestOnlyBothFormsGivesAWSsSentenceAlone(t *testing.T) {
	_, err := schedule.Parse(rota.Rules{AfterDays: 10, Expression: "rate(10 days)", Duration: "2h"})
	if want := "You cannot specify both rotation frequency and schedule expression together."; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
