package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

const iam = "arn:aws:iam::" + Account + ":"

// someone makes a principal with a policy and a key. The policy is a word that
// Policies knows.
func (w *World) someone(name, policy string) store.NewAccessKey {
	w.T.Helper()
	_, err := w.CreatePrincipal(w.T.Context(), Caller, name)
	w.Must(err)
	w.Must(w.PutPrincipalPolicy(w.T.Context(), Caller, name, "p", policy, false))
	k, err := w.CreateAccessKey(w.T.Context(), Caller, name)
	w.Must(err)
	return k
}

// principals is everything that is kept of principals.
func (w *World) principals() []store.Identity {
	w.T.Helper()
	all, err := w.Identities(w.T.Context())
	w.Must(err)
	return all
}

// secretOf opens what is kept of a key.
func (w *World) secretOf(id string) string {
	w.T.Helper()
	for _, p := range w.principals() {
		for _, k := range p.Keys {
			if k.ID == id {
				v, err := w.OpenAccessKey(k)
				w.Must(err)
				return string(v.Reveal())
			}
		}
	}
	w.T.Fatalf("there is no key %s", id)
	return ""
}

// temporary is Caller with temporary credentials, who may do everything.
func temporary() rota.Caller {
	c := Caller
	c.AccessKey = store.TemporaryKey + "X"
	c.May = func(string, rota.Resource) error { return nil }
	return c
}

// administer is every operation that can take away an administrator, on user
// admin with the policy p and one key.
func (w *World) administer(key string) map[string]func(force bool) error {
	ctx := w.T.Context()
	return map[string]func(bool) error{
		"disable the principal": func(f bool) error { return w.SetPrincipal(ctx, Caller, "admin", false, f) },
		"delete the principal":  func(f bool) error { return w.DeletePrincipal(ctx, Caller, "admin", f) },
		"delete the policy":     func(f bool) error { return w.DeletePrincipalPolicy(ctx, Caller, "admin", "p", f) },
		"replace the policy":    func(f bool) error { return w.PutPrincipalPolicy(ctx, Caller, "admin", "p", "other", f) },
		"deny something":        func(f bool) error { return w.PutPrincipalPolicy(ctx, Caller, "admin", "q", "deny", f) },
		"disable the key":       func(f bool) error { return w.SetAccessKey(ctx, Caller, "admin", key, false, f) },
		"delete the key":        func(f bool) error { return w.DeleteAccessKey(ctx, Caller, "admin", key, f) },
	}
}

// managing is every operation that changes principals, each on what someone
// "ann" and a second key of hers leave; ids are of those keys.
func (w *World) managing(first, second string) map[string]func(*store.Store, rota.Caller) error {
	ctx := w.T.Context()
	return map[string]func(*store.Store, rota.Caller) error{
		"CreatePrincipal": func(s *store.Store, c rota.Caller) error { _, err := s.CreatePrincipal(ctx, c, "role/x"); return err },
		"DisablePrincipal": func(s *store.Store, c rota.Caller) error {
			return s.SetPrincipal(ctx, c, "ann", false, false)
		},
		"EnablePrincipal": func(s *store.Store, c rota.Caller) error {
			return s.SetPrincipal(ctx, c, "off", true, false)
		},
		"DeletePrincipal": func(s *store.Store, c rota.Caller) error { return s.DeletePrincipal(ctx, c, "ann", false) },
		"PutPrincipalPolicy": func(s *store.Store, c rota.Caller) error {
			return s.PutPrincipalPolicy(ctx, c, "ann", "new", "deny", false)
		},
		"DeletePrincipalPolicy": func(s *store.Store, c rota.Caller) error {
			return s.DeletePrincipalPolicy(ctx, c, "ann", "p", false)
		},
		"CreateAccessKey": func(s *store.Store, c rota.Caller) error { _, err := s.CreateAccessKey(ctx, c, "off"); return err },
		"UpdateAccessKey": func(s *store.Store, c rota.Caller) error {
			return s.SetAccessKey(ctx, c, "ann", first, false, false)
		},
		"DeleteAccessKey": func(s *store.Store, c rota.Caller) error {
			return s.DeleteAccessKey(ctx, c, "ann", second, false)
		},
	}
}

