package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// canary is in every value and every text of the secret that a refused caller
// asks for; if it is in what the store returns, the store leaks.
const (
	canary       = "canary"
	canaryPolicy = `{"Effect":"Allow","Principal":"canary"}`
)

// refusing is a caller who may nothing.
func refusing(c rota.Caller) rota.Caller {
	c.May = func(action string, on rota.Resource) error {
		return rota.E(rota.AccessDenied, "no %s on %s", action, on.Asked)
	}
	return c
}

// only is a caller who may do what the actions say, and notes what he was
// asked about.
func only(asked *[]string, actions ...string) rota.Caller {
	c := Caller
	c.May = func(action string, on rota.Resource) error {
		*asked = append(*asked, action+" "+on.ARN)
		if slices.Contains(actions, action) {
			return nil
		}
		return rota.E(rota.AccessDenied, "no %s on %s", action, on.Asked)
	}
	return c
}

// asked is every operation of the store that is called on somebody's behalf.
// The test of the table finds by reflection what is missing in it.
func (w *World) asked(id string) map[string]func(rota.Caller) (any, error) {
	ctx, n, v := w.T.Context(), 0, rota.StringValue(canary)
	none := func(err error) (any, error) { return nil, err }
	token := func() string { n++; return fmt.Sprintf("t%d", n) }
	return map[string]func(rota.Caller) (any, error){
		"CreateSecret": func(c rota.Caller) (any, error) {
			return w.CreateSecret(ctx, c, store.CreateSecretInput{Name: id, ClientRequestToken: token(), Value: v})
		},
		"PutSecretValue": func(c rota.Caller) (any, error) {
			return w.PutSecretValue(ctx, c, store.PutSecretValueInput{SecretID: id, ClientRequestToken: token(), Value: v})
		},
		"GetSecretValue": func(c rota.Caller) (any, error) {
			return w.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: id})
		},
		"BatchGetSecretValue": func(c rota.Caller) (any, error) {
			return w.BatchGetSecretValue(ctx, c, store.BatchGetSecretValueInput{SecretIDs: []string{id}})
		},
		"UpdateSecret": func(c rota.Caller) (any, error) {
			return w.UpdateSecret(ctx, c, store.UpdateSecretInput{SecretID: id, ClientRequestToken: token(), Value: v})
		},
		"UpdateSecretVersionStage": func(c rota.Caller) (any, error) {
			return w.UpdateSecretVersionStage(ctx, c, store.UpdateSecretVersionStageInput{SecretID: id, VersionStage: "x", MoveToVersionID: "v1"})
		},
		"DescribeSecret": func(c rota.Caller) (any, error) {
			return w.DescribeSecret(ctx, c, store.DescribeSecretInput{SecretID: id})
		},
		"ListSecrets": func(c rota.Caller) (any, error) { return w.ListSecrets(ctx, c, store.ListSecretsInput{}) },
		"ListSecretVersionIds": func(c rota.Caller) (any, error) {
			return w.ListSecretVersionIds(ctx, c, store.ListSecretVersionIDsInput{SecretID: id})
		},
		"DeleteSecret":  func(c rota.Caller) (any, error) { return w.DeleteSecret(ctx, c, store.DeleteSecretInput{SecretID: id}) },
		"RestoreSecret": func(c rota.Caller) (any, error) { return w.RestoreSecret(ctx, c, id) },
		"TagResource": func(c rota.Caller) (any, error) {
			return none(w.TagResource(ctx, c, id, []rota.Tag{{Key: "new", Value: "x"}}))
		},
		"UntagResource": func(c rota.Caller) (any, error) { return none(w.UntagResource(ctx, c, id, []string{"team"})) },
		"RotateSecret": func(c rota.Caller) (any, error) {
			return w.RotateSecret(ctx, c, store.RotateSecretInput{SecretID: id, ClientRequestToken: token(), RotationLambdaARN: ptr(Lambda)})
		},
		"CancelRotateSecret": func(c rota.Caller) (any, error) { return w.CancelRotateSecret(ctx, c, id) },
		"GetRandomPassword": func(c rota.Caller) (any, error) {
			v, err := w.GetRandomPassword(ctx, c, store.GetRandomPasswordInput{})
			return string(v.Reveal()), err
		},
		"GetResourcePolicy": func(c rota.Caller) (any, error) { return w.GetResourcePolicy(ctx, c, id) },
		"PutResourcePolicy": func(c rota.Caller) (any, error) {
			return w.PutResourcePolicy(ctx, c, store.PutResourcePolicyInput{SecretID: id, Document: `{"Effect":"Allow"}`})
		},
		"DeleteResourcePolicy": func(c rota.Caller) (any, error) { return w.DeleteResourcePolicy(ctx, c, id) },
		"ValidateResourcePolicy": func(c rota.Caller) (any, error) {
			return w.ValidateResourcePolicy(ctx, c, id, `{"Effect":"Allow","Principal":"*"}`)
		},
		"ReplicateSecretToRegions": func(c rota.Caller) (any, error) {
			return w.ReplicateSecretToRegions(ctx, c, store.ReplicateInput{SecretID: id, Regions: []store.ReplicaRegion{{Region: Elsewhere}}})
		},
		"RemoveRegionsFromReplication": func(c rota.Caller) (any, error) {
			return w.RemoveRegionsFromReplication(ctx, c, id, []string{There})
		},
		"StopReplicationToReplica": func(c rota.Caller) (any, error) {
			c.Region = There
			return w.StopReplicationToReplica(ctx, c, id)
		},
		"Overview":       func(c rota.Caller) (any, error) { return w.Overview(ctx, c) },
		"AllCredentials": func(c rota.Caller) (any, error) { return w.AllCredentials(ctx, c, store.CredentialFilter{}) },
		"Show":           func(c rota.Caller) (any, error) { return w.Show(ctx, c, store.ShowInput{SecretID: id, Journal: 10}) },
		"Credentials":    func(c rota.Caller) (any, error) { return w.Credentials(ctx, c, id) },
		"JournalOf":      func(c rota.Caller) (any, error) { return w.JournalOf(ctx, c, id, 10, 0) },
		"Readers":        func(c rota.Caller) (any, error) { return w.Readers(ctx, c, id) },
		"Expire": func(c rota.Caller) (any, error) {
			return w.Expire(ctx, c, id, "v1", store.EndingChange{Now: true})
		},
		"SetEnding": func(c rota.Caller) (any, error) {
			return none(w.SetEnding(ctx, c, id, "v1", store.EndingChange{Now: true}))
		},
		"PutFunction": func(c rota.Caller) (any, error) {
			return w.PutFunction(ctx, c, store.Function{Name: "fn", Definition: store.Definition{Kind: store.LocalFunction, Command: []string{canary}}}, func() error { return nil })
		},
		"Function":       func(c rota.Caller) (any, error) { return w.Function(ctx, c, "fn") },
		"Functions":      func(c rota.Caller) (any, error) { return w.Store.Functions(ctx, c) },
		"DeleteFunction": func(c rota.Caller) (any, error) { return none(w.DeleteFunction(ctx, c, "fn")) },

		"CreatePrincipal":   func(c rota.Caller) (any, error) { return w.CreatePrincipal(ctx, c, "ann") },
		"ListPrincipals":    func(c rota.Caller) (any, error) { return w.ListPrincipals(ctx, c, store.ListPrincipalsInput{}) },
		"DescribePrincipal": func(c rota.Caller) (any, error) { return w.DescribePrincipal(ctx, c, "ann") },
		"SetPrincipal":      func(c rota.Caller) (any, error) { return none(w.SetPrincipal(ctx, c, "ann", false, true)) },
		"DeletePrincipal":   func(c rota.Caller) (any, error) { return none(w.DeletePrincipal(ctx, c, "ann", true)) },
		"PutPrincipalPolicy": func(c rota.Caller) (any, error) {
			return none(w.PutPrincipalPolicy(ctx, c, "ann", canary, "full", true))
		},
		"DeletePrincipalPolicy": func(c rota.Caller) (any, error) {
			return none(w.DeletePrincipalPolicy(ctx, c, "ann", canary, true))
		},
		"CreateAccessKey": func(c rota.Caller) (any, error) { return w.CreateAccessKey(ctx, c, "ann") },
		"ListAccessKeys":  func(c rota.Caller) (any, error) { return w.ListAccessKeys(ctx, c, "ann") },
		"SetAccessKey":    func(c rota.Caller) (any, error) { return none(w.SetAccessKey(ctx, c, "ann", "AKIA", false, true)) },
		"DeleteAccessKey": func(c rota.Caller) (any, error) { return none(w.DeleteAccessKey(ctx, c, "ann", "AKIA", true)) },

		"Allowed": func(c rota.Caller) (any, error) { return w.Allowed(ctx, c, "RotateSecret", id) },
		"Resource": func(c rota.Caller) (any, error) {
			on, _, err := w.Resource(ctx, c, id)
			return on, err
		},
	}
}

