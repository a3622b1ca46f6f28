package password

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func seeded(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func all() []string { return []string{Lower, Upper, Digits, Punctuation} }

func TestTheClassesAreAllPrintableCharactersOfASCIIOnce(t *testing.T) {
	got := strings.Join(all(), "") + Space
	for c := byte(0x20); c < 0x7f; c++ {
		if strings.Count(got, string(c)) != 1 {
			t.Errorf("%q occurs %d times", c, strings.Count(got, string(c)))
		}
	}
	if len(got) != 95 {
		t.Errorf("%d characters", len(got))
	}
}

func TestExcludeTakesCharactersOutAndDropsWhatIsEmpty(t *testing.T) {
	for name, row := range map[string]struct {
		chars string
		want  []string
	}{
		"nothing is excluded":              {"", all()},
		"characters of two classes":        {"0O1lI", []string{"abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", Punctuation}},
		"a whole class":                    {Digits, []string{Lower, Upper, Punctuation}},
		"everything":                       {Lower + Upper + Digits + Punctuation, nil},
		"what is in no class":              {" é\xff\x00", all()},
		"a dash and a caret mean no range": {"a-z^", []string{"bcdefghijklmnopqrstuvwxy", Upper, Digits, "!\"#$%&'()*+,./:;<=>?@[\\]_`{|}~"}},
	} {
		if got := Exclude(row.chars, all()...); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func TestBitsAreLengthTimesLogarithmOfTheAlphabet(t *testing.T) {
	for _, row := range []struct {
		rule Rule
		want float64
	}{
		{Rule{32, all()}, 209.7468},
		{Rule{10, []string{Digits}}, 33.2193},
		{Rule{64, []string{"01"}}, 64},
		{Rule{64, []string{"0"}}, 0},
		{Rule{64, nil}, 0},
		{Rule{0, all()}, 0},
	} {
		if got := row.rule.Bits(); math.Abs(got-row.want) > 0.001 {
			t.Errorf("%d characters of %q: %f bits, want %f", row.rule.Length, row.rule.Alphabet(), got, row.want)
		}
	}
}

func TestDrawEachHasTheLengthEveryClassAndNothingElse(t *testing.T) {
	random := seeded(7)
	for _, length := range []int{4, 10, 32, 1000} {
		for _, exclude := range []string{"", "0O1lI", Punctuation, Lower + Upper} {
			rule := Rule{length, Exclude(exclude, all()...)}
			for range 100 {
				p, err := rule.DrawEach(random)
				if err != nil {
					t.Fatal(err)
				}
				if len(p) != length || strings.Trim(p, rule.Alphabet()) != "" {
					t.Fatalf("%q is not %d characters without %q", p, length, exclude)
				}
				for _, class := range rule.Classes {
					if !strings.ContainsAny(p, class) {
						t.Fatalf("%q has none of %q", p, class)
					}
				}
			}
		}
	}
}

// chiSquared compares counts with the same count for each.
func chiSquared(counts map[string]int, kinds int) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	want := float64(total) / float64(kinds)
	chi := float64(kinds-len(counts)) * want // those that never came
	for _, n := range counts {
		chi += (float64(n) - want) * (float64(n) - want) / want
	}
	return chi
}

// An alphabet of 88: chi-squared with 87 degrees of freedom passes 145 once in
// ten thousand, and a plain remainder (256 mod 88) would give two thousand.
func TestCharactersAreEquallyLikely(t *testing.T) {
	rule := Rule{1000, Exclude(`:/@"'\`, all()...)}
	random, counts := seeded(3), map[string]int{}
	for range 200 {
		p, err := rule.Draw(random)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p {
			counts[string(c)]++
		}
	}
	if chi := chiSquared(counts, 88); len(rule.Alphabet()) != 88 || chi > 145 {
		t.Errorf("alphabet of %d, chi-squared %.0f", len(rule.Alphabet()), chi)
	}
}

// To take one character of each class, fill up and mix would not do: "aaXX0"
// would come a third more often than "abcX0".
func TestPasswordsWithEveryClassAreEquallyLikely(t *testing.T) {
	const length, alphabet = 5, "abcX0"
	rule := Rule{length, []string{"abc", "X", "0"}}
	words := 0
	for n := range 5 * 5 * 5 * 5 * 5 {
		w := make([]byte, length)
		for i := range w {
			w[i], n = alphabet[n%5], n/5
		}
		if rule.complete(w) {
			words++
		}
	}
	random, counts := seeded(5), map[string]int{}
	for range 100 * words {
		p, err := rule.DrawEach(random)
		if err != nil {
			t.Fatal(err)
		}
		counts[p]++
	}
	// Its mean is words, and the deviation the root of twice that.
	chi, limit := chiSquared(counts, words), float64(words)+6*math.Sqrt(2*float64(words))
	if chi > limit {
		t.Errorf("%d of %d words, chi-squared %.0f, more than %.0f", len(counts), words, chi, limit)
	}
}

func TestDrawDoesNotAskForEveryClass(t *testing.T) {
	rule := Rule{1, all()}
	random, counts := seeded(1), map[string]int{}
	for range 1000 {
		p, err := rule.Draw(random)
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range all() {
			if strings.Contains(class, p) {
				counts[class]++
			}
		}
	}
	if len(counts) != 4 {
		t.Errorf("only %d classes in a thousand single characters", len(counts))
	}
}

func TestTheRarestPasswordsAreFoundWithinThePatience(t *testing.T) {
	rule := Rule{5, []string{"a", "A", "0", Punctuation, Space}}
	random := seeded(9)
	for range 20 {
		if _, err := rule.DrawEach(random); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASourceGivesTheSamePasswordInWhateverPiecesItIsRead(t *testing.T) {
	rule := Rule{32, all()}
	whole, pieces := seeded(2), iotest.OneByteReader(seeded(2))
	for range 50 {
		a, err := rule.DrawEach(whole)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := rule.DrawEach(pieces); a != b || err != nil {
			t.Fatalf("%q and %q (%v)", a, b, err)
		}
	}
}

type endless byte

func (e endless) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte{byte(e)}, len(b)))
	return len(b), nil
}

func TestWhatCannotMakeAPasswordIsAnErrorAndEnds(t *testing.T) {
	broken := errors.New("broken")
	each, any := Rule.DrawEach, Rule.Draw
	for name, row := range map[string]struct {
		rule   Rule
		draw   func(Rule, io.Reader) (string, error)
		random io.Reader
		want   error
	}{
		"always the same character":      {Rule{32, all()}, each, endless(0), ErrStuck},
		"always a byte that is dropped":  {Rule{32, all()}, any, endless(0xff), ErrStuck},
		"a source that ends":             {Rule{32, all()}, any, strings.NewReader("short"), io.ErrUnexpectedEOF},
		"an empty source":                {Rule{32, all()}, any, strings.NewReader(""), io.EOF},
		"a source that fails":            {Rule{32, all()}, each, iotest.ErrReader(broken), broken},
		"no characters":                  {Rule{32, nil}, any, endless(0), ErrImpossible},
		"no characters, every class":     {Rule{32, nil}, each, endless(0), ErrImpossible},
		"no length":                      {Rule{0, all()}, any, endless(0), ErrImpossible},
		"a length below nothing":         {Rule{-1, all()}, any, endless(0), ErrImpossible},
		"fewer characters than classes":  {Rule{3, all()}, each, endless(0), ErrImpossible},
		"more characters than one byte":  {Rule{32, []string{strings.Repeat(Lower, 10)}}, any, endless(0), ErrImpossible},
		"a long password from standing":  {Rule{4096, all()}, each, endless(1), ErrStuck},
		"one character is never dropped": {Rule{3, []string{"x"}}, each, endless(0xff), nil},
	} {
		p, err := row.draw(row.rule, row.random)
		if !errors.Is(err, row.want) || (err != nil) != (p == "") {
			t.Errorf("%s: %q and %v, want %v", name, p, err, row.want)
		}
	}
}
