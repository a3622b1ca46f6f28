package session

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzATokenThatNobodyIssuedIsNone: whatever is sent as a token is refused in
// the same way. A token that opens was sealed here, and there are none.
func FuzzATokenThatNobodyIssuedIsNone(f *testing.F) {
	s := newSealer(f)
	good, err := content{ID: "ASIAX", Secret: []byte("s"), Principal: ann, Unique: "AIDA", Issued: 1, Expires: 2}.seal(s)
	if err != nil {
		f.Fatal(err)
	}
	token := string(good.Reveal())
	if c, err := openToken(s, token); err != nil || c.ID != "ASIAX" {
		f.Fatal("the seed does not open: ", err)
	}
	for _, seed := range []string{"", token[1:], token[:len(token)-1], token + "=", "AAAA", token + "\n", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == token {
			return
		}
		if c, err := openToken(s, text); err != errToken || c.ID != "" {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzWhatATokenSaysMakesSenseOrIsRefused goes behind the seal: what a token
// says is checked as if anybody had written it.
func FuzzWhatATokenSaysMakesSenseOrIsRefused(f *testing.F) {
	for _, c := range []content{
		{ID: "ASIAX", Secret: []byte("s"), Principal: ann, Unique: "AIDA", Issued: 1, Expires: 2},
		{ID: "ASIAX", Secret: []byte("s"), Principal: ann, Unique: "AIDA", Parent: "AKIA", Name: "n", Policy: "{}", Claim: &claim{"a", "r", "s", 1}, Issued: 1, Expires: 2},
	} {
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, '{'))
	}
	for _, s := range []string{
		"", "{}", "null", "[]", `{"i":"AKIAX"}`, `{"i":"ASIAX","s":"cw==","p":"a","u":"u","t":1,"e":1}`, `{"i":"ASIAX","s":"","p":"a","u":"u","t":1,"e":2}`,
		`{"i":"ASIAX","s":"cw==","p":"a","u":"u","t":1,"e":2,"c":{"a":"","r":"","s":"x","n":1}}`, `{"i":"ASIAX","s":"cw==","p":"a","u":"u","t":1,"e":2,"z":1}`,
		`{"i":"ASIAX","s":"cw==","p":"a","u":"u","t":1,"e":9223372036854775807}`, `{"i":"ASIAX","s":"cw==","p":"a","u":"u","d":"x","t":1,"e":2,"c":{"s":"x","n":-1}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		c, err := readContent(plain)
		if err != nil {
			if err != errToken || c.ID != "" {
				t.Errorf("%q: %v with %+v", plain, err, c)
			}
			return
		}
		if len(c.ID) < 4 || len(c.Secret) == 0 || c.Principal == "" || c.Unique == "" || c.Expires <= c.Issued || c.Issued <= 0 {
			t.Errorf("%q was taken as %+v", plain, c)
		}
		if c.claim().Held() && c.Policy == "" {
			t.Errorf("%q has a claim and no limit", plain)
		}
		if c.Claim != nil && !c.claim().Held() {
			t.Errorf("%q loses its claim", plain)
		}
		if c.expires().Before(time.Unix(0, 0)) {
			t.Errorf("%q expired before there was time", plain)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := readContent(b)
		if err != nil || cmp.Diff(c, again) != "" {
			t.Errorf("%q is not read as it was: %v %s", plain, err, cmp.Diff(c, again))
		}
	})
}