// managed is what managing works on.
func (w *World) managed() map[string]func(*store.Store, rota.Caller) error {
	w.T.Helper()
	first := w.someone("ann", "other")
	second, err := w.CreateAccessKey(w.T.Context(), Caller, "ann")
	w.Must(err)
	_, err = w.CreatePrincipal(w.T.Context(), Caller, "off")
	w.Must(err)
	w.Must(w.SetPrincipal(w.T.Context(), Caller, "off", false, false))
	return w.managing(first.ID, second.ID)
}

var principalChecks = []check{
	{"a principal is a user or a role of the account, by name or ARN, and everything else is refused", func(w *World) {
		for text, arn := range map[string]string{
			"ann": iam + "user/ann", "role/ann": iam + "role/ann", "user/team/bob": iam + "user/team/bob",
			iam + "role/service-role/x+=,.@_-": iam + "role/service-role/x+=,.@_-",
		} {
			p, err := w.CreatePrincipal(w.T.Context(), Caller, text)
			w.Must(err)
			same2(w, arn, p.ARN)
			got, err := w.DescribePrincipal(w.T.Context(), Caller, arn)
			w.Must(err)
			same2(w, p, got)
		}
		for _, text := range []string{
			"a b", "user/", "group/x", iam + "root", "arn:aws:iam::999999999999:user/ann", "arn:aws:sts::" + Account + ":assumed-role/a/b",
			"user//ann", "user/*/ann", "a*", "user/p?th/x", strings.Repeat("a", 65), "é", "user/" + strings.Repeat("p/", 300) + "x", "role/" + store.EngineRole, "role/Rota-Engine",
		} {
			_, err := w.CreatePrincipal(w.T.Context(), Caller, text)
			w.Refused(err, rota.InvalidParameter)
		}
		same2(w, 4, len(w.principals()))
	}},
	{"a name is used once of its kind, whatever its path and the case of its letters", func(w *World) {
		_, err := w.CreatePrincipal(w.T.Context(), Caller, "Ann")
		w.Must(err)
		for _, text := range []string{"Ann", "ann", "user/team/ANN"} {
			_, err := w.CreatePrincipal(w.T.Context(), Caller, text)
			w.Refused(err, rota.Exists)
		}
		_, err = w.CreatePrincipal(w.T.Context(), Caller, "role/ann")
		w.Must(err)
		_, err = w.DescribePrincipal(w.T.Context(), Caller, "ann") // an ARN has its case
		w.Refused(err, rota.NotFound)
	}},
	{"all principals are listed by ARN, page after page, and a token of another list leads nowhere", func(w *World) {
		var want, got []string
		for i := range 7 {
			p, err := w.CreatePrincipal(w.T.Context(), Caller, fmt.Sprint("u", i))
			w.Must(err)
			want = append(want, p.ARN)
		}
		in := store.ListPrincipalsInput{MaxResults: 3}
		for pages := 1; ; pages++ {
			out, err := w.ListPrincipals(w.T.Context(), Caller, in)
			w.Must(err)
			for _, p := range out.Principals {
				got = append(got, p.ARN)
			}
			if in.NextToken = out.NextToken; in.NextToken == "" {
				same2(w, 3, pages)
				break
			}
			w.Restart()
		}
		same2(w, want, got)
		in.NextToken = "e30.x"
		_, err := w.ListPrincipals(w.T.Context(), Caller, in)
		w.Refused(err, rota.InvalidNextToken)
	}},
	{"another principal of the same name later is another", func(w *World) {
		k := w.someone("ann", "other")
		before := w.principals()[0]
		w.Must(w.DeletePrincipal(w.T.Context(), Caller, "ann", false))
		same2(w, 0, len(w.principals()))
		w.Refused(w.DeletePrincipal(w.T.Context(), Caller, "ann", false), rota.NotFound)
		_, err := w.CreatePrincipal(w.T.Context(), Caller, "ann")
		w.Must(err)
		after := w.principals()[0]
		if before.ID == after.ID || len(after.Keys) != 0 || len(after.Policies) != 0 {
			w.T.Errorf("the new one has something of the old one: %+v", after)
		}
		w.Refused(w.SetAccessKey(w.T.Context(), Caller, "ann", k.ID, true, false), rota.NotFound)
	}},
	{"without a name it is the caller's own principal", func(w *World) {
		k := w.someone("ann", "other")
		p, err := w.DescribePrincipal(w.T.Context(), Caller, "")
		w.Must(err)
		same2(w, Caller.Principal, p.ARN)
		w.Must(w.SetAccessKey(w.T.Context(), Caller, "", k.ID, false, false))
	}},
	{"the secret half of a key is kept sealed, comes back, and opens for its id only", func(w *World) {
		k, other := w.someone("ann", "other"), w.someone("bob", "other")
		secret := string(k.Secret.Reveal())
		if len(secret) != 40 || !strings.HasPrefix(k.ID, "AKIA") || len(k.ID) != 20 {
			w.T.Errorf("the key is %s with %d characters", k.ID, len(secret))
		}
		same2(w, secret, w.secretOf(k.ID))
		w.Restart()
		same2(w, secret, w.secretOf(k.ID))
		for _, p := range w.principals() {
			for _, row := range p.Keys {
				if bytes.Contains(row.Blob, []byte(secret)) || bytes.Contains(row.Blob, []byte(secret[:12])) {
					w.T.Error("the secret half stands in the row")
				}
				if row.ID == other.ID {
					continue
				}
				row.ID = other.ID
				_, err := w.OpenAccessKey(row)
				w.Refused(err, rota.DecryptionFailed)
			}
		}
	}},
	{"a sealed key does not open as a secret's value, nor a value as a key", func(w *World) {
		k := w.someone("ann", "other")
		s := w.Create("s", "v1", "a value")
		v, _ := w.version(s.Key, "v1")
		row := w.principals()[0].Keys[0]
		blob := v.Blob
		v.Blob = row.Blob
		w.Must(w.Hooks.Driver.Update(w.T.Context(), func(tx store.Tx) error { return tx.PutVersion(v) }))
		same2(w, "error: decryption failed", w.Value("s", "", ""))
		row.Blob = blob
		_, err := w.OpenAccessKey(row)
		w.Refused(err, rota.DecryptionFailed)
		if strings.Contains(err.Error(), string(k.Secret.Reveal())) {
			w.T.Error("the error tells the secret half")
		}
	}},
	{"a principal has two keys at most, so that it is rotated by making one and deleting the other", func(w *World) {
		first := w.someone("ann", "other")
		w.Clock.Advance(time.Hour)
		second, err := w.CreateAccessKey(w.T.Context(), Caller, "ann")
		w.Must(err)
		_, err = w.CreateAccessKey(w.T.Context(), Caller, "ann")
		w.Refused(err, rota.LimitExceeded)
		w.Must(w.SetAccessKey(w.T.Context(), Caller, "ann", first.ID, false, false)) // it still takes its place
		_, err = w.CreateAccessKey(w.T.Context(), Caller, "ann")
		w.Refused(err, rota.LimitExceeded)
		keys, err := w.ListAccessKeys(w.T.Context(), Caller, "ann")
		w.Must(err)
		first.Inactive = true
		same2(w, []store.AccessKey{first.AccessKey, second.AccessKey}, keys)
		w.Must(w.DeleteAccessKey(w.T.Context(), Caller, "ann", first.ID, false))
		_, err = w.CreateAccessKey(w.T.Context(), Caller, "ann")
		w.Must(err)
		same2(w, string(second.Secret.Reveal()), w.secretOf(second.ID))
	}},
	{"a key is changed under its own principal only, and an id that is unknown is not repeated", func(w *World) {
		k := w.someone("ann", "other")
		w.someone("bob", "other")
		w.Refused(w.SetAccessKey(w.T.Context(), Caller, "bob", k.ID, false, false), rota.NotFound)
		w.Refused(w.DeleteAccessKey(w.T.Context(), Caller, "bob", k.ID, false), rota.NotFound)
		err := w.DeleteAccessKey(w.T.Context(), Caller, "ann", "wJalrXUtnFEMIcanary", false)
		w.Refused(err, rota.NotFound)
		if strings.Contains(err.Error(), "canary") {
			w.T.Errorf("the error repeats what may be a secret: %v", err)
		}
		same2(w, 2, len(w.principals()))
		same2(w, false, w.principals()[0].Keys[0].Inactive)
	}},
	{"a policy that is not understood is refused and changes nothing; one of the same name is replaced", func(w *World) {
		w.someone("ann", "other")
		before := w.principals()
		w.Refused(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "p", "nonsense", false), rota.MalformedPolicy)
		w.Refused(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "new", "nonsense", false), rota.MalformedPolicy)
		w.Refused(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "a b", "other", false), rota.InvalidParameter)
		w.Refused(w.PutPrincipalPolicy(w.T.Context(), Caller, "bob", "p", "other", false), rota.NotFound)
		same2(w, before, w.principals())
		w.Must(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "p", "deny", false))
		got := w.principals()[0].Policies
		same2(w, []store.PrincipalPolicy{{Principal: iam + "user/ann", Name: "p", Document: "deny", Denies: true, Changed: w.Now()}}, got)
		w.Must(w.DeletePrincipalPolicy(w.T.Context(), Caller, "ann", "p", false))
		w.Refused(w.DeletePrincipalPolicy(w.T.Context(), Caller, "ann", "p", false), rota.NotFound)
		same2(w, 0, len(w.principals()[0].Policies))
	}},
	{"a principal has 20 policies at most", func(w *World) {
		w.someone("ann", "other")
		for i := range store.MostPolicies - 1 {
			w.Must(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", fmt.Sprint("n", i), "other", false))
		}
		w.Refused(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "more", "other", false), rota.LimitExceeded)
		w.Must(w.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "p", "deny", false))
	}},
	{"without an evaluator no policy of a principal is kept", func(w *World) {
		w.someone("ann", "other")
		cfg := w.Config()
		cfg.Policies = nil
		s, err := store.Open(w.T.Context(), w.Hooks, cfg)
		w.Must(err)
		w.Refused(s.PutPrincipalPolicy(w.T.Context(), Caller, "ann", "new", "other", false), rota.InvalidRequest)
	}},
	{"temporary credentials change no principal, policy or key, and read them", func(w *World) {
		for name, op := range w.managed() {
			before := w.principals()
			w.Refused(op(w.Store, temporary()), rota.AccessDenied)
			if w.T.Failed() {
				w.T.Fatal(name)
			}
			same2(w, before, w.principals())
		}
		_, err := w.DescribePrincipal(w.T.Context(), temporary(), "ann")
		w.Must(err)
		_, err = w.ListAccessKeys(w.T.Context(), temporary(), "ann")
		w.Must(err)
	}},
	{"every operation is authorised on the principal's ARN, whether there is one or not", func(w *World) {
		for name, op := range w.managed() {
			var asked []string
			w.Refused(op(w.Store, only(&asked)), rota.AccessDenied)
			if len(asked) != 1 || !strings.HasPrefix(asked[0], "rota:"+name+" "+iam) {
				w.T.Errorf("%s was authorised as %v", name, asked)
			}
		}
		refused := func(id string) string {
			_, err := w.DescribePrincipal(w.T.Context(), refusing(Caller), id)
			w.Refused(err, rota.AccessDenied)
			return strings.ReplaceAll(err.Error(), id, "ID")
		}
		same2(w, refused("ann"), refused("nobody"))
	}},
	{"when a key was used only moves forward, and for keys that are there", func(w *World) {
		k := w.someone("ann", "other")
		used := func() time.Time { return w.principals()[0].Keys[0].Used }
		same2(w, time.Time{}, used())
		at := w.Now().Add(time.Minute)
		w.Must(w.KeysUsed(w.T.Context(), map[string]time.Time{k.ID: at, "AKIANONE": at}))
		same2(w, at, used())
		w.Must(w.KeysUsed(w.T.Context(), map[string]time.Time{k.ID: at.Add(-time.Second)}))
		same2(w, at, used())
		same2(w, 1, len(w.principals()))
	}},
}

