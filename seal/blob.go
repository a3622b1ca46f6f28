package seal

import (
	"encoding/binary"

	"github.com/rotahq/rota"
)

// A blob is
//
//	1 byte   format, now 1
//	1 byte   kind of the value
//	1 byte   length of the key id
//	         key id
//	         Tink's envelope: the encrypted data key and the encrypted value
//
// The header is in the clear, so that a blob tells which key sealed it, and
// authenticated, so that a changed one does not open.
const format = 1

type header struct {
	kind  rota.Kind
	keyID string
}

// append returns the blob of an envelope.
func (h header) append(envelope []byte) []byte {
	blob := make([]byte, 0, 3+len(h.keyID)+len(envelope))
	blob = append(blob, format, byte(h.kind), byte(len(h.keyID)))
	blob = append(blob, h.keyID...)
	return append(blob, envelope...)
}

func cutHeader(blob []byte) (h header, envelope []byte, ok bool) {
	if len(blob) < 3 || blob[0] != format {
		return header{}, nil, false
	}
	kind, n, rest := rota.Kind(blob[1]), int(blob[2]), blob[3:]
	if kind != rota.KindString && kind != rota.KindBinary || n == 0 || len(rest) < n {
		return header{}, nil, false
	}
	return header{kind, string(rest[:n])}, rest[n:], true
}

// KeyOf tells which key sealed the blob, without opening it: what re-encryption
// asks. The answer is only proven once the blob opens. It is "" for what is not
// a blob.
func KeyOf(blob []byte) string {
	h, _, _ := cutHeader(blob)
	return h.keyID
}

// purpose keeps apart what is sealed for different uses: no binding makes
// one open as the other.
type purpose string

const (
	purposeValue purpose = "rota seal 1: value"
	purposeCheck purpose = "rota seal 1: check"
	purposeKey   purpose = "rota seal 1: access key"
)

// associatedData is what is authenticated beside the value.
func (h header) associatedData(p purpose, b Binding) []byte {
	const lengths = 7 * binary.MaxVarintLen16
	n := len(p) + 1 + len(h.keyID) + len(b.Account) + len(b.Region) + len(b.ID) + len(b.Version)
	ad := make([]byte, 0, n+lengths)
	ad = appendField(ad, string(p))
	ad = append(ad, byte(h.kind))
	for _, field := range [...]string{h.keyID, b.Account, b.Region, b.ID, b.Version} {
		ad = appendField(ad, field)
	}
	return ad
}

// appendField writes a field after its length, so that different lists of
// fields never come out as the same bytes.
func appendField[T string | []byte](dst []byte, field T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(field)))
	return append(dst, field...)
}
