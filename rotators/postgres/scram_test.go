package postgres

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// chacha is a source of randomness that is the same in every run.
func chacha(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerifierAcceptsTheProofOfRFC7677AndSignsLikeItsServer(t *testing.T) {
	const (
		bare   = "n=user,r=rOprNGfwEbeRWgbNEkqO"
		nonce  = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		salt   = "W22ZaJ0SNY7soEsUEjb6gQ=="
		proof  = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
		signed = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
		auth   = bare + "," + nonce + ",s=" + salt + ",i=4096,c=biws," + nonce
	)
	v, err := verifierWith("pencil", unbase64(t, salt))
	if err != nil {
		t.Fatal(err)
	}
	head, keys, _ := strings.Cut(strings.TrimPrefix(v, "SCRAM-SHA-256$"), "$")
	if head != "4096:"+salt {
		t.Fatalf("iterations and salt are %q", head)
	}
	stored, server, _ := strings.Cut(keys, ":")

	mac := func(key []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(auth))
		return h.Sum(nil)
	}
	if got := base64.StdEncoding.EncodeToString(mac(unbase64(t, server))); got != signed {
		t.Errorf("server signature %s, RFC 7677 has %s", got, signed)
	}
	clientKey := unbase64(t, proof)
	for i, b := range mac(unbase64(t, stored)) {
		clientKey[i] ^= b
	}
	if sum := sha256.Sum256(clientKey); !bytes.Equal(sum[:], unbase64(t, stored)) {
		t.Error("the client proof of RFC 7677 does not fit the stored key")
	}
}

func TestVerifierIsByteForByteWhatPostgreSQLStores(t *testing.T) {
	// Made by PostgreSQL 15 from CREATE ROLE … PASSWORD and read from pg_authid.
	for _, row := range []struct{ password, stored string }{
		{"correct horse battery staple", "SCRAM-SHA-256$4096:XZW9ZkyNyAXtwULX6iUTRQ==$qa7viUJK4GSwr11ouxFGbyM/Q3aCr2HXKFr6rCuqigI=:bSO8aZeBzFC38R0nphNJOx8apT/y8SYqszI5OlCGHq8="},
		{"pässwörtжの😀", "SCRAM-SHA-256$4096:q+aRm6thpa5Svqi+KxWtfg==$LfXQBzq7wHEiJRzJSqzk40PJTnZ/tQSOrRnKUp7E15w=:yc+S2VbmSh/ITgMrd0b/G71LxzpVTPyMUO4ClEzsLQE="},
		{`x'"\;$1 ~`, "SCRAM-SHA-256$4096:5TXi2Uf3v/RxSEr68kPJ9g==$7m+nBuQ0hCws9IXHZ9TUZavQTCgvctEl/MDyVimheYw=:e0wDlMe5LNHFQfWdsF0+3oacTG72oQpA11dmZkn1mTs="},
	} {
		salt := strings.Split(strings.Split(row.stored, "$")[1], ":")[1]
		got, err := verifierWith(row.password, unbase64(t, salt))
		if err != nil || got != row.stored {
			t.Errorf("%q: %s, %v, PostgreSQL has %s", row.password, got, err, row.stored)
		}
	}
}

func TestVerifierSaltComesFromTheGivenRandomness(t *testing.T) {
	a, err := verifier("p", chacha(1))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := verifier("p", chacha(1))
	c, _ := verifier("p", chacha(2))
	if a != b || a == c {
		t.Errorf("same seed: %t, other seed: %t", a == b, a == c)
	}
	if _, err := verifier("p", strings.NewReader("short")); err == nil {
		t.Error("a source that ends is not an error")
	}
}

func TestDeadVerifierHasTheFormOfAVerifierAndNoKnownKeys(t *testing.T) {
	a, err := deadVerifier(chacha(1))
	if err != nil {
		t.Fatal(err)
	}
	real, _ := verifier("p", chacha(1))
	if len(a) != len(real) || !strings.HasPrefix(a, "SCRAM-SHA-256$4096:") {
		t.Errorf("%s", a)
	}
	keys := strings.Split(a, "$")[2]
	stored, server, _ := strings.Cut(keys, ":")
	if len(unbase64(t, stored)) != 32 || len(unbase64(t, server)) != 32 || stored == server {
		t.Errorf("keys %s", keys)
	}
}

func TestPasswordsThatClientsPrepareDifferentlyAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		password string
		same     bool
	}{
		"ASCII":                               {"aZ9 ~!\x7f\x01", true},
		"letters beyond ASCII":                {"pässwörtжの", true},
		"a symbol newer than SASLprep":        {"p😀w", true},
		"bytes that are not UTF-8":            {"p\xff\xfe", true},
		"a ligature, which SASLprep splits":   {"ﬁsh", false},
		"a soft hyphen, which SASLprep drops": {"a\u00adb", false},
		"a no-break space, which becomes one": {"a\u00a0b", false},
		"a zero width joiner":                 {"a\u200db", false},
		"a letter with a combining mark":      {"e\u0301", false},
		"full width letters":                  {"ａ", false},
	} {
		v, err := verifier(row.password, chacha(1))
		if (err == nil) != row.same {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (v != "" || strings.Contains(err.Error(), row.password)) {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}
