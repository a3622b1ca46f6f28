package storetest

import (
	"slices"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

const rotateAction = "secretsmanager:RotateSecret"

// steered is a secret whose rotation was set up; the value up to its first
// comma is the address.
func (w *World) steered() rota.Secret {
	w.T.Helper()
	s := w.Create("s", "v1", "host-a,old")
	w.Must(w.Put(Caller, "s", "v2", "host-a,new"))
	w.Rotate("s", "r1")
	_, err := w.CancelRotateSecret(w.T.Context(), Caller, "s")
	w.Must(err)
	w.Must(w.Stage(Caller, "s", rota.Pending, "r1", ""))
	return s
}

var redirectChecks = []check{
	{"a change of rotator, address or admin secret takes the right to RotateSecret, whatever operation it comes by", func(w *World) {
		w.steered()
		w.Must(w.TagResource(w.T.Context(), Caller, "s", []rota.Tag{{Key: "rota:expire", Value: "immediately"}}))
		ctx := w.T.Context()
		put := func(c rota.Caller, token, value string, labels ...string) error {
			return w.Put(c, "s", token, value, labels...)
		}
		w.Must(put(Caller, "elsewhere", "host-b,new", "kept"))
		for _, one := range []struct {
			what, action string
			do           func(rota.Caller) error
		}{
			{"another address", "PutSecretValue", func(c rota.Caller) error { return put(c, "w1", "host-b,new") }},
			{"no address, from where every next one would be the first", "PutSecretValue", func(c rota.Caller) error { return put(c, "w2", "new") }},
			{"another address by UpdateSecret", "UpdateSecret", func(c rota.Caller) error {
				_, err := w.UpdateSecret(ctx, c, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "w3", Value: rota.StringValue("host-b,new")})
				return err
			}},
			{"another type", "UpdateSecret", func(c rota.Caller) error {
				_, err := w.UpdateSecret(ctx, c, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "w4", Type: ptr("SomePartner")})
				return err
			}},
			{"a version with another address", "UpdateSecretVersionStage", func(c rota.Caller) error {
				return w.Stage(c, "s", rota.Current, "v2", "elsewhere")
			}},
			{"the admin secret in a tag", "TagResource", func(c rota.Caller) error {
				return w.TagResource(ctx, c, "s", []rota.Tag{{Key: "rota:admin", Value: "master"}})
			}},
			{"a tag that steers, with another value", "TagResource", func(c rota.Caller) error {
				return w.TagResource(ctx, c, "s", []rota.Tag{{Key: "rota:expire", Value: "after 1h"}})
			}},
			{"who is served", "TagResource", func(c rota.Caller) error {
				return w.TagResource(ctx, c, "s", []rota.Tag{{Key: "rota:serves", Value: "@"}})
			}},
			{"a tag that steers, taken off", "UntagResource", func(c rota.Caller) error {
				return w.UntagResource(ctx, c, "s", []string{"rota:expire"})
			}},
		} {
			var asked []string
			before := w.everything()
			err := one.do(only(&asked, "secretsmanager:"+one.action))
			w.T.Log(one.what)
			w.Refused(err, rota.AccessDenied)
			if !strings.Contains(err.Error(), rotateAction) {
				w.T.Errorf("%s: %v", one.what, err)
			}
			same2(w, before, w.everything())
		}
		// With the right to both it is done.
		var asked []string
		w.Must(put(only(&asked, "secretsmanager:PutSecretValue", rotateAction), "w9", "host-b,new"))
		if v := w.Value("s", "", ""); v != "host-b,new" {
			w.T.Errorf("the value is %q", v)
		}
	}},
	{"a change that leaves the destination as it is takes no more than its own right", func(w *World) {
		w.steered()
		ctx := w.T.Context()
		for _, one := range []struct {
			what, action string
			do           func(rota.Caller) error
		}{
			{"another value at the same address", "PutSecretValue", func(c rota.Caller) error { return w.Put(c, "s", "w1", "host-a,newer") }},
			{"a value that is not AWSCURRENT", "PutSecretValue", func(c rota.Caller) error { return w.Put(c, "s", "w2", "host-b,x", "mine") }},
			{"a version at the same address", "UpdateSecretVersionStage", func(c rota.Caller) error { return w.Stage(c, "s", rota.Current, "w1", "v1") }},
			{"a tag of somebody else's", "TagResource", func(c rota.Caller) error {
				return w.TagResource(ctx, c, "s", []rota.Tag{{Key: "team", Value: "b"}})
			}},
			{"a description", "UpdateSecret", func(c rota.Caller) error {
				_, err := w.UpdateSecret(ctx, c, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "w5", Description: ptr("d")})
				return err
			}},
			{"a deletion", "DeleteSecret", func(c rota.Caller) error {
				_, err := w.DeleteSecret(ctx, c, store.DeleteSecretInput{SecretID: "s"})
				return err
			}},
			{"a restoration", "RestoreSecret", func(c rota.Caller) error { _, err := w.RestoreSecret(ctx, c, "s"); return err }},
		} {
			var asked []string
			if err := one.do(only(&asked, "secretsmanager:"+one.action)); err != nil || slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, rotateAction) }) {
				w.T.Errorf("%s: %v; asked for %v", one.what, err, asked)
			}
		}
	}},
	{"a secret that nobody rotates goes where its value says", func(w *World) {
		w.Create("plain", "v1", "host-a,x")
		var asked []string
		w.Must(w.Put(only(&asked, "secretsmanager:PutSecretValue"), "plain", "v2", "host-b,x"))
	}},
	{"whether a redirection is allowed is judged by the secret as it was", func(w *World) {
		w.steered()
		c := Caller
		c.May = func(action string, on rota.Resource) error {
			mine := slices.Contains(on.Tags, rota.Tag{Key: "owner", Value: "ann"})
			if action == rotateAction && !mine {
				return rota.E(rota.AccessDenied, "not hers")
			}
			return nil
		}
		err := w.TagResource(w.T.Context(), c, "s", []rota.Tag{{Key: "owner", Value: "ann"}, {Key: "rota:admin", Value: "master"}})
		w.Refused(err, rota.AccessDenied)
	}},
	{"who would lose the right to change tags by changing them is refused", func(w *World) {
		w.steered()
		c := Caller
		c.May = func(_ string, on rota.Resource) error {
			if slices.Contains(on.Tags, rota.Tag{Key: "team", Value: "b"}) {
				return rota.E(rota.AccessDenied, "not hers any more")
			}
			return nil
		}
		w.Refused(w.TagResource(w.T.Context(), c, "s", []rota.Tag{{Key: "team", Value: "b"}}), rota.AccessDenied)
		w.Must(w.TagResource(w.T.Context(), c, "s", []rota.Tag{{Key: "team", Value: "c"}}))
		same2(w, []rota.Tag{{Key: "team", Value: "c"}}, w.Describe("s").Tags)
	}},
	{"who names an admin secret that he may not describe does not learn whether it exists", func(w *World) {
		w.steered()
		w.Create("master", "m1", "x")
		w.Functions.Rotatable = func(s store.Setup) (store.Assignment, error) {
			admin, _ := s.Secret.Tag("rota:admin")
			if admin == "" {
				return store.Assignment{}, nil
			}
			_, _, err := s.Lookup(admin)
			if err != nil {
				return store.Assignment{}, rota.E(rota.InvalidParameter, "%s does not exist", admin)
			}
			return store.Assignment{}, rota.E(rota.InvalidParameter, "%s serves others: a b c", admin)
		}
		try := func(c rota.Caller, admin string) string {
			w.Must(w.TagResource(w.T.Context(), Caller, "s", []rota.Tag{{Key: "rota:admin", Value: admin}}))
			_, err := w.RotateSecret(w.T.Context(), c, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "r2"})
			w.Refused(err, rota.InvalidParameter)
			return strings.ReplaceAll(err.Error(), admin, "ADMIN")
		}
		var asked []string
		if a, b := try(only(&asked, rotateAction), "master"), try(only(&asked, rotateAction), "none"); a != b {
			w.T.Errorf("of one that exists %q, of another %q", a, b)
		}
		if got := try(only(&asked, rotateAction, "secretsmanager:DescribeSecret"), "master"); !strings.Contains(got, "serves others") {
			w.T.Errorf("who may describe it is told %q", got)
		}
	}},
	{"a rotation moves its own value without being asked, and reads its admin secret", func(w *World) {
		s := w.Create("s", "v1", "host-a,old")
		w.Create("master", "m1", "x")
		w.Functions.Rotatable = func(s store.Setup) (store.Assignment, error) {
			_, _, err := s.Lookup("master")
			return store.Assignment{}, err
		}
		var asked []string
		_, err := w.RotateSecret(w.T.Context(), only(&asked, rotateAction), store.RotateSecretInput{SecretID: "s", ClientRequestToken: "r1", RotationLambdaARN: ptr(Lambda)})
		w.Must(err)
		same2(w, []string{rotateAction + " " + s.ARN()}, asked)
		c := w.Engine(s.Key, "rotate")
		c.May = only(&asked, "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage").May
		w.Must(w.Put(c, "s", "r1", "host-b,new", rota.Pending))
		w.Must(w.Stage(c, "s", rota.Current, "v1", "r1"))
	}},
}
