package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/rotahq/rota"
)

// The floor is one plain AES-256-GCM open of the same 500 bytes, with a key
// that is ready. An envelope needs two ciphers and one key derivation more.
func BenchmarkOpen500(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			b.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			b.Fatal(err)
		}
		nonce := make([]byte, gcm.NonceSize())
		sealed := gcm.Seal(nil, nonce, make([]byte, 500), nil)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := gcm.Open(nil, nonce, sealed, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sealer", func(b *testing.B) {
		_, s := testKey(b)
		blob := mustSeal(b, s, row, rota.BinaryValue(make([]byte, 500)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Open(row, blob); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal500(b *testing.B) {
	_, s := testKey(b)
	v := rota.BinaryValue(make([]byte, 500))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Seal(row, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	_, s := testKey(b)
	part := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		s.Fingerprint(part)
	}
}
