package rotation_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// described is a minting rotator with a descriptor of its own.
type described struct {
	rotation.Minter
	rotation.Lister
	d rotation.Descriptor
}

func (d described) Descriptor() rotation.Descriptor { return d.d }

func odd(s string) error {
	if strings.HasPrefix(s, "odd") {
		return nil
	}
	return errors.New("it is not odd")
}

func testCatalog(t *testing.T) rotation.Catalog {
	t.Helper()
	m := rotationtest.NewProvider(noFault()).Minting(0)
	as := func(d rotation.Descriptor) rotation.Rotator {
		return described{m.(rotation.Minter), m.(rotation.Lister), d}
	}
	c, err := rotation.NewCatalog(
		as(rotation.Descriptor{Name: "postgres", Settings: []rotation.Setting{{Name: "password-length", Default: "32"}, {Name: "shared", Check: odd}}}),
		as(rotation.Descriptor{Name: "keystone", Type: "KeystoneKey", Settings: []rotation.Setting{{Name: "expires-in", Check: odd}}}),
		as(rotation.Descriptor{Name: "mail", Type: "MailKey", Settings: []rotation.Setting{{Name: "shared"}}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const lambda = "arn:aws:lambda:us-east-1:123456789012:function:"

func tags(kv ...string) (out []rota.Tag) {
	for i := 0; i < len(kv); i += 2 {
		out = append(out, rota.Tag{Key: kv[i], Value: kv[i+1]})
	}
	return out
}

func metadata(kv ...string) (out []rota.MetadataItem) {
	for i := 0; i < len(kv); i += 2 {
		out = append(out, rota.MetadataItem{Key: kv[i], Value: kv[i+1]})
	}
	return out
}

func env(kv ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				return kv[i+1]
			}
		}
		return ""
	}
}

func TestWhichRotatorASecretHas(t *testing.T) {
	for _, c := range []struct {
		name   string
		secret rota.Secret
		env    func(string) string
		want   string
		err    string
	}{
		{"the function names it", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-postgres"}}, nil, "postgres", ""},
		{"a function with a version names it", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-postgres:7"}}, nil, "postgres", ""},
		{"the tag names it", rota.Secret{Tags: tags("rota:rotator", "mail")}, nil, "mail", ""},
		{"the metadata name it", rota.Secret{Rotation: rota.Rotation{Metadata: metadata("rotator", "mail")}}, nil, "mail", ""},
		{"the environment names it", rota.Secret{}, env("ROTA_ROTATOR", "mail"), "mail", ""},
		{"the metadata count more than the tag", rota.Secret{Rotation: rota.Rotation{Metadata: metadata("rotator", "mail")}, Tags: tags("rota:rotator", "postgres")}, nil, "mail", ""},
		{"the tag counts more than the environment", rota.Secret{Tags: tags("rota:rotator", "mail")}, env("ROTA_ROTATOR", "postgres"), "mail", ""},
		{"the type names it", rota.Secret{Type: "KeystoneKey"}, nil, "keystone", ""},
		{"a function of somebody else's name says nothing", rota.Secret{Rotation: rota.Rotation{Function: lambda + "my-rotator"}, Tags: tags("rota:rotator", "mail")}, nil, "mail", ""},
		{"a rota function that rota lacks says nothing", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-other"}, Tags: tags("rota:rotator", "mail")}, nil, "mail", ""},
		{"all agree", rota.Secret{Type: "KeystoneKey", Rotation: rota.Rotation{Function: lambda + "rota-keystone", Metadata: metadata("rotator", "keystone")}}, nil, "keystone", ""},
		{"a type that no rotator has leaves the choice", rota.Secret{Type: "Other", Tags: tags("rota:rotator", "mail")}, nil, "mail", ""},

		{"function and tag disagree", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-postgres"}, Tags: tags("rota:rotator", "mail")}, nil, "", "make them agree"},
		{"function and metadata disagree", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-postgres", Metadata: metadata("rotator", "mail")}}, nil, "", "make them agree"},
		{"function and environment disagree", rota.Secret{Rotation: rota.Rotation{Function: lambda + "rota-postgres"}}, env("ROTA_ROTATOR", "mail"), "", "make them agree"},
		{"function and type disagree", rota.Secret{Type: "KeystoneKey", Rotation: rota.Rotation{Function: lambda + "rota-postgres"}}, nil, "", "make them agree"},
		{"tag and type disagree", rota.Secret{Type: "KeystoneKey", Tags: tags("rota:rotator", "mail")}, nil, "", "make them agree"},
		{"a tag that names no rotator", rota.Secret{Tags: tags("rota:rotator", "oracle")}, nil, "", "rota has postgres, keystone, mail"},
		{"a type that nothing knows", rota.Secret{Type: "Other"}, nil, "", `no provider file for the type "Other"`},
		{"nothing names one", rota.Secret{Key: rota.Key{Account: "123456789012", Region: "us-east-1"}}, nil, "", "arn:aws:lambda:us-east-1:123456789012:function:rota-<rotator>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sel, err := rotation.Select(testCatalog(t), c.secret, rota.Value{}, c.env)
			if c.err != "" {
				wantError(t, err, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := sel.Rotator.Descriptor().Name; got != c.want || sel.Settings["rotator"] != c.want {
				t.Errorf("got %s, setting %s, want %s", got, sel.Settings["rotator"], c.want)
			}
		})
	}
}

func TestASettingTellsWhereItComesFrom(t *testing.T) {
	s := rota.Secret{
		Tags:     tags("rota:rotator", "postgres", "rota:strategy", "single-user"),
		Rotation: rota.Rotation{Metadata: metadata("expire", "immediately")},
	}
	env := func(key string) string { return map[string]string{"ROTA_SHARED": "odd one"}[key] }
	sel, err := rotation.Select(testCatalog(t), s, rota.StringValue(`{"masterarn":"admin/db"}`), env)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"rotator": "tag rota:rotator", "strategy": "tag rota:strategy", "expire": "metadata expire", "admin": "the field masterarn",
		"shared": "environment ROTA_SHARED", "password-length": "default",
	}
	if !maps.Equal(sel.From, want) {
		t.Errorf("got %v, want %v", sel.From, want)
	}
	sel, err = rotation.Select(testCatalog(t), rota.Secret{Tags: tags("rota:rotator", "mail", "rota:admin", "a")}, rota.Value{}, nil)
	if err != nil || sel.From["expire"] != "default" || sel.From["strategy"] != "there is an admin secret" {
		t.Errorf("by default: %v, %v", sel.From, err)
	}
}

func TestWhereASettingComesFrom(t *testing.T) {
	const secretValue = `{"username":"u","masterarn":"from-field"}`
	for _, c := range []struct {
		name     string
		metadata []rota.MetadataItem
		tags     []rota.Tag
		env      func(string) string
		value    string
		setting  string
		want     string
	}{
		{"metadata before tag", metadata("expire", "immediately"), tags("rota:expire", "after 1h"), env("ROTA_EXPIRE", "after 2h"), "", "expire", "immediately"},
		{"tag before environment", nil, tags("rota:expire", "after 1h"), env("ROTA_EXPIRE", "after 2h"), "", "expire", "after 1h"},
		{"environment before default", nil, nil, env("ROTA_EXPIRE", "after 2h"), "", "expire", "after 2h"},
		{"the default", nil, nil, nil, "", "expire", "after 24h"},
		{"a setting of the rotator in camelCase", metadata("passwordLength", "40"), tags("rota:password-length", "41"), nil, "", "password-length", "40"},
		{"a setting of the rotator by its tag", nil, tags("rota:password-length", "41"), env("ROTA_PASSWORD_LENGTH", "42"), "", "password-length", "41"},
		{"a setting of the rotator in the environment", nil, nil, env("ROTA_PASSWORD_LENGTH", "42"), "", "password-length", "42"},
		{"the default of the rotator", nil, nil, nil, "", "password-length", "32"},
		{"a setting that nobody gave is absent", nil, nil, nil, "", "shared", ""},

		{"the admin secret from the metadata first", metadata("adminSecretArn", "m"), tags("rota:admin", "t"), env("ROTA_ADMIN", "e"), secretValue, "admin", "m"},
		{"then from the tag", nil, tags("rota:admin", "t"), env("ROTA_ADMIN", "e"), secretValue, "admin", "t"},
		{"then from the field masterarn", nil, nil, env("ROTA_ADMIN", "e"), secretValue, "admin", "from-field"},
		{"then from the environment, which is only a default", nil, nil, env("ROTA_ADMIN", "e"), `{"username":"u"}`, "admin", "e"},
		{"and else there is none", nil, nil, nil, `{"username":"u"}`, "admin", ""},
		{"a field masterarn that is no text is none", nil, nil, nil, `{"masterarn":7}`, "admin", ""},
		{"a value that is no JSON names none", nil, nil, nil, "masterarn", "admin", ""},

		{"one user without an admin secret", nil, nil, nil, "", "strategy", rotation.SingleUser},
		{"two users with an admin secret", nil, tags("rota:admin", "t"), nil, "", "strategy", rotation.AlternatingUsers},
		{"two users with the field masterarn", nil, nil, nil, secretValue, "strategy", rotation.AlternatingUsers},
		{"one user with an admin secret, if it is said", metadata("strategy", "single-user"), tags("rota:admin", "t"), nil, "", "strategy", rotation.SingleUser},
		{"two users, if it is said", nil, tags("rota:strategy", "alternating-users"), nil, "", "strategy", rotation.AlternatingUsers},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rota.Secret{Tags: c.tags, Rotation: rota.Rotation{Function: lambda + "rota-postgres", Metadata: c.metadata}}
			var v rota.Value
			if c.value != "" {
				v = rota.StringValue(c.value)
			}
			sel, err := rotation.Select(testCatalog(t), s, v, c.env)
			if err != nil {
				t.Fatal(err)
			}
			if got := sel.Settings[c.setting]; got != c.want {
				t.Errorf("%s is %q, want %q", c.setting, got, c.want)
			}
			if sel.Admin != sel.Settings["admin"] {
				t.Errorf("the admin secret is %q, its setting %q", sel.Admin, sel.Settings["admin"])
			}
			if sel.Policy.String() != sel.Settings["expire"] {
				t.Errorf("the policy is %s, its setting %q", sel.Policy, sel.Settings["expire"])
			}
		})
	}
}

func TestAllProblemsOfASecretAreNamedAtOnce(t *testing.T) {
	s := rota.Secret{
		Tags: tags("rota:expire", "some day", "rota:strategy", "three-users", "rota:colour", "blue", "team", "a", "rota:serves", "@"),
		Rotation: rota.Rotation{
			Function: lambda + "rota-postgres", Metadata: metadata("colour", "red", "password-length", "3", "shared", "even"),
		},
	}
	_, err := rotation.Select(testCatalog(t), s, rota.Value{}, nil)
	var problems rotation.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want Problems", err)
	}
	for _, want := range []string{
		"metadata colour is no setting of the rotator postgres", "tag rota:colour is no setting", "metadata password-length is no setting",
		`tag rota:expire: "some day"`, `tag rota:strategy: "three-users"`, "metadata shared: it is not odd",
	} {
		wantError(t, err, want)
	}
	if len(problems) != 6 {
		t.Errorf("%d problems, want 6: %q", len(problems), problems)
	}
}

func TestATagIsRefusedWhenItIsSet(t *testing.T) {
	for _, c := range []struct{ key, value, err string }{
		{"team", "anything", ""},
		{"rotate", "anything", ""},
		{"rota:serves", "app/ @", ""},
		{"rota:admin", "arn:whatever", ""},
		{"rota:rotator", "mail", ""},
		{"rota:rotator", "oracle", `there is no rotator "oracle"; rota has postgres, keystone, mail`},
		{"rota:strategy", "single-user", ""},
		{"rota:strategy", "alternating-users", ""},
		{"rota:strategy", "two", "use single-user or alternating-users"},
		{"rota:expire", "after 1h", ""},
		{"rota:expire", "soon", "for example after 24h"},
		{"rota:password-length", "40", ""},
		{"rota:expires-in", "odd one", ""},
		{"rota:expires-in", "even", "tag rota:expires-in: it is not odd"},
		{"rota:shared", "even", ""}, // one of the two rotators takes it
		{"rota:colour", "blue", "rota knows no tag rota:colour; it knows rota:admin, rota:expire, rota:expires-in, rota:password-length, rota:rotator, rota:shared, rota:strategy, rota:serves"},
		{"rota:", "x", "rota knows no tag"},
		{"rota:passwordLength", "40", "rota knows no tag"},
	} {
		err := rotation.CheckTag(testCatalog(t), c.key, c.value)
		if c.err != "" {
			wantError(t, err, c.err)
		} else if err != nil {
			t.Errorf("%s=%s is refused: %v", c.key, c.value, err)
		}
	}
}

func TestFunctionName(t *testing.T) {
	for arn, want := range map[string]string{
		lambda + "rota-postgres":           "rota-postgres",
		lambda + "rota-postgres:PROD":      "rota-postgres",
		"arn:aws-cn:lambda:a:b:function:f": "f",
		"":                                 "",
		"rota-postgres":                    "",
		"arn:aws:sns:us-east-1:123456789012:function:x": "",
		"arn:aws:lambda:us-east-1:123456789012:layer:x": "",
		lambda + "a:b:c": "",
	} {
		if got := rotation.FunctionName(arn); got != want {
			t.Errorf("%q names %q, want %q", arn, got, want)
		}
	}
}

func TestServes(t *testing.T) {
	for _, c := range []struct {
		tag, name string
		want      bool
	}{
		{"", "app", false},
		{"app", "app", true},
		{"app", "app2", false},
		{"app", "ap", false},
		{"app", "App", false},
		{"other app third", "app", true},
		{"app/", "app/db", true},
		{"app/", "app/eu/db", true},
		{"app/", "app", false},
		{"app/", "application", false},
		{"app/", "my/app/db", false},
		{"app/db", "app/db/x", false},
		{"@", "anything/at/all", true},
		{"other @", "anything", true},
		{"app@", "anything", false},
		{"@app", "app", false},
		{"*", "anything", false},
		{"app*", "app1", false},
		{"app,other", "app", false},
		{" \t app \n", "app", true},
		{"/", "app", false},
		{"/", "/app", true},
	} {
		admin := rota.Secret{Tags: tags("rota:serves", c.tag)}
		if got := rotation.Serves(admin, c.name); got != c.want {
			t.Errorf("rota:serves %q serves %q: %t, want %t", c.tag, c.name, got, c.want)
		}
	}
	if rotation.Serves(rota.Secret{Tags: tags("serves", "@")}, "app") {
		t.Error("an admin secret without the tag serves")
	}
}

func TestMayUseRefusesWithTheCommandThatAllowsIt(t *testing.T) {
	admin, child := rota.Secret{Name: "admin", Suffix: "AAAAAA"}, rota.Secret{Name: "app", Suffix: "BBBBBB"}
	wantError(t, rotation.MayUse(admin, child), "aws secretsmanager tag-resource --secret-id admin --tags 'Key=rota:serves,Value=app'")
	admin.Tags = tags("rota:serves", "x y")
	wantError(t, rotation.MayUse(admin, child), "Value=x y app'")
	admin.Tags = tags("rota:serves", "x app")
	if err := rotation.MayUse(admin, child); err != nil {
		t.Errorf("refused: %v", err)
	}
	admin.Tags = tags("rota:serves", "@")
	wantError(t, rotation.MayUse(admin, admin), "names itself")
	if err := rotation.MayUse(admin, child); err != nil {
		t.Errorf("two secrets of a home that gives no internal ids are taken for one: %v", err)
	}
}

func TestANameAtTheProviderIsSafeAndItsOwn(t *testing.T) {
	arn, token := "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf", "00000001-0000-4000-8000-000000000001"
	got := rotation.CredentialName(arn, token)
	if hex, ours := strings.CutPrefix(got, "rota-"); !ours || len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
		t.Errorf("%q is not rota- and 32 hex digits", got)
	}
	seen := map[string]bool{got: true}
	for _, other := range [][2]string{{arn + "x", token}, {arn, token + "x"}, {arn + "\n" + token, ""}, {"", arn + token}} {
		n := rotation.CredentialName(other[0], other[1])
		if seen[n] {
			t.Errorf("%q has the name of another credential", other)
		}
		seen[n] = true
	}
	if again := rotation.CredentialName(arn, token); again != got {
		t.Errorf("the name is not constant: %s, %s", got, again)
	}
}
