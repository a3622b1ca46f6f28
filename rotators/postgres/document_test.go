package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestReplacingAMemberLeavesEveryOtherByteAlone(t *testing.T) {
	for name, row := range map[string]struct{ in, want string }{
		"order, spaces and unknown fields": {
			"{ \"z\":1,\n\t\"password\" : \"old\" ,\"a\":[1, 2],\"username\":\"u\"}\n",
			"{ \"z\":1,\n\t\"password\" : \"n\\\"w\" ,\"a\":[1, 2],\"username\":\"u_clone\"}\n",
		},
		"numbers as they were written": {
			`{"username":"u","password":"o","port":5432,"big":12345678901234567890.10,"e":1E+2,"neg":-0}`,
			`{"username":"u_clone","password":"n\"w","port":5432,"big":12345678901234567890.10,"e":1E+2,"neg":-0}`,
		},
		"escapes and the same names further in": {
			`{"password":"\u0041\/","x":{"password":"inner","username":"inner"},"username":"\ud83d\ude00"}`,
			`{"password":"n\"w","x":{"password":"inner","username":"inner"},"username":"u_clone"}`,
		},
		"names differ by case": {
			`{"Password":"P","password":"p","username":"u"}`,
			`{"Password":"P","password":"n\"w","username":"u_clone"}`,
		},
		"a name written with escapes": {
			`{"pass\u0077ord":"p","username":"u"}`,
			`{"pass\u0077ord":"n\"w","username":"u_clone"}`,
		},
	} {
		d, err := readDocument(rota.StringValue(row.in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := d.with(map[string]string{"password": `n"w`, "username": "u_clone"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(v.Reveal()); got != row.want || v.Kind() != rota.KindString {
			t.Errorf("%s:\n got %s\nwant %s", name, got, row.want)
		}
	}
}

func TestNewMembersAreNotEscapedForHTML(t *testing.T) {
	d, _ := readDocument(rota.StringValue(`{"password":"p"}`))
	v, err := d.with(map[string]string{"password": "<&>\u2028\\"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(v.Reveal()); !strings.Contains(got, "<&>") {
		t.Error(got)
	}
	var back map[string]string
	if json.Unmarshal(v.Reveal(), &back) != nil || back["password"] != "<&>\u2028\\" {
		t.Errorf("%q", back)
	}
}

func TestValuesThatAreNotOneObjectAreRefusedWithoutShowingThem(t *testing.T) {
	for name, v := range map[string]rota.Value{
		"no value":            {},
		"binary":              rota.BinaryValue([]byte(`{"password":"hunter2"}`)),
		"plain text":          rota.StringValue("hunter2"),
		"a JSON string":       rota.StringValue(`"hunter2"`),
		"an array":            rota.StringValue(`["hunter2"]`),
		"cut off":             rota.StringValue(`{"password":"hunter2"`),
		"cut off in a member": rota.StringValue(`{"password":"hunter2`),
		"two objects":         rota.StringValue(`{"password":"hunter2"}{}`),
		"text behind":         rota.StringValue(`{"password":"hunter2"} hunter2`),
		"a trailing comma":    rota.StringValue(`{"password":"hunter2",}`),
		"a name twice":        rota.StringValue(`{"password":"hunter2","password":"x"}`),
		"empty":               rota.StringValue(""),
	} {
		_, err := readDocument(v)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "'h'") {
			t.Errorf("%s: the error shows the value: %v", name, err)
		}
	}
}

// What is accepted is what encoding/json accepts, and a replaced member is
// the only difference that encoding/json sees.
func FuzzDocument(f *testing.F) {
	f.Add(`{"password":"p","port":1}`, "new")
	f.Add(`{"a":{"password":1},"password":null}`, `"\`)
	f.Add(` { } `, "")
	f.Fuzz(func(t *testing.T, text, password string) {
		d, err := readDocument(rota.StringValue(text))
		var whole map[string]json.RawMessage
		if err != nil {
			return
		}
		if err := json.Unmarshal([]byte(text), &whole); err != nil {
			t.Fatalf("accepted what is not an object: %v", err)
		}
		for name := range whole {
			if raw, _ := d.member(name); string(raw) != string(whole[name]) {
				t.Fatalf("member %q: %s, encoding/json has %s", name, raw, whole[name])
			}
		}
		_, has := whole["password"]
		v, err := d.with(map[string]string{"password": password})
		if (err == nil) != has {
			t.Fatalf("has a password: %t, replacing: %v", has, err)
		}
		if err != nil {
			return
		}
		var after map[string]json.RawMessage
		if err := json.Unmarshal(v.Reveal(), &after); err != nil {
			t.Fatalf("made what is not an object: %v", err)
		}
		if len(after) != len(whole) {
			t.Fatal("members came or went")
		}
		for name, raw := range whole {
			if name != "password" && string(after[name]) != string(raw) {
				t.Fatalf("member %q changed", name)
			}
		}
	})
}
