package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/prf/hkdfprf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// maxKeyText is far more than a key text of a hundred keys needs.
const maxKeyText = 64 << 10

const about = "This is rota's sealing key, in the clear. Whoever has it and the database can read every stored value; " +
	"without it nobody can. Keep a copy, and keep it apart from the copies of the database."

// keyText is the key as it stands in the file and in ROTA_SEAL_KEY: two Tink
// keysets in Tink's JSON, in the clear. THE TEXT IS THE KEY; nothing protects
// it but where it is kept.
//
// Values holds the keys that seal: its primary seals, all that are enabled
// open. Fingerprints holds one key, apart from them, because fingerprints are
// compared over years and must not change when the sealing key does.
type keyText struct {
	About        string          `json:"about"`
	Values       json.RawMessage `json:"values"`
	Fingerprints json.RawMessage `json:"fingerprints"`
}

// valueParameters are those of every sealing key: XAES-256-GCM
// (https://c2sp.org/XAES-256-GCM). Plain AES-GCM with its random nonce of 96
// bits should not encrypt more than 2^32 data keys; at some hundred a second
// that is reached within months, and with 192 bits never.
func valueParameters() (key.Parameters, error) {
	return xaesgcm.NewParameters(xaesgcm.VariantTink, 12)
}

func fingerprintParameters() (key.Parameters, error) {
	return hkdfprf.NewParameters(32, hkdfprf.SHA256, nil)
}

// newKeyText makes a key. Its randomness is Tink's, from the operating system;
// Tink takes no other.
func newKeyText() ([]byte, error) {
	values, err := newKeyset(valueParameters())
	if err != nil {
		return nil, err
	}
	fingerprints, err := newKeyset(fingerprintParameters())
	if err != nil {
		return nil, err
	}
	return encodeKeys(values, fingerprints)
}

func newKeyset(p key.Parameters, err error) (*keyset.Handle, error) {
	if err != nil {
		return nil, err
	}
	return addPrimary(keyset.NewManager(), p)
}

func addPrimary(m *keyset.Manager, p key.Parameters) (*keyset.Handle, error) {
	id, err := m.AddNewKeyFromParameters(p)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}

func encodeKeys(values, fingerprints *keyset.Handle) ([]byte, error) {
	var v, f bytes.Buffer
	if err := insecurecleartextkeyset.Write(values, keyset.NewJSONWriter(&v)); err != nil {
		return nil, err
	}
	if err := insecurecleartextkeyset.Write(fingerprints, keyset.NewJSONWriter(&f)); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(keyText{about, v.Bytes(), f.Bytes()}, "", "  ")
	return append(text, '\n'), err
}

// Parse makes a Sealer of a key text, as Create writes it. Its errors never
// quote the text.
func Parse(text []byte) (*Sealer, error) {
	values, fingerprints, err := decodeKeys(text)
	if err != nil {
		return nil, badKey(err)
	}
	hashKey, err := deriveHashKey(fingerprints)
	if err != nil {
		return nil, badKey(errFingerprints)
	}
	all, err := aead.New(values)
	if err != nil {
		return nil, badKey(errValues)
	}
	primary, keys := "", map[string]tink.AEADWithContext{}
	for i := range values.Len() {
		entry, err := values.Entry(i)
		if err != nil {
			return nil, badKey(errValues)
		}
		if entry.KeyStatus() != keyset.Enabled {
			continue
		}
		id := strconv.FormatUint(uint64(entry.KeyID()), 10)
		keys[id] = localKey{all}
		if entry.IsPrimary() {
			primary = id
		}
	}
	s, err := newSealer(primary, keys, hashKey)
	if err != nil {
		return nil, badKey(errValues)
	}
	if s.tokens, err = deriveTokens(fingerprints); err != nil {
		return nil, badKey(errFingerprints)
	}
	return s, nil
}

// The parsers' own errors are not passed on: they may quote what they read.
var (
	errText         = errors.New("it is empty, cut short or not a rota key at all")
	errValues       = errors.New("its values part is not a keyset of XAES-256-GCM keys with an enabled primary")
	errFingerprints = errors.New("its fingerprints part is not a keyset of one HKDF-SHA-256 key")
)

func badKey(reason error) error {
	return &rota.Error{
		Code: rota.Internal, Message: "this is not a usable sealing key", Err: reason,
		Hint: "restore the key from its backup; a key that was lost cannot be made again",
	}
}

func decodeKeys(text []byte) (values, fingerprints *keyset.Handle, err error) {
	if len(text) > maxKeyText {
		return nil, nil, errText
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var t keyText
	if dec.Decode(&t) != nil {
		return nil, nil, errText
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, errText
	}
	want, err := valueParameters()
	if err != nil {
		return nil, nil, err
	}
	if values = decodeKeyset(t.Values, want); values == nil {
		return nil, nil, errValues
	}
	if want, err = fingerprintParameters(); err != nil {
		return nil, nil, err
	}
	if fingerprints = decodeKeyset(t.Fingerprints, want); fingerprints == nil || fingerprints.Len() != 1 {
		return nil, nil, errFingerprints
	}
	return values, fingerprints, nil
}

// decodeKeyset is nil for what is not a keyset of keys as rota makes them: a
// weaker cipher, or one whose blobs do not tell their key, stays out.
func decodeKeyset(text []byte, want key.Parameters) *keyset.Handle {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil
	}
	for i := range h.Len() {
		entry, err := h.Entry(i)
		if err != nil || !entry.Key().Parameters().Equal(want) {
			return nil
		}
	}
	return h
}

// deriveHashKey makes the HMAC key of Fingerprint.
func deriveHashKey(h *keyset.Handle) ([]byte, error) {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	return set.ComputePrimaryPRF([]byte("rota fingerprint 1"), 32)
}

// localKey is a key in memory: it needs no context.
type localKey struct{ tink.AEAD }

func (k localKey) EncryptWithContext(_ context.Context, plain, ad []byte) ([]byte, error) {
	return k.Encrypt(plain, ad)
}

func (k localKey) DecryptWithContext(_ context.Context, sealed, ad []byte) ([]byte, error) {
	return k.Decrypt(sealed, ad)
}