var administratorChecks = []check{
	{"the last administrator is not taken away in any way, and nothing is changed by the attempt", func(w *World) {
		k := w.someone("admin", "full")
		w.someone("ann", "other")
		for name, op := range w.administer(k.ID) {
			before := w.principals()
			err := op(false)
			w.Refused(err, rota.InvalidRequest)
			if !strings.Contains(err.Error(), "nobody who has full access") {
				w.T.Errorf("%s: %v", name, err)
			}
			same2(w, before, w.principals())
		}
	}},
	{"with force even the last administrator goes", func(w *World) {
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for n := range w.administer("") {
				if !yield(n) {
					return
				}
			}
		}) {
			k := w.someone("admin", "full")
			w.Must(w.administer(k.ID)[name](true))
			err := w.DeletePrincipal(w.T.Context(), Caller, "admin", false) // there is none to protect any more
			if name != "delete the principal" {
				w.Must(err)
			}
		}
	}},
	{"while there is another administrator one may go", func(w *World) {
		w.someone("role/second", "full")
		for name := range w.administer("") {
			k := w.someone("admin", "full")
			if err := w.administer(k.ID)[name](false); err != nil {
				w.T.Errorf("%s: %v", name, err)
			}
			_ = w.DeletePrincipal(w.T.Context(), Caller, "admin", false) // gone already in one case
		}
	}},
	{"who is disabled, has no active key or is denied anything is no administrator", func(w *World) {
		k := w.someone("admin", "full")
		ctx := w.T.Context()
		second := func(spoil func(key string) error) {
			w.T.Helper()
			other := w.someone("second", "full")
			w.Must(spoil(other.ID))
			w.Refused(w.administer(k.ID)["disable the principal"](false), rota.InvalidRequest)
			w.Must(w.DeletePrincipal(ctx, Caller, "second", false))
		}
		second(func(string) error { return w.SetPrincipal(ctx, Caller, "second", false, false) })
		second(func(key string) error { return w.SetAccessKey(ctx, Caller, "second", key, false, false) })
		second(func(key string) error { return w.DeleteAccessKey(ctx, Caller, "second", key, false) })
		second(func(string) error { return w.PutPrincipalPolicy(ctx, Caller, "second", "q", "deny", false) })
		w.someone("third", "full")
		w.Must(w.administer(k.ID)["disable the principal"](false))
	}},
	{"the first principals are made once, whatever becomes of them", func(w *World) {
		first := []store.FirstPrincipal{
			{Principal: "admin", PolicyName: "p", Document: "full", KeyID: "any id", Secret: rota.StringValue("any secret")},
			{Principal: "role/function", PolicyName: "p", Document: "other"},
		}
		founded := func() bool {
			done, err := w.Founded(w.T.Context())
			w.Must(err)
			return done
		}
		same2(w, false, founded())
		made, err := w.FirstPrincipals(w.T.Context(), first...)
		w.Must(err)
		same2(w, true, made && founded())
		same2(w, 2, len(w.principals()))
		same2(w, "any secret", w.secretOf("any id"))
		w.Refused(w.administer("any id")["delete the key"](false), rota.InvalidRequest)
		w.Must(w.DeletePrincipal(w.T.Context(), Caller, "admin", true))
		w.Must(w.DeletePrincipal(w.T.Context(), Caller, "role/function", true))
		w.Restart()
		made, err = w.FirstPrincipals(w.T.Context(), first...)
		w.Must(err)
		same2(w, false, made)
		same2(w, 0, len(w.principals()))
	}},
	{"of the first principals a crash leaves all or none", func(w *World) {
		first := []store.FirstPrincipal{
			{Principal: "admin", PolicyName: "p", Document: "full", KeyID: "AKIA1", Secret: rota.StringValue("s")},
			{Principal: "role/function", PolicyName: "p", Document: "other"},
		}
		w.Hooks.Before = func() error { return errStop }
		_, err := w.FirstPrincipals(w.T.Context(), first...)
		if err == nil {
			w.T.Error("it was acknowledged")
		}
		w.Restart()
		same2(w, 0, len(w.principals()))
		bad := slices.Clone(first)
		bad[1].Document = "nonsense"
		_, err = w.FirstPrincipals(w.T.Context(), bad...)
		w.Refused(err, rota.MalformedPolicy)
		same2(w, 0, len(w.principals()))
		w.Hooks.After = func() error { return errStop }
		_, _ = w.FirstPrincipals(w.T.Context(), first...)
		w.Restart()
		made, err := w.FirstPrincipals(w.T.Context(), first...)
		w.Must(err)
		same2(w, false, made)
		same2(w, 2, len(w.principals()))
	}},
	{"a recovery makes an administrator of whoever is named, there or not, and touches nobody else", func(w *World) {
		w.someone("ann", "deny")
		before := w.principals()
		key, gone, err := w.RecoverAdministrator(w.T.Context(), "admin", "p", "full")
		w.Must(err)
		same2(w, 0, len(gone))
		same2(w, string(key.Secret.Reveal()), w.secretOf(key.ID))
		w.Refused(w.administer(key.ID)["delete the key"](false), rota.InvalidRequest)
		same2(w, before[0], w.principals()[1])
		again, gone, err := w.RecoverAdministrator(w.T.Context(), "admin", "p", "full")
		w.Must(err)
		same2(w, 0, len(gone))
		if again.ID == key.ID {
			w.T.Error("it is the same key")
		}
	}},
	{"a recovery enables, replaces all policies, and lets an inactive key go before the oldest", func(w *World) {
		ctx := w.T.Context()
		first := w.someone("admin", "deny")
		w.Clock.Advance(time.Minute)
		second, err := w.CreateAccessKey(ctx, Caller, "admin")
		w.Must(err)
		w.Must(w.SetAccessKey(ctx, Caller, "admin", second.ID, false, false))
		w.Must(w.PutPrincipalPolicy(ctx, Caller, "admin", "other", "deny", false))
		w.Must(w.SetPrincipal(ctx, Caller, "admin", false, false))
		w.Clock.Advance(time.Minute)
		third, gone, err := w.RecoverAdministrator(ctx, "admin", "all", "full")
		w.Must(err)
		same2(w, []string{second.ID}, gone)
		p := w.principals()[0]
		if p.Disabled || len(p.Policies) != 1 || p.Policies[0].Name != "all" || !p.Policies[0].FullAccess {
			w.T.Errorf("the principal is %+v", p)
		}
		w.Clock.Advance(time.Minute)
		fourth, gone, err := w.RecoverAdministrator(ctx, "admin", "all", "full")
		w.Must(err)
		same2(w, []string{first.ID}, gone)
		same2(w, []string{third.ID, fourth.ID}, []string{w.principals()[0].Keys[0].ID, w.principals()[0].Keys[1].ID})
	}},
}

