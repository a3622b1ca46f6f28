package rota_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/rotahq/rota"
)

func TestEveryCodeIsFoundThroughWrapping(t *testing.T) {
	for _, code := range rota.Codes() {
		for what, err := range map[string]error{
			"the code itself":   code,
			"an Error":          rota.E(code, "m"),
			"a wrapped Error":   fmt.Errorf("op: %w", rota.E(code, "m")),
			"a wrapped code":    fmt.Errorf("op: %w", code),
			"an Error's cause":  &rota.Error{Code: code, Err: errors.New("cause")},
			"a joined Error":    errors.Join(errors.New("x"), rota.E(code, "m")),
			"an Error in Error": rota.E(code, "%s", "m"),
		} {
			if !errors.Is(err, code) {
				t.Errorf("%s with %q is not found", what, code)
			}
			if got := rota.CodeOf(err); got != code {
				t.Errorf("%s with %q has the code %q", what, code, got)
			}
			for _, wrong := range rota.Codes() {
				if wrong != code && errors.Is(err, wrong) {
					t.Errorf("%s with %q passes for %q", what, code, wrong)
				}
			}
		}
	}
}

func TestTheOutermostCodeCounts(t *testing.T) {
	err := &rota.Error{Code: rota.DecryptionFailed, Err: rota.E(rota.NotFound, "m")}
	if got := rota.CodeOf(err); got != rota.DecryptionFailed {
		t.Errorf("the code is %q", got)
	}
	if !errors.Is(err, rota.NotFound) {
		t.Error("the cause is not found")
	}
}

func TestAnErrorWithoutACodeIsInternal(t *testing.T) {
	if got := rota.CodeOf(errors.New("x")); got != rota.Internal {
		t.Errorf("the code is %q", got)
	}
	if got := rota.CodeOf(nil); got != "" {
		t.Errorf("no error has the code %q", got)
	}
}

func TestAnErrorSaysWhatWhereAndWhatNext(t *testing.T) {
	for _, c := range []struct {
		err  rota.Error
		want string
	}{
		{rota.Error{Code: rota.NotFound}, "not found"},
		{rota.Error{Code: rota.NotFound, Message: "No such secret."}, "No such secret."},
		{rota.Error{Code: rota.Busy, Message: "held", Op: "rotate", Secret: "app/db", Hint: "wait", Err: errors.New("node 2")}, "rotate app/db: held: node 2 (wait)"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	cause := errors.New("x")
	if err := (&rota.Error{Err: cause}); !errors.Is(err, cause) {
		t.Error("the cause is not found")
	}
}

// Codes is written by hand; the table of package wire is checked against it.
func TestCodesListsEveryCodeOnce(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []rota.Code
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				continue
			}
			for _, value := range v.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, rota.Code(text))
			}
		}
	}
	if len(declared) == 0 {
		t.Fatal("no codes were found in errors.go")
	}
	listed := rota.Codes()
	slices.Sort(declared)
	slices.Sort(listed)
	if !slices.Equal(declared, listed) {
		t.Errorf("declared %q\nlisted   %q", declared, listed)
	}
	if len(slices.Compact(slices.Clone(listed))) != len(listed) {
		t.Errorf("a code is listed twice: %q", listed)
	}
}

func TestOnlyOpenStatesWaitForAnEnd(t *testing.T) {
	for state, want := range map[rota.CredentialState]bool{
		rota.Intended: false, rota.Live: false, rota.Superseded: true, rota.Held: true, rota.Ending: true,
		rota.ProvenDead: false, rota.NotProven: false, "": false,
	} {
		if got := state.Open(); got != want {
			t.Errorf("%q is open: %t, want %t", state, got, want)
		}
	}
}

func TestASecretIsDescribedByItsLabelsAndTags(t *testing.T) {
	s := rota.Secret{
		Key: rota.Key{Account: "123456789012", Region: "eu-west-1", ID: "x"}, Name: "app/db", Suffix: "AbCdEf",
		Stages: map[string][]rota.Label{"v1": {rota.Previous, "mine"}, "v2": {rota.Current}},
		Tags:   []rota.Tag{{Key: "a", Value: ""}, {Key: "b", Value: "2"}},
	}
	if got, want := s.ARN(), "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf"; got != want {
		t.Errorf("ARN %s, want %s", got, want)
	}
	for l, want := range map[rota.Label]string{rota.Current: "v2", rota.Previous: "v1", "mine": "v1", rota.Pending: ""} {
		if got := s.VersionOf(l); got != want {
			t.Errorf("%s is on %q, want %q", l, got, want)
		}
	}
	if v, ok := s.Tag("a"); !ok || v != "" {
		t.Errorf("an empty tag is %q, %t", v, ok)
	}
	if v, ok := s.Tag("c"); ok {
		t.Errorf("a tag that is not there is %q", v)
	}
}
