package lambda

import (
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// TestEachCallChecksTheSecretByItself: whatever was described before, or was
// not.
func TestEachCallChecksTheSecretByItself(t *testing.T) {
	const notAllowed, notItsOwn = `the admin secret other/x is not allowed by this function`, "is not the one in rotation, app/x"
	w := newWorld(t)
	w.put("app/x", rota.StringValue("own"))
	w.put("admin/x", rota.StringValue("an admin's"))
	w.put("other/x", rota.StringValue("another's"))
	token := w.rotate("app/x")
	arn := func(name string) string { return w.describe(name).ARN() }
	for _, described := range []bool{false, true} {
		s := &secrets{api: w.Secrets, id: "app/x", allow: w.Allow}
		if described {
			for _, id := range []string{"app/x", "admin/x"} {
				if _, err := s.Describe(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		read := func(id string) error {
			_, err := s.Get(t.Context(), id, "", rota.Current)
			return err
		}
		put := func(id string) error { return s.Put(t.Context(), id, token, rota.StringValue("new"), "") }
		label := func(id string) error { return s.UpdateVersionStage(t.Context(), id, "x", "", token) }
		for _, c := range []struct {
			does string
			call func(id string) error
			id   string
			want string // "" for allowed
		}{
			{"reading the secret of the event", read, "app/x", ""},
			{"reading an admin secret that is allowed", read, "admin/x", ""},
			{"reading it by its ARN", read, arn("admin/x"), ""},
			{"reading another", read, "other/x", notAllowed},
			{"reading another by its ARN", read, arn("other/x"), notAllowed},
			{"putting a value into an admin secret", put, "admin/x", notItsOwn},
			{"putting one into another", put, arn("other/x"), notItsOwn},
			{"labelling an admin secret", label, arn("admin/x"), notItsOwn},
			{"labelling another", label, "other/x", notItsOwn},
			{"putting a value into the secret of the event", put, "app/x", ""},
			{"labelling it", label, "app/x", ""},
			{"labelling it by its ARN, once that is known", label, arn("app/x"), map[bool]string{false: notItsOwn}[described]},
		} {
			w.reads, w.puts = nil, nil
			err := c.call(c.id)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !rotation.IsPermanent(err)) {
				t.Errorf("%s (described %t): got %v, want %q", c.does, described, err, c.want)
			}
			if c.want != "" && len(w.reads)+len(w.puts) > 0 {
				t.Errorf("%s (described %t) was asked for: %q, %d puts", c.does, described, w.reads, len(w.puts))
			}
		}
	}
}
