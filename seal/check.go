package seal

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"

	"github.com/rotahq/rota"
)

// Fingerprint is a keyed hash of the parts, 64 hex digits: equal for equal
// lists of parts, and of no use for guessing them to whoever has the database
// and not the key. It stays the same across restarts and when the key that
// seals values is changed.
func (s *Sealer) Fingerprint(parts ...[]byte) string {
	mac := s.newMAC()
	for _, part := range parts {
		mac.Write(appendField(nil, part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckValue is what the store keeps in a new database, for Verify at each
// later start. It holds nothing secret. Once the primary key was changed and
// everything sealed anew, a new check value must be kept too, before the old
// key goes.
func (s *Sealer) CheckValue() []byte { return bytes.Clone(s.check) }

// Verify refuses a key that is not the one the check value was made with, for
// values as well as for fingerprints (DecryptionFailed). It must be called
// before anything else is read from the database.
func (s *Sealer) Verify(checkValue []byte) error {
	err := s.verify(checkValue)
	if err == nil {
		return nil
	}
	return &rota.Error{
		Code:    rota.DecryptionFailed,
		Message: "the sealing key is not the one that this database was made with, or the database is damaged",
		Err:     err,
		Hint:    "put back the key file that belongs to this database, or give it by " + EnvKeyFile + " or " + EnvKey + "; no value was read",
	}
}

func (s *Sealer) verify(checkValue []byte) error {
	if len(checkValue) == 0 {
		return fmt.Errorf("the database has no check value; the key given has the id %q", s.primary)
	}
	_, plain, err := s.open(purposeCheck, Binding{}, checkValue)
	if err != nil {
		return fmt.Errorf("its check value does not open with key %q: %w", s.primary, err)
	}
	if subtle.ConstantTimeCompare(plain, s.checkText()) != 1 {
		return fmt.Errorf("key %q opens its check value, but makes other fingerprints", s.primary)
	}
	return nil
}

// checkText is a fingerprint, so that the check covers that key too.
func (s *Sealer) checkText() []byte { return []byte(s.Fingerprint([]byte("rota check value"))) }

func (s *Sealer) newCheckValue() ([]byte, error) {
	return s.seal(purposeCheck, rota.KindBinary, Binding{}, s.checkText())
}
