package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

func functionRows(t *testing.T, d store.Driver) {
	local := store.FunctionRow{
		Account: Account, Region: Region, Name: "b", SealKey: "k", Blob: []byte{0, 1}, Created: Start, Changed: Start.Add(time.Millisecond),
		Definition: store.Definition{
			Kind: store.LocalFunction, Timeout: 3 * time.Second, Command: []string{"python3", "-m", "é \""}, Folder: "/opt/f", Handler: "app.handler",
			Memory: 1 << 28, Variables: []string{"A", "B"},
		},
	}
	remote := store.FunctionRow{
		Account: Account, Region: Region, Name: "a", Created: Start, Changed: Start,
		Definition: store.Definition{Kind: store.RemoteFunction, Timeout: time.Second, Target: "t", TargetRegion: "r", Endpoint: "http://x", Credentials: "s"},
	}
	there := remote
	there.Region = There
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutFunction(store.FunctionRow{Account: Account, Region: Region, Name: "b"}), tx.PutFunction(local), tx.PutFunction(remote), tx.PutFunction(there))
	})
	view(t, d, func(tx store.Tx) error {
		rows, err := tx.Functions(Account, Region)
		same(t, []store.FunctionRow{remote, local}, rows)
		one, ok, err2 := tx.Function(Account, Region, "b")
		same(t, local, one)
		_, none, err3 := tx.Function(Account, Region, "c")
		same(t, []bool{true, false}, []bool{ok, none})
		return errors.Join(err, err2, err3)
	})
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.DeleteFunction(Account, Region, "a"), tx.DeleteFunction(Account, Region, "none"))
	})
	view(t, d, func(tx store.Tx) error {
		here, err := tx.Functions(Account, Region)
		same(t, []store.FunctionRow{local}, here)
		rest, err2 := tx.Functions(Account, There)
		same(t, []store.FunctionRow{there}, rest)
		return errors.Join(err, err2)
	})
}

var functionChecks = []check{
	{"a function is of one region, and its environment is for rota alone", ruleFunctions},
	{"each operation on functions is authorised by the function's name", ruleFunctionRights},
}

// ruleFunctions: a function is of one account and region, its environment is
// sealed and for rota alone.
func ruleFunctions(w *World) {
	t := w.T
	c := rota.Caller{Account: Account, Region: Region}
	asked := c
	asked.May = func(string, rota.Resource) error { return nil }
	env := rota.StringValue(`{"TOKEN":"canary","A":"1"}`)
	in := store.Function{Name: "fn", Definition: store.Definition{Kind: store.LocalFunction, Command: []string{"x"}}, Env: env}
	made, err := w.PutFunction(t.Context(), asked, in, fine)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "arn:aws:lambda:"+Region+":"+Account+":function:fn", made.ARN())
	is(t, []string{"A", "TOKEN"}, made.Variables)
	for caller, want := range map[string]bool{"rota": true, "asked": false} {
		as := c
		if caller == "asked" {
			as = asked
		}
		f, err := w.Function(t.Context(), as, "fn")
		if err != nil || f.Env.Equal(env) != want {
			t.Errorf("%s reads the environment: %v %v", caller, f.Env.Equal(env), err)
		}
	}
	w.Clock.Advance(time.Minute)
	in.Env = rota.Value{}
	again, err := w.PutFunction(t.Context(), c, in, fine)
	if err != nil || !again.Created.Equal(made.Created) || !again.Changed.After(made.Changed) {
		t.Errorf("changed: %+v %v", again, err)
	}
	if f, err := w.Function(t.Context(), c, "fn"); err != nil || !f.Env.IsZero() || len(f.Variables) != 0 {
		t.Errorf("the environment is left: %v %v", f.Variables, err)
	}
	elsewhere := rota.Caller{Account: Account, Region: There}
	if _, err := w.Function(t.Context(), elsewhere, "fn"); !errors.Is(err, rota.NotFound) {
		t.Errorf("in another region: %v", err)
	}
	if err := w.DeleteFunction(t.Context(), c, "fn"); err != nil {
		t.Error(err)
	}
	if err := w.DeleteFunction(t.Context(), c, "fn"); !errors.Is(err, rota.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := w.PutFunction(t.Context(), c, in, func() error { return rota.E(rota.InvalidParameter, "no") }); !errors.Is(err, rota.InvalidParameter) {
		t.Errorf("refused: %v", err)
	}
	if _, err := w.Function(t.Context(), c, "fn"); !errors.Is(err, rota.NotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
	bad := in
	bad.Env = rota.StringValue(`{"A":1}`)
	if _, err := w.PutFunction(t.Context(), c, bad, fine); !errors.Is(err, rota.InvalidParameter) {
		t.Errorf("a number in the environment: %v", err)
	}
}

func fine() error { return nil }

// ruleFunctionRights: each operation on functions is asked about by its name.
func ruleFunctionRights(w *World) {
	t := w.T
	var asked []string
	c := rota.Caller{Account: Account, Region: Region, May: func(action string, on rota.Resource) error {
		asked = append(asked, action+" "+on.ARN)
		return rota.E(rota.AccessDenied, "no")
	}}
	_, err1 := w.PutFunction(t.Context(), c, store.Function{Name: "fn"}, func() error { t.Error("checked before it was allowed"); return nil })
	_, err2 := w.Function(t.Context(), c, "fn")
	_, err3 := w.Store.Functions(t.Context(), c)
	err4 := w.DeleteFunction(t.Context(), c, "fn")
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, rota.AccessDenied) {
			t.Errorf("not denied: %v", err)
		}
	}
	arn := "arn:aws:lambda:" + Region + ":" + Account + ":function:fn"
	is(t, []string{"rota:PutFunction " + arn, "rota:GetFunction " + arn, "rota:ListFunctions *", "rota:DeleteFunction " + arn}, asked)
}

func is(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
