package seal

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/rotahq/rota"
)

func newTestSealer(t testing.TB) *Sealer {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAccessKeyOpensForItsIdOnlyAndNotAsAValue(t *testing.T) {
	s := newTestSealer(t)
	secret := rota.StringValue("the secret half")
	blob, key, err := s.SealAccessKey("123456789012", "AKIA1", secret)
	if err != nil || key != s.KeyID() || KeyOf(blob) != key {
		t.Fatal(key, err)
	}
	if bytes.Contains(blob, secret.Reveal()) {
		t.Error("the secret stands in the blob")
	}
	if v, err := s.OpenAccessKey("123456789012", "AKIA1", blob); err != nil || !v.Equal(secret) {
		t.Errorf("it does not open: %v", err)
	}
	for name, open := range map[string]func() (rota.Value, error){
		"for another id":      func() (rota.Value, error) { return s.OpenAccessKey("123456789012", "AKIA2", blob) },
		"for another account": func() (rota.Value, error) { return s.OpenAccessKey("999999999999", "AKIA1", blob) },
		"with another key":    func() (rota.Value, error) { return newTestSealer(t).OpenAccessKey("123456789012", "AKIA1", blob) },
		"as a value":          func() (rota.Value, error) { return s.Open(Binding{Account: "123456789012", ID: "AKIA1"}, blob) },
		"cut":                 func() (rota.Value, error) { return s.OpenAccessKey("123456789012", "AKIA1", blob[:len(blob)-1]) },
		"of nothing":          func() (rota.Value, error) { return s.OpenAccessKey("123456789012", "AKIA1", nil) },
	} {
		if v, err := open(); rota.CodeOf(err) != rota.DecryptionFailed || !v.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	value := Binding{Account: "123456789012", Region: "r", ID: "AKIA1", Version: "v"}
	sealed, _, err := s.Seal(value, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenAccessKey("123456789012", "AKIA1", sealed); rota.CodeOf(err) != rota.DecryptionFailed {
		t.Errorf("a value opens as an access key: %v", err)
	}
	for _, missing := range [][2]string{{"", "AKIA1"}, {"123456789012", ""}} {
		if _, _, err := s.SealAccessKey(missing[0], missing[1], secret); rota.CodeOf(err) != rota.Internal {
			t.Errorf("%v: %v", missing, err)
		}
	}
	if _, _, err := s.SealAccessKey("a", "b", rota.Value{}); rota.CodeOf(err) != rota.Internal {
		t.Errorf("no secret: %v", err)
	}
}

func TestATokenOpensForItsUseAndUnderItsKeyOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	s, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("what a client keeps")
	token, err := s.SealToken("a use", plain)
	if err != nil || len(token) != len(plain)+40 || bytes.Contains(token, plain) {
		t.Fatalf("%d bytes, %v", len(token), err)
	}
	again, err := s.SealToken("a use", plain)
	if err != nil || bytes.Equal(token, again) {
		t.Errorf("the same text gives the same token: %v", err)
	}
	restarted, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := restarted.OpenToken("a use", token); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	if got, err := s.OpenToken("another use", token); err == nil {
		t.Errorf("for another use: %q", got)
	}
	if got, err := newTestSealer(t).OpenToken("a use", token); err == nil {
		t.Errorf("under another key: %q", got)
	}
	for i := range token {
		changed := bytes.Clone(token)
		changed[i] ^= 1
		if _, err := s.OpenToken("a use", changed); err == nil {
			t.Errorf("changed at %d it opens", i)
		}
		if _, err := s.OpenToken("a use", token[:i]); err == nil {
			t.Errorf("cut at %d it opens", i)
		}
	}
}
