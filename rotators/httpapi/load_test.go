package httpapi

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func source(t testing.TB, name string) string {
	t.Helper()
	b, err := fs.ReadFile(embedded, "providers/"+name+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lineOf is the number of the line that holds s.
func lineOf(src, s string) int {
	return strings.Count(src[:strings.Index(src, s)], "\n") + 1
}

func TestAProblemOfAFileIsToldWithItsPlace(t *testing.T) {
	tests := []struct {
		rule     string
		file     string
		old, new string
		at       string // the line that holds this in the edited file
		want     string
	}{
		{"an unknown key is an error", "rabbitmq", "capacity: 2", "capacity: 2\ncapcity: 2", "capcity", `unknown key "capcity"`},
		{"an unknown key deep inside is an error", "rabbitmq", "pick: {tags: tags}", "pick: {tags: {pth: tags}}", "pth", `unknown key "pth"`},
		{"a missing request is an error", "keystone", "  request: DELETE /users/{{admin.userId}}/application_credentials/{{id}}\n", "", "auth: admin\n  answers:\n    - {status: 204", `lacks "request"`},
		{"a missing verb is an error", "keystone", "list:\n", "lists:\n", "", `lacks "list"`},
		{"a verb of another kind is an error", "keystone", "revoke:\n", "end:\n", "request: DELETE", `has no "end"`},
		{"a kind that does not exist is an error", "keystone", "kind: mint", "kind: steal", "kind: steal", "not mint, choose or assign"},
		{"a template without its end is an error", "rabbitmq", `password: "{{generated}}"`, `password: "{{generated"`, `{{generated"`, "{{ without }}"},
		{"a template with an unknown form is an error", "rabbitmq", `password: "{{generated}}"`, `password: "{{1+1}}"`, "1+1", "is not {{scope.name}}"},
		{"a template may not name a field that does not exist", "rabbitmq", `{{this.password}}`, `{{this.pasword}}`, "pasword", "value has no such field"},
		{"a template may not name an admin field that does not exist", "rabbitmq", `{{admin.password}}`, `{{admin.passwd}}`, "passwd", "admin has no such field"},
		{"a template may not name a scope that is not there", "rabbitmq", `{{generated | rabbitmq-sha256}}`, `{{pending.password | rabbitmq-sha256}}`, `hash: "{{pending.password | rabbitmq-sha256}}"` + "\n      hashing_algorithm: rabbit_password_hashing_sha256\n      tags: \"{{picked.tags}}\"\n    answers: {status: 204, means: accepted}\nx", "only current, old"},
		{"a template may not name what was not picked", "rabbitmq", `{{picked.tags}}`, `{{picked.tag}}`, "picked.tag}", "nothing of that name was picked"},
		{"a transform must exist", "rabbitmq", `pending.password | rabbitmq-sha256`, `pending.password | rot13`, "rot13", "unknown transform"},
		{"the address never comes from the secret itself", "rabbitmq", `{base: "{{admin.managementUrl}}"`, `{base: "{{this.managementUrl}}"`, "{base:", "only admin can be named here"},
		{"the address never comes from a setting of the secret", "keystone", `{base: "{{admin.authUrl}}"`, `{base: "{{settings.expires-in}}"`, "{base:", "only admin can be named here"},
		{"a path holds no query", "keystone", "GET /users/{{admin.userId}}/application_credentials\n", "GET /users/{{admin.userId}}/application_credentials?x=1\n", "?x=1", "holds no ?"},
		{"a reference is a whole segment of a path", "rabbitmq", "GET /api/users/{{pending.username}}", "GET /api/users/u{{pending.username}}", "users/u{{", "whole segment"},
		{"a status is one of HTTP", "keystone", "status: 409", "status: 909", "909", "not an HTTP status"},
		{"a meaning must fit its verb", "keystone", "means: duplicate", "means: gone", "request: POST /users", `cannot mean "gone"`},
		{"a request must be able to succeed", "keystone", "{status: 204, means: accepted}", "{status: 204, means: gone}", "request: DELETE", "no answer means accepted"},
		{"what is impossible says what to do next", "rabbitmq", "        say: the user does not exist; create both users with their permissions, then rotate again\n", "", "- status: 404", `lacks "say"`},
		{"auth must be defined", "rabbitmq", "auth: this\n", "auth: that\n", "request: GET /api/whoami", `auth "that" is not defined`},
		{"auth must be said", "rabbitmq", "  auth: this\n", "", "request: GET /api/whoami", `lacks "auth"`},
		{"a generated value must not be guessable", "rabbitmq", "length: 40", "length: 12", "length: 12", "could be guessed"},
		{"the secret field must be set anew", "keystone", `secret: "{{picked.secret}}", name`, `name`, "name: keystone", `must set "secret"`},
		{"what is revoked is named by the value", "keystone", `principal: "{{this.id}}", id: "{{this.id}}"`, `principal: "{{this.id}}"`, "name: keystone", "lacks identity.id"},
		{"a class stands once", "rabbitmq", "[lower, upper, digit]", "[lower, upper, lower]", "lower, upper, lower", `"lower" stands twice`},
		{"docs is a link", "keystone", "docs: https://", "docs: http://", "docs:", "does not match"},
		{"durations have a unit", "rabbitmq", "interval: 1s", "interval: 1", "interval: 1", "duration"},
		{"the name is the file's", "rabbitmq", "name: rabbitmq", "name: rabbit", "name: rabbit\n", "must be the file's"},
		{"a key appears once", "rabbitmq", "capacity: 2", "capacity: 2\ncapacity: 2", "", `already defined`},
		{"a file is YAML", "rabbitmq", "capacity: 2", "capacity: [2", "", "rabbitmq.yaml:"},
		{"aliases are not used", "rabbitmq", "capacity: 2", "capacity: *two", "capacity: *two", "anchors, aliases"},
		{"a header cannot be the transport's own", "keystone", "headers: {X-Auth-Token:", "headers: {Host:", "headers: {Host:", "not the file's to set"},
		{"a body number is one of JSON", "keystone", "methods: [password]", "methods: [0x10]", "0x10", "not a number of JSON"},
		{"a setting does not take the name of a shared one", "keystone", "expires-in:\n", "expire:\n", "expire:\n", "cannot be the name of a setting"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			src := source(t, tt.file)
			if !strings.Contains(src, tt.old) {
				t.Fatalf("the file does not hold %q", tt.old)
			}
			edited := strings.Replace(src, tt.old, tt.new, 1)
			_, err := Load(fstest.MapFS{tt.file + ".yaml": {Data: []byte(edited)}})
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			want := tt.want
			line := 0
			if tt.at != "" && strings.Contains(edited+"x", tt.at) {
				line = lineOf(edited+"x", tt.at)
			}
			for _, p := range problems {
				if strings.Contains(p.Error(), want) && p.Line > 0 && p.Column > 0 && (line == 0 || p.Line == line) {
					return
				}
			}
			t.Errorf("want %q at line %d, got:\n%v", want, line, err)
		})
	}
}

func TestEveryProblemOfEveryFileIsToldAtOnce(t *testing.T) {
	one := strings.NewReplacer(
		"capacity: 2", "capacity: 7",
		"means: dead", "means: dying",
		"interval: 1s", "interval: soon",
		"{{old.username}}", "{{old.user}}",
	).Replace(source(t, "rabbitmq"))
	two := strings.Replace(source(t, "keystone"), "kind: mint", "kind: ?", 1)
	_, err := Load(fstest.MapFS{"rabbitmq.yaml": {Data: []byte(one)}, "keystone.yaml": {Data: []byte(two)}})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for _, want := range []string{"keystone.yaml:", "rabbitmq.yaml:", "capacity is", "must be a duration", `cannot mean "dying"`, "{{old.user}}"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told:\n%v", want, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(problems) {
		t.Errorf("%d lines for %d problems", lines, len(problems))
	}
}

func TestTwoProvidersDoNotShareAType(t *testing.T) {
	second := strings.NewReplacer("name: rabbitmq", "name: second").Replace(source(t, "rabbitmq"))
	_, err := Load(fstest.MapFS{
		"rabbitmq.yaml": {Data: []byte(source(t, "rabbitmq"))}, "second.yaml": {Data: []byte(second)},
	})
	if err == nil || !strings.Contains(err.Error(), "type RabbitMQUser is taken by rabbitmq.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatIsTooLargeIsNotParsed(t *testing.T) {
	big := source(t, "rabbitmq") + strings.Repeat("#\n", maxFileBytes)
	_, err := Load(fstest.MapFS{"rabbitmq.yaml": {Data: []byte(big)}})
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(source(f, "rabbitmq")))
	f.Add([]byte(source(f, "keystone")))
	f.Add([]byte("name: [x\n"))
	f.Add([]byte("test: {request: GET /{{this.a}}}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		all, err := Load(fstest.MapFS{"rabbitmq.yaml": {Data: src}})
		if err == nil {
			// What loads can be used: nothing of the interpreter may panic on it.
			r := all[0].Rotator(Options{})
			_ = r.Descriptor()
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%T is not Problems", err)
		}
		for _, p := range problems {
			if p.File == "" || p.Text == "" || p.Line < 0 || p.Column < 0 {
				t.Fatalf("a problem without a place: %#v", p)
			}
		}
	})
}
