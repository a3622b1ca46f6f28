package seal

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

func handle(t *testing.T, template *tinkpb.KeyTemplate) *keyset.Handle {
	t.Helper()
	h, err := keyset.NewHandle(template)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestKeysOfAnotherMakeAreRefused(t *testing.T) {
	good, _ := testKey(t)
	values, fingerprints, err := decodeKeys(good)
	if err != nil {
		t.Fatal(err)
	}
	two := keyset.NewManagerFromHandle(fingerprints)
	if _, err := two.Add(prf.HKDFSHA256PRFKeyTemplate()); err != nil {
		t.Fatal(err)
	}
	twoFingerprints, err := two.Handle()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ values, fingerprints *keyset.Handle }{
		"a weaker cipher":                    {handle(t, aead.AES128GCMKeyTemplate()), fingerprints},
		"a cipher that wears out":            {handle(t, aead.AES256GCMKeyTemplate()), fingerprints},
		"blobs that would not tell the key":  {handle(t, aead.XAES256GCM192BitNonceNoPrefixKeyTemplate()), fingerprints},
		"the two keysets exchanged":          {fingerprints, values},
		"another function for fingerprints":  {values, handle(t, prf.HMACSHA256PRFKeyTemplate())},
		"a sealing key used for both":        {values, values},
		"two fingerprint keys to choose of":  {values, twoFingerprints},
		"a fingerprint key used for sealing": {fingerprints, fingerprints},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := encodeKeys(c.values, c.fingerprints)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(text); rota.CodeOf(err) != rota.Internal {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestADisabledKeyDoesNotOpen(t *testing.T) {
	text, before := testKey(t)
	blob := mustSeal(t, before, row, rota.StringValue("p"))
	values, fingerprints, err := decodeKeys(withNewPrimary(t, text))
	if err != nil {
		t.Fatal(err)
	}
	first, err := values.Entry(0)
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManagerFromHandle(values)
	if err := m.Disable(first.KeyID()); err != nil {
		t.Fatal(err)
	}
	if values, err = m.Handle(); err != nil {
		t.Fatal(err)
	}
	if text, err = encodeKeys(values, fingerprints); err != nil {
		t.Fatal(err)
	}
	s := parse(t, text)
	if err := refused(t, s, row, blob); !strings.Contains(err.Error(), before.KeyID()) {
		t.Fatalf("the error does not say that key %s is missing: %v", before.KeyID(), err)
	}
	if s.Verify(before.CheckValue()) == nil {
		t.Fatal("the disabled key was verified")
	}
}

func TestTheKeyTextSaysThatItIsTheKey(t *testing.T) {
	text, _ := testKey(t)
	if !bytes.Contains(text, []byte("sealing key, in the clear")) || !bytes.Contains(text, []byte("Keep a copy")) {
		t.Fatalf("it starts with %.80s", text)
	}
}