// principalCrashChecks: every operation is one commit, and whoever keeps
// principals in memory learns of it before it is acknowledged.
var principalCrashChecks = []check{
	{"what is not committed has changed no principal, policy or key", func(w *World) {
		for name, op := range w.managed() {
			before := w.principals()
			w.Hooks.Before = func() error { return errStop }
			if op(w.Store, Caller) == nil {
				w.T.Errorf("%s was acknowledged", name)
			}
			w.Restart()
			same2(w, before, w.principals())
		}
	}},
	{"what was committed is there, although the answer was lost", func(w *World) {
		for name := range w.managed() {
			for _, p := range w.principals() {
				w.Must(w.DeletePrincipal(w.T.Context(), Caller, p.ARN, true))
			}
			op := w.managed()[name]
			before, version := w.principals(), w.PrincipalsVersion()
			w.Hooks.After = func() error { return errStop }
			if op(w.Store, Caller) == nil {
				w.T.Errorf("%s was acknowledged", name)
			}
			if w.PrincipalsVersion() == version {
				w.T.Errorf("%s may have come through, and nobody is told", name)
			}
			w.Restart()
			if after := w.principals(); fmt.Sprint(after) == fmt.Sprint(before) {
				w.T.Errorf("%s is lost", name)
			}
		}
	}},
	{"each change is told of with its principal, and a read of no one", func(w *World) {
		ops := w.managed()
		for name, op := range ops {
			if name == "DeletePrincipal" {
				continue // last: the others need ann
			}
			version := w.PrincipalsVersion()
			w.Must(op(w.Store, Caller))
			told(w, name, version)
		}
		version := w.PrincipalsVersion()
		w.Must(ops["DeletePrincipal"](w.Store, Caller))
		told(w, "DeletePrincipal", version)
		version = w.PrincipalsVersion()
		_, err := w.DescribePrincipal(w.T.Context(), Caller, "off")
		w.Must(err)
		w.Create("s", "v1", "a")
		w.Must(w.KeysUsed(w.T.Context(), map[string]time.Time{"x": w.Now()}))
		same2(w, version, w.PrincipalsVersion())
	}},
	{"a change that is a part of a commit is told of after it, and not before", func(w *World) {
		w.someone("ann", "other")
		version := w.PrincipalsVersion()
		w.Must(w.Store.Update(w.T.Context(), "test", func(s *store.Store) error {
			if err := s.SetPrincipal(w.T.Context(), Caller, "ann", false, false); err != nil {
				return err
			}
			same2(w, version, w.PrincipalsVersion())
			return nil
		}))
		told(w, "the commit", version)
		same2(w, true, w.principals()[0].Disabled)
	}},
	{"a commit of very many changes, or one long ago, lets everything be read again", func(w *World) {
		version := w.PrincipalsVersion()
		w.Must(w.Store.Update(w.T.Context(), "test", func(s *store.Store) error {
			for i := range 300 {
				if _, err := s.CreatePrincipal(w.T.Context(), Caller, fmt.Sprint("u", i)); err != nil {
					return err
				}
			}
			return nil
		}))
		_, all, now := w.PrincipalsSince(version)
		same2(w, true, all)
		w.Must(w.SetPrincipal(w.T.Context(), Caller, "u7", false, false))
		arns, all, _ := w.PrincipalsSince(now)
		same2(w, false, all)
		same2(w, []string{iam + "user/u7"}, arns)
		_, all, _ = w.PrincipalsSince(w.PrincipalsVersion() + 5)
		same2(w, true, all)
	}},
	{"callers who make keys at once make two", func(w *World) {
		_, err := w.CreatePrincipal(w.T.Context(), Caller, "ann")
		w.Must(err)
		const n = 6
		results := make(chan error, n)
		for range n {
			go func() {
				_, err := w.CreateAccessKey(context.WithoutCancel(w.T.Context()), Caller, "ann")
				results <- err
			}()
		}
		made := 0
		for range n {
			if err := <-results; err == nil {
				made++
			} else {
				w.Refused(err, rota.LimitExceeded)
			}
		}
		same2(w, store.MostKeys, made)
		same2(w, store.MostKeys, len(w.principals()[0].Keys))
	}},
}

// told fails the test unless a change since a version was told of one
// principal, and the next since then of none.
func told(w *World, what string, version uint64) {
	w.T.Helper()
	arns, all, now := w.PrincipalsSince(version)
	if all || len(arns) != 1 || !strings.HasPrefix(arns[0], iam) {
		w.T.Errorf("%s: told of %v", what, arns)
	}
	if arns, all, _ := w.PrincipalsSince(now); all || len(arns) != 0 {
		w.T.Errorf("%s: told again of %v", what, arns)
	}
}