// ofTheEngine are the operations that nobody is asked about, since only the
// engine and its handler call them: whoever could be asked is refused.
var ofTheEngine = []string{
	"Abandon", "Begin", "Claim", "Complete", "CompleteTest", "GiveUp", "Journal", "Known", "MarkTouched", "RecordCredential", "Resolved", "Retry",
	"ScheduleEnding", "Unresolved", "UpdateCredential", "Wait",
}

// steerable makes a secret with all that could leak.
func (w *World) steerable(name string) rota.Secret {
	w.T.Helper()
	ctx := w.T.Context()
	_, err := w.CreateSecret(ctx, Caller, store.CreateSecretInput{
		Name: name, ClientRequestToken: "v1", Value: rota.StringValue(canary + " one"), Description: canary, Tags: []rota.Tag{{Key: "team", Value: canary}},
	})
	w.Must(err)
	w.Must(w.Put(Caller, name, "v2", canary+" two"))
	w.Must(w.Put(Caller, name, "v3", canary+" three"))
	_, err = w.PutResourcePolicy(ctx, Caller, store.PutResourcePolicyInput{SecretID: name, Document: canaryPolicy})
	w.Must(err)
	w.Replicate(name)
	return w.Describe(name)
}

// returned is what an operation gave, as text, with what errors say.
func returned(out any, err error) string { return fmt.Sprintf("%+v|%v", out, err) }

