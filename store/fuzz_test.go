package store

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
)

func FuzzSecretIDsNameWhatTheyWereMadeFrom(f *testing.F) {
	for _, id := range []string{"", "a", "app/db", "arn:", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf", "arn:aws:secretsmanager:r:1:secret:a", "arn:aws:secretsmanager:r:1:secret:", "a b", "rds!db"} {
		f.Add(id)
	}
	c := rota.Caller{Account: "1", Region: "r"}
	f.Fuzz(func(t *testing.T, id string) {
		r, err := parseID(c, id)
		if err != nil {
			return
		}
		s := rota.Secret{Key: rota.Key{Account: r.account, Region: r.region}, Name: r.name, Suffix: r.suffix}
		switch {
		case !strings.HasPrefix(id, "arn:"):
			if r.name != id || !validName(id, false) {
				t.Fatalf("the name %q was read as %+v", id, r)
			}
			// Its full ARN names it, whatever it ends like.
			s.Suffix = "AbCdEf"
			if again, err := parseID(c, s.ARN()); err != nil || again.name != id || again.suffix != "AbCdEf" {
				t.Fatalf("%q was read as %+v", s.ARN(), again)
			}
		case r.suffix != "" && !strings.HasSuffix(id, ":"+r.name+"-"+r.suffix), r.suffix == "" && !strings.HasSuffix(id, ":"+r.name):
			t.Fatalf("%q was read as %+v", id, r)
		}
	})
}

func FuzzPageTokensThatNobodyMadeAreRefused(f *testing.F) {
	sealer, err := seal.OpenOrCreate(filepath.Join(f.TempDir(), "key"), true)
	if err != nil {
		f.Fatal(err)
	}
	s := &Store{cfg: Config{Sealer: sealer}}
	p := s.newPage("op", 0, 10)
	good, err := p.next(int64(7))
	if err != nil {
		f.Fatal(err)
	}
	var n int64
	if err := p.read(good, &n); err != nil || n != 7 {
		f.Fatalf("a token of ours was read as %d, %v", n, err)
	}
	if err := s.newPage("other", 0, 10).read(good, &n); err == nil {
		f.Fatal("a token of another list was taken")
	}
	again := &Store{cfg: Config{Sealer: sealer}}
	if err := again.newPage("op", 0, 10).read(good, &n); err != nil || n != 7 {
		f.Fatalf("after a restart a token was read as %d, %v", n, err)
	}
	for _, token := range []string{good, good + "x", "", ".", "Nw.", "Nw", strings.ToUpper(good), good[:9] + "\n" + good[9:], good + "="} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if err := p.read(token, &n); err == nil && token != "" && token != good {
			t.Fatalf("%q was taken", token)
		}
	})
}

func FuzzWordsOfAFilterAreTakenFromTheText(f *testing.F) {
	for _, text := range []string{"", "aws/AppBeta", "COMPANYthings", "a-b/c", "db2main", "Ünï Çode", "/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?") // the API takes nothing else
		words := tokens(text)
		for _, w := range words {
			if w == "" || !strings.Contains(text, w) {
				t.Fatalf("%q has the word %q", text, w)
			}
		}
		if len(words) > 0 && !wordsMatch(words, slices.Clone(words)) {
			t.Fatalf("%q does not match its own words %q", text, words)
		}
		if wordsMatch(words, nil) {
			t.Fatal("no word matches something")
		}
	})
}
