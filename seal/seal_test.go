package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rotahq/rota"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var row = Binding{Account: "123456789012", Region: "eu-central-1", ID: "01JD0000", Version: "v-one"}

// testKey is a fresh key, as text and as a Sealer.
func testKey(t testing.TB) ([]byte, *Sealer) {
	t.Helper()
	text, err := newKeyText()
	if err != nil {
		t.Fatal(err)
	}
	return text, parse(t, text)
}

func parse(t testing.TB, text []byte) *Sealer {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// withNewPrimary is the key text after a key change: the new key seals, the
// old ones still open.
func withNewPrimary(t testing.TB, text []byte) []byte {
	t.Helper()
	values, fingerprints, err := decodeKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := valueParameters()
	if err != nil {
		t.Fatal(err)
	}
	if values, err = addPrimary(keyset.NewManagerFromHandle(values), p); err != nil {
		t.Fatal(err)
	}
	if text, err = encodeKeys(values, fingerprints); err != nil {
		t.Fatal(err)
	}
	return text
}

func mustSeal(t testing.TB, s *Sealer, b Binding, v rota.Value) []byte {
	t.Helper()
	blob, id, err := s.Seal(b, v)
	if err != nil {
		t.Fatal(err)
	}
	if id != s.KeyID() {
		t.Fatalf("sealed with key %q, the primary is %q", id, s.KeyID())
	}
	return blob
}

// refused fails the test unless the blob gives a DecryptionFailed and no value.
func refused(t testing.TB, s *Sealer, b Binding, blob []byte) error {
	t.Helper()
	v, err := s.Open(b, blob)
	if rota.CodeOf(err) != rota.DecryptionFailed || !v.IsZero() {
		t.Fatalf("a blob that must not open gave a value of kind %d and %v", v.Kind(), err)
	}
	if !strings.Contains(err.Error(), b.Version) {
		t.Fatalf("the error does not name the version: %v", err)
	}
	return err
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestWhatWasSealedOpensAgain(t *testing.T) {
	_, s := testKey(t)
	sizes := []int{0, 1, 2, 3, 500, 4096, 65535, rota.MaxValueBytes}
	for n := 15; n <= 65; n++ {
		sizes = append(sizes, n)
	}
	for _, kind := range []rota.Kind{rota.KindString, rota.KindBinary} {
		for _, n := range sizes {
			v := rota.NewValue(kind, pattern(n))
			blob := mustSeal(t, s, row, v)
			if n >= 15 && bytes.Contains(blob, pattern(n)[:15]) {
				t.Fatalf("kind %d, %d bytes: the value stands in the blob", kind, n)
			}
			if extra := len(blob) - n; extra > 140 {
				t.Fatalf("kind %d, %d bytes: the blob is %d bytes longer", kind, n, extra)
			}
			got, err := s.Open(row, blob)
			if err != nil || !got.Equal(v) {
				t.Fatalf("kind %d, %d bytes: came back as kind %d, %d bytes, %v", kind, n, got.Kind(), got.Len(), err)
			}
		}
	}
}

func TestSealingLeavesTheValueAndEveryBlobIsAnother(t *testing.T) {
	_, s := testKey(t)
	v := rota.StringValue("correct horse")
	first, second := mustSeal(t, s, row, v), mustSeal(t, s, row, v)
	if string(v.Reveal()) != "correct horse" {
		t.Fatal("sealing changed the value")
	}
	if bytes.Equal(first, second) {
		t.Fatal("equal values give equal blobs, so the database shows which secrets are equal")
	}
}

func TestABlobWithAnyBitChangedDoesNotOpen(t *testing.T) {
	text, _ := testKey(t)
	s := parse(t, withNewPrimary(t, text)) // two keys, so that a changed id could name another
	for _, v := range []rota.Value{rota.StringValue("p"), rota.BinaryValue([]byte("pass word"))} {
		blob := mustSeal(t, s, row, v)
		for i := range blob {
			for bit := range 8 {
				changed := slices.Clone(blob)
				changed[i] ^= 1 << bit
				refused(t, s, row, changed)
			}
		}
		for n := range blob {
			refused(t, s, row, blob[:n])
		}
		refused(t, s, row, append(slices.Clone(blob), 0))
		refused(t, s, row, append([]byte{0}, blob...))
	}
	refused(t, s, row, nil)
}

func TestABlobMovedToAnotherRowDoesNotOpen(t *testing.T) {
	_, s := testKey(t)
	blob := mustSeal(t, s, row, rota.StringValue("p"))
	for name, change := range map[string]func(*Binding){
		"another account":           func(b *Binding) { b.Account = "123456789013" },
		"another region":            func(b *Binding) { b.Region = "eu-central-2" },
		"another secret":            func(b *Binding) { b.ID = "01JD0001" },
		"another version":           func(b *Binding) { b.Version = "v-two" },
		"id and version exchanged":  func(b *Binding) { b.ID, b.Version = b.Version, b.ID },
		"a byte moved across":       func(b *Binding) { b.ID, b.Version = b.ID+"v", b.Version[1:] },
		"an account that is absent": func(b *Binding) { b.Account = "" },
	} {
		t.Run(name, func(t *testing.T) {
			other := row
			change(&other)
			refused(t, s, other, blob)
		})
	}
}

func TestPartsOfTwoBlobsDoNotMakeAThird(t *testing.T) {
	_, s := testKey(t)
	one := mustSeal(t, s, row, rota.StringValue("first"))
	two := mustSeal(t, s, row, rota.StringValue("other"))
	for cut := 1; cut < len(one); cut++ {
		mixed := append(slices.Clone(one[:cut]), two[cut:]...)
		if bytes.Equal(mixed, one) || bytes.Equal(mixed, two) {
			continue
		}
		refused(t, s, row, mixed)
	}
}

func TestAStringBlobDoesNotOpenAsBinaryNorTheOtherWay(t *testing.T) {
	_, s := testKey(t)
	for _, kinds := range [][2]rota.Kind{{rota.KindString, rota.KindBinary}, {rota.KindBinary, rota.KindString}} {
		blob := mustSeal(t, s, row, rota.NewValue(kinds[0], []byte("p")))
		blob[1] = byte(kinds[1])
		refused(t, s, row, blob)
	}
}

func TestACheckValueDoesNotOpenAsAValueNorTheOtherWay(t *testing.T) {
	_, s := testKey(t)
	v, err := s.Open(Binding{}, s.CheckValue())
	if rota.CodeOf(err) != rota.DecryptionFailed || !v.IsZero() {
		t.Fatalf("the check value opened as a value: %v", err)
	}
	blob, err := s.seal(purposeValue, rota.KindBinary, Binding{}, s.checkText())
	if err != nil {
		t.Fatal(err)
	}
	if s.Verify(blob) == nil {
		t.Fatal("a value passed as the check value")
	}
}

func TestSealRefusesWhatCouldNotBeFoundAgain(t *testing.T) {
	_, s := testKey(t)
	for name, b := range map[string]Binding{
		"no account": {Region: "r", ID: "i", Version: "v"}, "no region": {Account: "a", ID: "i", Version: "v"},
		"no id": {Account: "a", Region: "r", Version: "v"}, "no version": {Account: "a", Region: "r", ID: "i"},
	} {
		if _, _, err := s.Seal(b, rota.StringValue("p")); rota.CodeOf(err) != rota.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.Seal(row, rota.Value{}); rota.CodeOf(err) != rota.Internal {
		t.Errorf("no value: %v", err)
	}
}

func TestAnotherKeyDoesNotOpenAndTheErrorNamesTheOneThatIsMissing(t *testing.T) {
	_, mine := testKey(t)
	_, other := testKey(t)
	err := refused(t, other, row, mustSeal(t, mine, row, rota.StringValue("p")))
	if !strings.Contains(err.Error(), mine.KeyID()) {
		t.Fatalf("the error does not name key %s: %v", mine.KeyID(), err)
	}
}

func TestAfterAKeyChangeTheNewKeySealsAndTheOldOneStillOpens(t *testing.T) {
	text, before := testKey(t)
	v := rota.StringValue("p")
	old := mustSeal(t, before, row, v)

	after := parse(t, withNewPrimary(t, text))
	if after.KeyID() == before.KeyID() {
		t.Fatal("the key id is the same")
	}
	if got, err := after.Open(row, old); err != nil || !got.Equal(v) {
		t.Fatalf("the old blob: %v", err)
	}
	if KeyOf(old) != before.KeyID() {
		t.Fatalf("the old blob tells key %q, it was %q", KeyOf(old), before.KeyID())
	}
	blob := mustSeal(t, after, row, v)
	if KeyOf(blob) != after.KeyID() {
		t.Fatalf("the new blob tells key %q, it was %q", KeyOf(blob), after.KeyID())
	}
	refused(t, before, row, blob)
	if err := after.Verify(before.CheckValue()); err != nil {
		t.Fatalf("the check value of before: %v", err)
	}
	if after.Fingerprint([]byte("p")) != before.Fingerprint([]byte("p")) {
		t.Fatal("the fingerprint changed with the sealing key")
	}

	// The header names one of two keys that are both there.
	swapped := header{kind: rota.KindString, keyID: before.KeyID()}
	_, envelope, _ := cutHeader(blob)
	refused(t, after, row, swapped.append(envelope))
}

func TestKeyOfIsEmptyForWhatIsNotABlob(t *testing.T) {
	for _, b := range [][]byte{nil, {1}, {1, 1}, {1, 1, 0}, {1, 1, 2, 'x'}, {2, 1, 1, 'x'}, {1, 0, 1, 'x'}, {1, 3, 1, 'x'}} {
		if got := KeyOf(b); got != "" {
			t.Errorf("%v tells key %q", b, got)
		}
	}
}

func TestOpenedValuesAreNotKept(t *testing.T) {
	_, s := testKey(t)
	blob := mustSeal(t, s, row, rota.StringValue("p"))
	for range 2 {
		if _, err := s.Open(row, blob); err != nil {
			t.Fatal(err)
		}
	}
	blob[len(blob)-1] ^= 1
	refused(t, s, row, blob)
}

func TestDifferentListsOfFieldsAreAuthenticatedAsDifferentBytes(t *testing.T) {
	seen := map[string]string{}
	fields := []string{"", "a", "ab", "b", "\x00", "\x01", "\x01a", "a\x01b", strings.Repeat("x", 127), strings.Repeat("x", 128)}
	for _, p := range []purpose{purposeValue, purposeCheck} {
		for _, kind := range []rota.Kind{rota.KindString, rota.KindBinary} {
			for i := range len(fields) * len(fields) * len(fields) * len(fields) {
				at := func(n int) string {
					for range n {
						i /= len(fields)
					}
					return fields[i%len(fields)]
				}
				b := Binding{Account: at(0), Region: at(1), ID: at(1), Version: at(1)}
				for _, id := range []string{"1", "11"} {
					what := fmt.Sprintf("%s/%d/%s/%+q", p, kind, id, b)
					ad := string(header{kind, id}.associatedData(p, b))
					if other, ok := seen[ad]; ok {
						t.Fatalf("%s and %s are the same", what, other)
					}
					seen[ad] = what
				}
			}
		}
	}
}

// remoteKey stands where a key service will: it may be away.
type remoteKey struct {
	localKey
	away bool
}

var errAway = errors.New("no answer from https://kms.example.org")

func (k *remoteKey) EncryptWithContext(ctx context.Context, plain, ad []byte) ([]byte, error) {
	if k.away {
		return nil, errAway
	}
	return k.localKey.EncryptWithContext(ctx, plain, ad)
}

func (k *remoteKey) DecryptWithContext(ctx context.Context, sealed, ad []byte) ([]byte, error) {
	if k.away {
		return nil, errAway
	}
	return k.localKey.DecryptWithContext(ctx, sealed, ad)
}

func TestAKeyElsewhereSealsBesideALocalOneThatStillOpens(t *testing.T) {
	text, local := testKey(t)
	_, other := testKey(t)
	old := mustSeal(t, local, row, rota.StringValue("p"))
	values, _, err := decodeKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := aead.New(values)
	if err != nil {
		t.Fatal(err)
	}
	h, err := keyset.NewHandle(aead.XAES256GCM192BitNonceKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	b, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	remote := &remoteKey{localKey: localKey{b}}
	keys := map[string]tink.AEADWithContext{local.KeyID(): localKey{a}, arn: remote}
	s, err := newSealer(arn, keys, []byte("a key for fingerprints"))
	if err != nil {
		t.Fatal(err)
	}
	blob := mustSeal(t, s, row, rota.StringValue("p"))
	if KeyOf(blob) != arn {
		t.Fatalf("the blob tells key %q", KeyOf(blob))
	}
	for _, sealed := range [][]byte{old, blob} {
		if v, err := s.Open(row, sealed); err != nil || !v.Equal(rota.StringValue("p")) {
			t.Fatalf("sealed with %s: %v", KeyOf(sealed), err)
		}
	}
	refused(t, other, row, blob)

	remote.away = true
	if _, _, err := s.Seal(row, rota.StringValue("p")); rota.CodeOf(err) != rota.EncryptionFailed {
		t.Fatalf("sealing while the key is away: %v", err)
	}
	refused(t, s, row, blob)
	if _, err := newSealer("absent", keys, nil); err == nil {
		t.Fatal("a primary that is absent was accepted")
	}
	if _, err := newSealer(arn, keys, nil); err == nil {
		t.Fatal("a primary that cannot seal was accepted")
	}
}

func TestManyMaySealAndOpenAtOnce(t *testing.T) {
	_, s := testKey(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			b := row
			b.Version = fmt.Sprint("v", g)
			for i := range 50 {
				v := rota.BinaryValue(pattern(i + 1))
				blob, _, err := s.Seal(b, v)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Open(b, blob); err != nil || !got.Equal(v) {
					t.Errorf("%d bytes: %v", i+1, err)
				}
			}
		})
	}
	wg.Wait()
}
