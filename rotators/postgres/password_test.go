package postgres

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rotahq/rota/internal/password"
)

func TestPasswordsHaveTheLengthEveryClassAndNothingExcluded(t *testing.T) {
	random := chacha(7)
	all := []string{password.Lower, password.Upper, password.Digits, password.Punctuation}
	for _, length := range []int{10, 13, 32, 1000} {
		for _, exclude := range []string{defaultExclude, "", "0O1lI", password.Punctuation, password.Lower + password.Upper} {
			rule, err := newPasswordRule(length, exclude)
			if err != nil {
				if length < 13 && len(exclude) > 5 {
					continue // too little is left for so few characters
				}
				t.Fatalf("%d without %q: %v", length, exclude, err)
			}
			for range 50 {
				p, err := generate(rule, random)
				if err != nil {
					t.Fatal(err)
				}
				if len(p) != length {
					t.Fatalf("%d characters, want %d", len(p), length)
				}
				if exclude != "" && strings.ContainsAny(p, exclude) {
					t.Fatalf("%q has one of %q", p, exclude)
				}
				for _, left := range password.Exclude(exclude, all...) {
					if !strings.ContainsAny(p, left) {
						t.Fatalf("%q has none of %q", p, left)
					}
				}
			}
		}
	}
}

func TestPasswordFromARandomSourceThatStandsStillOrEndsIsAnError(t *testing.T) {
	rule, err := newPasswordRule(32, "")
	if err != nil {
		t.Fatal(err)
	}
	for want, random := range map[string][]byte{
		"make a password: the source of randomness does not vary": make([]byte, 1<<24),
		"make a password: read randomness: unexpected EOF":        []byte("short"),
	} {
		if _, err := generate(rule, bytes.NewReader(random)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestPasswordRulesThatLeaveTooLittleAreRefused(t *testing.T) {
	for exclude, want := range map[string]string{
		password.Lower + password.Upper + password.Digits + password.Punctuation: "10 of the 0 characters left by exclude-characters make " +
			"a password that can be guessed: raise password-length or exclude fewer",
		password.Lower + password.Upper + password.Punctuation: "10 of the 10 characters left by exclude-characters make " +
			"a password that can be guessed: raise password-length or exclude fewer",
	} {
		if _, err := newPasswordRule(10, exclude); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
