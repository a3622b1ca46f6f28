package seal

import (
	"errors"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// SealAccessKey encrypts the secret half of an access key, as Seal does with
// values: for its id only, and not to be opened as a secret's value.
func (s *Sealer) SealAccessKey(account, id string, secret rota.Value) (blob []byte, keyID string, err error) {
	const op = "seal access key"
	if account == "" || id == "" || secret.Len() == 0 {
		return nil, "", &rota.Error{Code: rota.Internal, Op: op, Message: "account, id and secret must all be given"}
	}
	plain := secret.Reveal()
	defer clear(plain)
	blob, err = s.seal(purposeKey, secret.Kind(), Binding{Account: account, ID: id}, plain)
	if err != nil {
		return nil, "", &rota.Error{Code: rota.EncryptionFailed, Op: op, Secret: id, Message: "The access key can't be sealed.", Err: err}
	}
	return blob, s.primary, nil
}

// OpenAccessKey decrypts what SealAccessKey made for the same id. Anything
// else is DecryptionFailed.
func (s *Sealer) OpenAccessKey(account, id string, blob []byte) (rota.Value, error) {
	kind, plain, err := s.open(purposeKey, Binding{Account: account, ID: id}, blob)
	if err != nil {
		return rota.Value{}, &rota.Error{
			Code: rota.DecryptionFailed, Op: "open access key", Secret: id, Message: "The access key can't be opened.", Err: err,
			Hint: "delete this key and make another one",
		}
	}
	defer clear(plain)
	return rota.NewValue(kind, plain), nil
}

// SealToken encrypts what a client is to keep and to send back, for one use.
// Its key is derived from the one of fingerprints, so it is the same on all
// nodes and stays when the sealing key changes, and a remote key service is
// not asked. A token is 40 bytes longer than its text.
func (s *Sealer) SealToken(use string, plain []byte) ([]byte, error) {
	token, err := s.tokens.Encrypt(plain, []byte(use))
	if err != nil {
		return nil, &rota.Error{Code: rota.Internal, Message: "the token can't be sealed"}
	}
	return token, nil
}

// errToken is all that there is to say of what somebody made up.
var errToken = errors.New("no token of this server for this use")

// OpenToken decrypts what SealToken made for the same use.
func (s *Sealer) OpenToken(use string, token []byte) ([]byte, error) {
	plain, err := s.tokens.Decrypt(token, []byte(use))
	if err != nil {
		return nil, errToken
	}
	return plain, nil
}

// deriveTokens makes the cipher of SealToken: XAES-256-GCM, whose random
// nonces are long enough for any number of tokens.
func deriveTokens(fingerprints *keyset.Handle) (tink.AEAD, error) {
	raw, err := deriveTokenKey(fingerprints)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	params, err := xaesgcm.NewParameters(xaesgcm.VariantNoPrefix, 12)
	if err != nil {
		return nil, err
	}
	key, err := xaesgcm.NewKey(secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{}), 0, params)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	id, err := m.AddKey(key)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

func deriveTokenKey(fingerprints *keyset.Handle) ([]byte, error) {
	set, err := prf.NewPRFSet(fingerprints)
	if err != nil {
		return nil, err
	}
	return set.ComputePrimaryPRF([]byte("rota tokens 1"), 32)
}
