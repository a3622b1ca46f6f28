package seal

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
)

// shows reports whether text holds eight bytes in a row of the secret: plain,
// as Go prints byte slices, in hex, or in base64 at any alignment.
func shows(text string, secret []byte) bool {
	lower := strings.ToLower(text)
	for i := 0; i+8 <= len(secret); i++ {
		w := secret[i : i+8]
		list := strings.Trim(fmt.Sprint(w), "[]")
		if strings.Contains(text, string(w)) || strings.Contains(lower, hex.EncodeToString(w)) || strings.Contains(text, list) {
			return true
		}
		// The first two characters and the last may depend on the neighbours.
		for pad := range 3 {
			padded := append(make([]byte, pad), w...)
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				s := enc.EncodeToString(padded)
				if strings.Contains(text, s[pad+pad/2+1:len(s)-1]) {
					return true
				}
			}
		}
	}
	return false
}

// keyBytes are the raw keys in a text.
func keyBytes(t *testing.T, text []byte) [][]byte {
	t.Helper()
	values, fingerprints, err := decodeKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := values.Primary()
	if err != nil {
		t.Fatal(err)
	}
	f, err := fingerprints.Primary()
	if err != nil {
		t.Fatal(err)
	}
	hashKey, err := deriveHashKey(fingerprints)
	if err != nil {
		t.Fatal(err)
	}
	tokenKey, err := deriveTokenKey(fingerprints)
	if err != nil {
		t.Fatal(err)
	}
	token := insecuresecretdataaccess.Token{}
	return [][]byte{
		v.Key().(*xaesgcm.Key).KeyBytes().Data(token), f.Key().(*hkdfprf.Key).KeyBytes().Data(token), hashKey, tokenKey,
	}
}

func TestTheLeakDetectorFindsWhatItLooksFor(t *testing.T) {
	secret := []byte("\x07correct horse battery\xff")
	for pad := range 3 {
		around := append(append(make([]byte, pad), secret...), 9)
		for _, text := range []string{
			string(around), hex.EncodeToString(around), strings.ToUpper(hex.EncodeToString(around)), fmt.Sprint(around),
			base64.StdEncoding.EncodeToString(around), base64.URLEncoding.EncodeToString(around),
		} {
			if !shows(text, secret) {
				t.Errorf("not found in %q", text)
			}
		}
	}
	if shows("an innocent sentence of about sixty bytes without any secret", secret) {
		t.Error("found where it is not")
	}
}

func TestNoErrorShowsAKeyOrAValue(t *testing.T) {
	text, s := testKey(t)
	secrets := append(keyBytes(t, text), []byte("correct horse battery staple"))
	value := rota.StringValue("correct horse battery staple")
	if !shows(string(text), secrets[0]) || !shows(string(text), secrets[1]) {
		t.Fatal("the keys are not found even in the key text")
	}

	var said []string
	hear := func(err error) {
		if err != nil {
			said = append(said, err.Error(), fmt.Sprintf("%+v %#v", err, err))
		}
	}
	blob := mustSeal(t, s, row, value)
	for i := range blob {
		changed := append([]byte{}, blob...)
		changed[i] ^= 0x11
		_, err := s.Open(row, changed)
		hear(err)
	}
	_, err := s.Open(row, value.Reveal())
	hear(err)
	_, _, err = s.Seal(Binding{}, value)
	hear(err)
	hear(s.Verify(blob))

	path := filepath.Join(t.TempDir(), "seal.key")
	for i := range text {
		changed := append([]byte{}, text...)
		changed[i] ^= 0x05
		for _, damaged := range [][]byte{text[:i], text[i:], changed} {
			_, err := Parse(damaged)
			hear(err)
		}
	}
	// A key pasted where a name, a number or a whole text belongs.
	for _, k := range secrets {
		b64 := base64.StdEncoding.EncodeToString(k)
		for _, damaged := range []string{
			string(k), b64, hex.EncodeToString(k), fmt.Sprintf(`{%q:1}`, b64), fmt.Sprintf(`{"values":%q}`, b64),
			fmt.Sprintf(`{"about":{%q:1}}`, b64), fmt.Sprintf(`{"values":{%q:1},"fingerprints":{}}`, b64),
			fmt.Sprintf(`{"values":{"primaryKeyId":%q},"fingerprints":{}}`, b64),
			fmt.Sprintf(`{"values":{"key":[{"keyData":{"typeUrl":%q}}]},"fingerprints":{}}`, b64),
		} {
			writeKey(t, path, []byte(damaged))
			_, err := Load(path)
			hear(err)
			_, err = FromEnv(func(name string) string {
				if name == EnvKey {
					return damaged
				}
				return ""
			}, path, true)
			hear(err)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Load(path)
	hear(err)

	if len(said) < 1000 {
		t.Fatalf("only %d sentences to look at", len(said))
	}
	for _, sentence := range said {
		for _, secret := range secrets {
			if shows(sentence, secret) {
				t.Fatalf("a secret shows in: %s", sentence)
			}
		}
	}
}

func TestASealerDoesNotPrintItsKeys(t *testing.T) {
	text, s := testKey(t)
	keys := keyBytes(t, text)
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, *s), fmt.Sprintf(verb, struct{ hidden *Sealer }{s}))
	}
	for _, text := range printed {
		for _, secret := range keys {
			if shows(text, secret) {
				t.Errorf("a key shows in %s", text)
			}
		}
	}
}
