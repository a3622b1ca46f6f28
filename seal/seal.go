// Package seal encrypts values at rest, envelope style, with Tink
// (https://developers.google.com/tink): every value has a data key of its
// own, and the sealing key encrypts the data keys. A sealed value is bound to
// its row, so that a row copied elsewhere does not open.
//
// The sealing key lives in a file made at the first start, or is given by the
// environment; see FromEnv. A wrong or missing key is a refusal to start, and
// never a new key beside an old database.
package seal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Binding is the row that a value belongs to. It is authenticated with the
// value and not stored in the blob; every field is needed.
type Binding struct {
	Account string
	Region  string
	ID      string // the secret's internal id
	Version string
}

func (b Binding) complete() bool {
	return b.Account != "" && b.Region != "" && b.ID != "" && b.Version != ""
}

// Sealer seals and opens values. It keeps keys and never an opened value.
// It may be used by many goroutines at once.
type Sealer struct {
	primary   string
	envelopes map[string]*aead.KMSEnvelopeAEADWithContext // by key id
	newMAC    func() hash.Hash                            // of Fingerprint; a closure keeps its key from being printed
	check     []byte
	tokens    tink.AEAD
}

// newSealer joins sealing keys, by ids of 1 to 255 bytes. They come as
// tink.AEADWithContext, which a remote key service can be as well as a key in
// memory. The primary seals; the others only open.
func newSealer(primary string, keys map[string]tink.AEADWithContext, hashKey []byte) (*Sealer, error) {
	s := &Sealer{
		primary:   primary,
		envelopes: make(map[string]*aead.KMSEnvelopeAEADWithContext, len(keys)),
		newMAC:    func() hash.Hash { return hmac.New(sha256.New, hashKey) },
	}
	for id, key := range keys {
		// A data key seals one value, so AES-GCM's random nonce can never
		// come twice.
		envelope, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMNoPrefixKeyTemplate(), key)
		if err != nil {
			return nil, err
		}
		s.envelopes[id] = envelope
	}
	if s.envelopes[primary] == nil {
		return nil, errors.New("no primary sealing key")
	}
	check, err := s.newCheckValue()
	if err != nil {
		return nil, err
	}
	s.check = check
	return s, nil
}

// KeyID names the primary sealing key, the one that seals. It is the decimal
// id that the key file shows and is not secret.
func (s *Sealer) KeyID() string { return s.primary }

// Seal encrypts v for the row b with a fresh data key. keyID is the sealing
// key used, to be recorded with the version. Sealing the same value twice
// gives different blobs. Whether the value is string or binary is
// authenticated too. The blob is about 125 bytes longer than the value.
//
// An absent value or an incomplete binding is an Internal error: the caller
// is at fault. EncryptionFailed means that the sealing key could not be used.
func (s *Sealer) Seal(b Binding, v rota.Value) (blob []byte, keyID string, err error) {
	op := "seal version " + b.Version + " of secret"
	switch {
	case !b.complete():
		return nil, "", &rota.Error{Code: rota.Internal, Op: op, Secret: b.ID, Message: "account, region, id and version must all be given"}
	case v.IsZero():
		return nil, "", &rota.Error{Code: rota.Internal, Op: op, Secret: b.ID, Message: "there is no value to seal"}
	}
	plain := v.Reveal()
	defer clear(plain)
	blob, err = s.seal(purposeValue, v.Kind(), b, plain)
	if err != nil {
		return nil, "", &rota.Error{Code: rota.EncryptionFailed, Op: op, Secret: b.ID, Message: cannotEncrypt, Err: err}
	}
	return blob, s.primary, nil
}

// Open decrypts a blob made by Seal for the same row, with any key of the
// Sealer. A blob of another row, a damaged one, or one sealed with a key that
// is not here is a DecryptionFailed that names the version, and never a wrong
// value. Its Secret is the internal id; a caller who knows the name may put
// that in its place.
func (s *Sealer) Open(b Binding, blob []byte) (rota.Value, error) {
	kind, plain, err := s.open(purposeValue, b, blob)
	if err != nil {
		return rota.Value{}, &rota.Error{
			Code: rota.DecryptionFailed, Op: "open version " + b.Version + " of secret", Secret: b.ID,
			Message: cannotDecrypt, Err: err, Hint: hintOf(err),
		}
	}
	defer clear(plain)
	return rota.NewValue(kind, plain), nil
}

// AWS's sentences for EncryptionFailure and DecryptionFailure
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors,
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html#API_CreateSecret_Errors).
const (
	cannotEncrypt = "Secrets Manager can't encrypt the protected secret text using the provided KMS key."
	cannotDecrypt = "Secrets Manager can't decrypt the protected secret text using the provided KMS key."
)

var (
	errForm    = errors.New("what is stored is not a sealed value")
	errAltered = errors.New("what is stored was sealed for another row or was changed")
)

// errNoKey is a blob sealed with a key that the Sealer does not have.
type errNoKey struct{ id string }

func (e errNoKey) Error() string {
	return fmt.Sprintf("it was sealed with key %q, which the key file does not have", e.id)
}

func hintOf(err error) string {
	var noKey errNoKey
	if errors.As(err, &noKey) {
		return "put the key file that has this key in place and start again"
	}
	return "restore this version from a backup of the database"
}

func (s *Sealer) seal(p purpose, kind rota.Kind, b Binding, plain []byte) ([]byte, error) {
	h := header{kind: kind, keyID: s.primary}
	sealed, err := s.envelopes[s.primary].EncryptWithContext(context.Background(), plain, h.associatedData(p, b))
	if err != nil {
		// Tink's own text is left out everywhere: what it says is not ours to promise.
		return nil, fmt.Errorf("sealing key %q cannot be used", s.primary)
	}
	return h.append(sealed), nil
}

func (s *Sealer) open(p purpose, b Binding, blob []byte) (rota.Kind, []byte, error) {
	h, sealed, ok := cutHeader(blob)
	if !ok {
		return rota.KindNone, nil, errForm
	}
	envelope := s.envelopes[h.keyID]
	if envelope == nil {
		return rota.KindNone, nil, errNoKey{h.keyID}
	}
	plain, err := envelope.DecryptWithContext(context.Background(), sealed, h.associatedData(p, b))
	if err != nil {
		return rota.KindNone, nil, errAltered
	}
	return h.kind, plain, nil
}
