package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// oracle says what a pattern means, character by character, with a table of
// what it has answered already. It shares nothing with compile and glob.
func oracle(pattern, text string, syn syntax) bool {
	p, s := []rune(pattern), []rune(text)
	known := map[[2]int]bool{}
	var at func(i, j int) bool
	at = func(i, j int) (result bool) {
		if i == len(p) {
			return j == len(s)
		}
		key := [2]int{i, j}
		if r, ok := known[key]; ok {
			return r
		}
		defer func() { known[key] = result }()
		narrow := syn&segments != 0 && strings.Count(string(p[:i]), ":") < 5
		if p[i] == '*' && narrow && syn&runOn != 0 && (i+1 == len(p) || p[i+1] == ':') {
			narrow = false
		}
		may := j < len(s) && (!narrow || s[j] != ':')
		switch {
		case syn&wildcards != 0 && p[i] == '*':
			return at(i+1, j) || may && at(i, j+1)
		case syn&wildcards != 0 && p[i] == '?':
			return may && at(i+1, j+1)
		}
		return j < len(s) && p[i] == s[j] && at(i+1, j+1)
	}
	return at(0, 0)
}

var syntaxes = []syntax{0, wildcards, wildcards | segments, wildcards | segments | runOn}

func checkGlob(t *testing.T, pattern, text string) {
	t.Helper()
	for _, syn := range syntaxes {
		p, problem := compile(pattern, syn)
		if problem != nil {
			t.Fatal(problem)
		}
		if got, want := p.match(nil, text) == yes, oracle(pattern, text, syn); got != want {
			t.Errorf("%q matches %q: %t, want %t (syntax %b)", pattern, text, got, want, syn)
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, c := range [][2]string{
		{"a*b?c", "axxbyc"},
		{"arn:aws:s:e*1:1*2:x*:y", "arn:aws:s:eu1:12:xx:z:y"},
		{"*:a*b:c", "x:ab:aab:c"},
		{"ü?*", "üöä"},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 60 {
			t.Skip()
		}
		pattern, text = strings.ToValidUTF8(pattern, "."), strings.ToValidUTF8(text, ".")
		checkGlob(t, pattern, text)
	})
}

func TestAGlobMeansWhatItsDefinitionSays(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	word := func(alphabet string, most int) string {
		letters := []rune(alphabet)
		b := make([]rune, r.IntN(most))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	for range 100000 {
		checkGlob(t, word("ab::*?é", 14), word("ab::é", 14))
		if t.Failed() {
			return
		}
	}
}

func TestAGlobIsNotSlowOnHostilePatterns(t *testing.T) {
	text := strings.Repeat("a", 2048)
	start := time.Now()
	for _, pattern := range []string{
		strings.Repeat("*a", 10000) + "b",
		"*" + strings.Repeat("a", 1000) + strings.Repeat("*?", 4000) + "b",
		strings.Repeat("a*", 2040) + "b",
		"arn:*" + strings.Repeat("*a", 5000) + "b:*:*:*:x",
	} {
		for _, syn := range syntaxes[1:] {
			p, problem := compile(pattern, syn)
			if problem != nil {
				t.Fatal(problem)
			}
			if p.match(nil, text) == yes {
				t.Error("it matches")
			}
		}
	}
	// Exponential time would never end; this is far above what it takes.
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("%s", d)
	}
}