var allowChecks = []check{
	{"each operation of the store is asked for or is the engine's own", func(w *World) {
		table := w.asked("s")
		methods := reflect.TypeFor[*store.Store]()
		caller := reflect.TypeFor[rota.Caller]()
		for i := range methods.NumMethod() {
			m := methods.Method(i)
			takes := false
			for j := range m.Type.NumIn() {
				takes = takes || m.Type.In(j) == caller
			}
			if _, known := table[m.Name]; takes && known == slices.Contains(ofTheEngine, m.Name) {
				w.T.Errorf("%s takes a caller: give it a row in asked, or name it in ofTheEngine", m.Name)
			}
		}
	}},
	{"who may nothing gets nothing and changes nothing, by name and by ARN, of what exists, is deleted, or is gone", func(w *World) {
		live := w.steerable("s").ARN()
		deleted := w.steerable("deleted")
		w.RemoveReplica("deleted")
		_, err := w.DeleteSecret(w.T.Context(), Caller, store.DeleteSecretInput{SecretID: "deleted"})
		w.Must(err)
		purged := w.steerable("purged")
		w.RemoveReplica("purged")
		_, err = w.DeleteSecret(w.T.Context(), Caller, store.DeleteSecretInput{SecretID: "purged", ForceDeleteWithoutRecovery: true})
		w.Must(err)
		for _, name := range []string{"CreatePrincipal", "PutPrincipalPolicy", "CreateAccessKey", "PutFunction"} {
			_, err := w.asked("")[name](Caller)
			w.Must(err)
		}
		before := w.everything()
		for _, id := range []string{"s", live, live[:len(live)-7], "deleted", deleted.ARN(), purged.ARN(), "none"} {
			for name, call := range w.asked(id) {
				if name == "CreateSecret" && strings.HasPrefix(id, "arn:") {
					continue // no name, which is said first
				}
				out, err := call(refusing(Caller))
				w.nothing(name+" of "+id, id, out, err)
			}
		}
		same2(w, before, w.everything())
	}},
	{"who signed with a key may do nothing where nobody said what he may", func(w *World) {
		w.steerable("s")
		before := w.everything()
		c := Caller
		c.AccessKey = "AKIAX"
		for name, call := range w.asked("s") {
			if _, err := call(c); !errors.Is(err, rota.Internal) {
				w.T.Errorf("%s: %v", name, err)
			}
		}
		same2(w, before, w.everything())
	}},
	{"the engine's own work is refused to everybody who is asked", func(w *World) {
		s := w.steerable("s")
		c := w.Engine(s.Key, "rotate")
		before := w.everything()
		c.May = func(string, rota.Resource) error { return nil }
		st := reflect.ValueOf(w.Store)
		for _, name := range ofTheEngine {
			m := st.MethodByName(name)
			in := make([]reflect.Value, m.Type().NumIn())
			for i := range in {
				in[i] = reflect.Zero(m.Type().In(i))
				switch m.Type().In(i) {
				case reflect.TypeFor[context.Context]():
					in[i] = reflect.ValueOf(w.T.Context())
				case reflect.TypeFor[rota.Caller]():
					in[i] = reflect.ValueOf(c)
				}
			}
			out := m.Call(in)
			err, _ := out[len(out)-1].Interface().(error)
			if !errors.Is(err, rota.AccessDenied) {
				w.T.Errorf("%s: %v", name, err)
			}
		}
		same2(w, before, w.everything())
	}},
	{"a secret that is forbidden and one that is missing are the same to who may not see it", func(w *World) {
		s := w.steerable("here")
		c := refusing(Caller)
		told := c.May
		c.May = func(action string, on rota.Resource) error {
			if on.Policy != "" || on.Tags != nil { // its reason would say more than a missing secret's
				return rota.E(rota.AccessDenied, "there is something: %s", on.ARN)
			}
			return told(action, on)
		}
		here, missing := w.asked("here"), w.asked("gone")
		for name := range here {
			if strings.HasPrefix(name, "Create") {
				continue
			}
			_, a := here[name](c)
			_, b := missing[name](c)
			if x, y := fmt.Sprint(a), strings.ReplaceAll(fmt.Sprint(b), "gone", "here"); x != y {
				w.T.Errorf("%s: %q of what exists, %q of what does not", name, x, y)
			}
		}
		wrong := s.ARN()[:len(s.ARN())-6] + "ZZZZZZ"
		_, a := w.asked(s.ARN())["DescribeSecret"](c)
		_, b := w.asked(wrong)["DescribeSecret"](c)
		if x, y := fmt.Sprint(a), strings.ReplaceAll(fmt.Sprint(b), wrong, s.ARN()); x != y {
			w.T.Errorf("by ARN: %q and %q", x, y)
		}
	}},
	{"what policies may look at is the secret as it is", func(w *World) {
		s := w.steerable("s")
		w.Rotate("s", "v9")
		var seen []rota.Resource
		c := Caller
		c.May = func(_ string, on rota.Resource) error { seen = append(seen, on); return nil }
		want := rota.Resource{
			ARN: s.ARN(), Asked: "s", Tags: []rota.Tag{{Key: "team", Value: canary}}, Function: Lambda, PrimaryRegion: Region, Policy: canaryPolicy,
		}
		for _, name := range []string{"GetSecretValue", "DescribeSecret", "Readers"} { // the short way, a read, one of rota's own
			seen = nil
			_, err := w.asked("s")[name](c)
			w.Must(err)
			same2(w, []rota.Resource{want}, seen)
		}
		seen = nil
		_, err := w.asked("none")["DescribeSecret"](c)
		w.Refused(err, rota.NotFound)
		same2(w, []rota.Resource{{ARN: "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:none-??????", Asked: "none"}}, seen)
		seen = nil
		partial := s.ARN()[:len(s.ARN())-8] + "t" // another name
		_, err = w.asked(partial)["DescribeSecret"](c)
		w.Refused(err, rota.NotFound)
		same2(w, []rota.Resource{{ARN: partial + "-??????", Asked: partial}}, seen)
	}},
}

