package seal

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestTheKeyOfTheDatabaseIsVerified(t *testing.T) {
	text, s := testKey(t)
	if err := s.Verify(s.CheckValue()); err != nil {
		t.Fatal(err)
	}
	if err := parse(t, text).Verify(s.CheckValue()); err != nil {
		t.Fatalf("after a restart: %v", err)
	}
}

func TestAnotherKeyIsRefusedInWordsThatSayWhatToDo(t *testing.T) {
	mineText, mine := testKey(t)
	otherText, other := testKey(t)
	damaged := mine.CheckValue()
	damaged[len(damaged)-1] ^= 1

	for name, c := range map[string]struct {
		s     *Sealer
		check []byte
		says  string
	}{
		"another key":                  {other, mine.CheckValue(), mine.KeyID()},
		"a damaged check value":        {mine, damaged, "was changed"},
		"no check value":               {mine, nil, "no check value"},
		"garbage for a check value":    {mine, []byte("garbage"), "not a sealed value"},
		"another key for fingerprints": {parse(t, mix(t, mineText, otherText)), mine.CheckValue(), "other fingerprints"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.s.Verify(c.check)
			if rota.CodeOf(err) != rota.DecryptionFailed {
				t.Fatalf("got %v", err)
			}
			for _, words := range []string{"sealing key is not the one that this database was made with", EnvKeyFile, c.says} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q is missing in: %v", words, err)
				}
			}
		})
	}
}

// mix takes the sealing keys of one text and the fingerprint key of another.
func mix(t *testing.T, values, fingerprints []byte) []byte {
	t.Helper()
	var v, f keyText
	if err := json.Unmarshal(values, &v); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fingerprints, &f); err != nil {
		t.Fatal(err)
	}
	v.Fingerprints = f.Fingerprints
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheCheckValueIsACopy(t *testing.T) {
	_, s := testKey(t)
	clear(s.CheckValue())
	if err := s.Verify(s.CheckValue()); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintsAreEqualForEqualPartsAndOneKeyOnly(t *testing.T) {
	text, s := testKey(t)
	got := s.Fingerprint([]byte("a"), []byte("bc"))
	if len(got) != 64 || strings.Trim(got, "0123456789abcdef") != "" {
		t.Fatalf("%q is not 64 hex digits", got)
	}
	if again := parse(t, text).Fingerprint([]byte("a"), []byte("bc")); again != got {
		t.Fatal("another one after a restart")
	}
	_, other := testKey(t)
	seen := []string{got, other.Fingerprint([]byte("a"), []byte("bc"))}
	long := strings.Repeat("x", 255) // with the byte before it, one more than a byte can count
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"abc"}, {"ab", "c"}, {"a", "bc", ""}, {"", "a", "bc"}, {"bc", "a"}, {"\x01a\x02bc"}, {"\xff" + long}, {"", long}} {
		var b [][]byte
		for _, p := range parts {
			b = append(b, []byte(p))
		}
		seen = append(seen, s.Fingerprint(b...))
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 13 {
		t.Fatal("different parts, or different keys, give the same fingerprint")
	}
}

// The files in testdata were written once. What is in people's databases
// must open with every later release.
func TestWhatAnEarlierReleaseSealedStillOpens(t *testing.T) {
	text, err := os.ReadFile("testdata/key.json")
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile("testdata/sealed.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Check, String, Binary []byte
		Fingerprint           string
	}
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	s := parse(t, text)
	if err := s.Verify(want.Check); err != nil {
		t.Error(err)
	}
	if v, err := s.Open(row, want.String); err != nil || !v.Equal(rota.StringValue("an old string")) {
		t.Errorf("the string: %v", err)
	}
	if v, err := s.Open(row, want.Binary); err != nil || !v.Equal(rota.BinaryValue([]byte("an old binary"))) {
		t.Errorf("the binary: %v", err)
	}
	if got := s.Fingerprint([]byte("an"), []byte("old one")); got != want.Fingerprint {
		t.Errorf("the fingerprint is %s, it was %s", got, want.Fingerprint)
	}
}
