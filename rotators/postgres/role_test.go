package postgres

import (
	"reflect"
	"strings"
	"testing"
)

func TestStatementsQuoteHostileNames(t *testing.T) {
	long := strings.Repeat("n", 63)
	for name, want := range map[string]string{
		`plain`:           `ALTER ROLE "plain" PASSWORD 'v'`,
		`a"b`:             `ALTER ROLE "a""b" PASSWORD 'v'`,
		`x'; DROP ROLE y`: `ALTER ROLE "x'; DROP ROLE y" PASSWORD 'v'`,
		`back\slash`:      `ALTER ROLE "back\slash" PASSWORD 'v'`,
		`Ünï-用户`:          `ALTER ROLE "Ünï-用户" PASSWORD 'v'`,
		long:              `ALTER ROLE "` + long + `" PASSWORD 'v'`,
	} {
		if got := alterPassword(name, "v"); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestLiteralsAreSafeWithAndWithoutStandardConformingStrings(t *testing.T) {
	for in, want := range map[string]string{
		`a`:     `'a'`,
		``:      `''`,
		`it's`:  `'it''s'`,
		`\`:     ` E'\\'`,
		`\'; x`: ` E'\\''; x'`,
	} {
		if got := quoteLiteral(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestConfigurationIsWrittenAsSetReadsIt(t *testing.T) {
	for name, row := range map[string]struct{ database, parameter, value, want string }{
		"one value":                 {"", "statement_timeout", "5s", `ALTER ROLE "c" SET "statement_timeout" TO '5s'`},
		"in a database":             {`d"b`, "work_mem", "4MB", `ALTER ROLE "c" IN DATABASE "d""b" SET "work_mem" TO '4MB'`},
		"a list":                    {"", "search_path", `"$user", public, "a,b"`, `ALTER ROLE "c" SET "search_path" TO '$user', 'public', 'a,b'`},
		"an empty list":             {"", "search_path", ``, `ALTER ROLE "c" SET "search_path" TO ''`},
		"a list with an empty name": {"", "search_path", `""`, `ALTER ROLE "c" SET "search_path" TO ''`},
		"a hostile list":            {"", "search_path", `a;DROP, b'c`, `ALTER ROLE "c" SET "search_path" TO 'a;DROP', 'b''c'`},
		"a custom parameter":        {"", "app.te\"nant", `x'; DROP`, `ALTER ROLE "c" SET "app"."te""nant" TO 'x''; DROP'`},
		"a value with commas":       {"", "DateStyle", "ISO, DMY", `ALTER ROLE "c" SET "DateStyle" TO 'ISO, DMY'`},
	} {
		if got := alterConfig("c", row.database, row.parameter, row.value); got != row.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzSplitNames(f *testing.F) {
	f.Add(`"$user", public`)
	f.Add(`"a""b",c`)
	f.Add(`"open`)
	f.Fuzz(func(t *testing.T, list string) {
		names := splitNames(list)
		// What a server would store for these names is split into them again.
		var quoted []string
		for _, n := range names {
			quoted = append(quoted, quoteStored(n))
		}
		if strings.ContainsRune(list, 0) {
			return
		}
		if again := splitNames(strings.Join(quoted, ", ")); !reflect.DeepEqual(names, again) {
			t.Errorf("%q then %q", names, again)
		}
	})
}

func quoteStored(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
