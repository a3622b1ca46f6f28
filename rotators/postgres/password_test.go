package postgres

import (
	"bytes"
	"strings"
	"testing"
)

func TestPasswordsHaveTheLengthEveryClassAndNothingExcluded(t *testing.T) {
	random := chacha(7)
	for _, length := range []int{10, 13, 32, 1000} {
		for _, exclude := range []string{defaultExclude, "", "0O1lI", classes[3], classes[0] + classes[1]} {
			rule, err := newPasswordRule(length, exclude)
			if err != nil {
				if length < 13 && len(exclude) > 5 {
					continue // too little is left for so few characters
				}
				t.Fatalf("%d without %q: %v", length, exclude, err)
			}
			for range 200 {
				p, err := rule.generate(random)
				if err != nil {
					t.Fatal(err)
				}
				if len(p) != length {
					t.Fatalf("%d characters, want %d", len(p), length)
				}
				if exclude != "" && strings.ContainsAny(p, exclude) {
					t.Fatalf("%q has one of %q", p, exclude)
				}
				for _, c := range classes {
					left := strings.Map(func(r rune) rune {
						if strings.ContainsRune(exclude, r) {
							return -1
						}
						return r
					}, c)
					if left != "" && !strings.ContainsAny(p, left) {
						t.Fatalf("%q has none of %q", p, left)
					}
				}
			}
		}
	}
}

func TestPasswordClassesAreThoseOfGetRandomPassword(t *testing.T) {
	all := strings.Join(classes[:], "")
	for c := byte(0x21); c < 0x7f; c++ {
		if strings.Count(all, string(c)) != 1 {
			t.Errorf("%q occurs %d times", c, strings.Count(all, string(c)))
		}
	}
	if len(all) != 94 {
		t.Errorf("%d characters", len(all))
	}
}

// Two hundred thousand characters over an alphabet of 88: chi-squared with 87
// degrees of freedom passes 145 once in ten thousand, and a plain remainder
// (256 mod 88) would give tens of thousands.
func TestPasswordCharactersAreEquallyLikely(t *testing.T) {
	rule, err := newPasswordRule(1000, defaultExclude)
	if err != nil {
		t.Fatal(err)
	}
	random := chacha(3)
	count := map[rune]int{}
	const draws = 200
	for range draws {
		p, err := rule.draw(random)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p {
			count[r]++
		}
	}
	want := float64(draws*1000) / float64(len(rule.alphabet))
	chi := 0.0
	for _, r := range rule.alphabet {
		d := float64(count[r]) - want
		chi += d * d / want
	}
	if len(rule.alphabet) != 88 || chi > 145 {
		t.Errorf("alphabet of %d, chi-squared %.0f", len(rule.alphabet), chi)
	}
}

func TestPasswordFromARandomSourceThatStandsStillIsAnError(t *testing.T) {
	rule, _ := newPasswordRule(32, "")
	if _, err := rule.generate(bytes.NewReader(make([]byte, 1<<20))); err == nil {
		t.Error("zeros made a password")
	}
	if _, err := rule.generate(strings.NewReader("short")); err == nil {
		t.Error("a source that ends made a password")
	}
}

func TestPasswordRulesThatLeaveTooLittleAreRefused(t *testing.T) {
	if _, err := newPasswordRule(32, strings.Join(classes[:], "")); err == nil {
		t.Error("an empty alphabet is accepted")
	}
	if _, err := newPasswordRule(10, classes[0]+classes[1]+classes[3]); err == nil {
		t.Error("10 digits are accepted")
	}
}