// RemoveReplica ends the replication of a secret.
func (w *World) RemoveReplica(name string) {
	w.T.Helper()
	_, err := w.RemoveRegionsFromReplication(w.T.Context(), Caller, name, []string{There})
	w.Must(err)
}

// nothing fails the test unless an operation was refused and gave nothing.
func (w *World) nothing(what, id string, out any, err error) {
	w.T.Helper()
	if b, ok := out.(store.BatchGetSecretValueOutput); ok && len(b.Values) == 0 && len(b.Errors) > 0 {
		w.T.Errorf("%s answers %v", what, b.Errors)
	}
	if !errors.Is(err, rota.AccessDenied) {
		w.T.Errorf("%s: the error is %v", what, err)
	}
	if out != nil && !reflect.ValueOf(out).IsZero() {
		w.T.Errorf("%s returns %+v", what, out)
	}
	if text := strings.ReplaceAll(returned(out, err), id, ""); strings.Contains(text, canary) {
		w.T.Errorf("%s leaks: %s", what, text)
	}
}

// everything is what the store has of every region.
func (w *World) everything() (all []any) {
	w.T.Helper()
	ctx := w.T.Context()
	some, err := w.ListPrincipals(ctx, Caller, store.ListPrincipalsInput{})
	w.Must(err)
	for _, p := range some.Principals {
		full, err := w.DescribePrincipal(ctx, Caller, p.ARN)
		w.Must(err)
		all = append(all, full)
	}
	functions, err := w.Store.Functions(ctx, Caller)
	w.Must(err)
	all = append(all, functions)
	for _, region := range w.Regions() {
		some, err := w.Overview(ctx, In(region))
		w.Must(err)
		all = append(all, some)
	}
	return all
}
