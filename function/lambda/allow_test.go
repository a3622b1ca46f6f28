package lambda

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestTheAllowListSaysWhatToSet(t *testing.T) {
	a := AllowFrom(environment(AllowRotators, "postgres, rabbit*", AllowHosts, "db.example.com *.internal:5432\n[::1]:5432", AllowAdminSecrets, "admin/*"))
	secret := func(name string) rota.Secret {
		return rota.Secret{Key: rota.Key{Account: "123456789012", Region: "us-east-1"}, Name: name, Suffix: "AbCdEf"}
	}
	for _, c := range []struct {
		name string
		err  error
		want string // "" for allowed
	}{
		{"a rotator by its name", a.rotator("postgres"), ""},
		{"a rotator by a pattern", a.rotator("rabbitmq"), ""},
		{
			"another rotator", a.rotator("keystone"),
			`the rotator keystone is not allowed by this function: set its environment variable ROTA_ALLOW_ROTATORS to "postgres rabbit* keystone", if that is meant`,
		},
		{"a host with any port", a.provider("postgres://db.example.com:6543"), ""},
		{"a host in capitals, and with a dot at its end", a.provider("https://DB.example.com./api account"), ""},
		{"a host by a pattern with the port", a.provider("postgres://a.internal:5432"), ""},
		{"an address of version 6", a.provider("postgres://[::1]:5432"), ""},
		{"the pattern's port is no other", a.provider("postgres://a.internal:5433"), "the host a.internal is not allowed"},
		{"a host that only ends like an allowed one", a.provider("postgres://evil-db.example.com:5432"), "the host evil-db.example.com is not allowed"},
		{
			"a host that only begins like one", a.provider("https://db.example.com.evil.org"),
			`set its environment variable ROTA_ALLOW_HOSTS to "db.example.com *.internal:5432 [::1]:5432 db.example.com.evil.org"`,
		},
		{"a user in the address is no host", a.provider("https://db.example.com@evil.org/"), "the host evil.org is not allowed"},
		{"an address that cannot be read", a.provider("nothing"), "cannot be compared with ROTA_ALLOW_HOSTS"},
		{"no address at all", a.provider(""), "cannot be compared with ROTA_ALLOW_HOSTS"},
		{"an admin secret by a pattern of its name", a.admin(secret("admin/db")), ""},
		{"another admin secret", a.admin(secret("other/db")), `set its environment variable ROTA_ALLOW_ADMIN_SECRETS to "admin/* other/db"`},
		{"an admin secret by its ARN", Allow{AdminSecrets: []string{"arn:aws:secretsmanager:us-east-1:123456789012:secret:other/db-*"}}.admin(secret("other/db")), ""},
		{"nothing is allowed where nothing is set", Allow{}.rotator("postgres"), `ROTA_ALLOW_ROTATORS to "postgres"`},
		{"no host either", Allow{}.provider("postgres://db:1"), `ROTA_ALLOW_HOSTS to "db"`},
		{"nor an admin secret", Allow{}.admin(secret("a")), `ROTA_ALLOW_ADMIN_SECRETS to "a"`},
		{"one star allows everything", Allow{Hosts: []string{"*"}}.provider("postgres://db:1"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if (c.err == nil) != (c.want == "") || c.err != nil && !strings.Contains(c.err.Error(), c.want) {
				t.Errorf("got %v, want %q", c.err, c.want)
			}
		})
	}
}

// FuzzAPatternIsWhatTheRegularExpressionSays compares with another reading of
// the same pattern.
func FuzzAPatternIsWhatTheRegularExpressionSays(f *testing.F) {
	for _, s := range [][2]string{
		{"", ""}, {"*", "a/b"}, {"a*b*a", "aba"}, {"a*b*a", "abba"}, {"a*a", "a"}, {"**a", "ba"}, {"a*b", "abab"}, {"*ab*ab", "abab"}, {"*ab*ab", "ab"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + `\z`)
		if err != nil {
			t.Skip() // not UTF-8
		}
		if got, want := match(pattern, text), re.MatchString(text); got != want {
			t.Errorf("%q of %q: %t, want %t", pattern, text, got, want)
		}
	})
}
