package seal

import (
	"bytes"
	"os"
	"testing"

	"github.com/rotahq/rota"
)

// Only what Seal made opens: for anybody without the key it is never another
// blob, however near.
func FuzzOpen(f *testing.F) {
	_, s := testKey(f)
	made := map[string]rota.Value{}
	for _, v := range []rota.Value{rota.StringValue("p"), rota.BinaryValue([]byte("q")), rota.StringValue("a longer one")} {
		blob := mustSeal(f, s, row, v)
		made[string(blob)] = v
		f.Add(blob)
	}
	f.Add(s.CheckValue())
	f.Add([]byte{1, 1, 255})
	f.Add([]byte{1, 2, 1, 'x', 0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, blob []byte) {
		got, err := s.Open(row, blob)
		want, ok := made[string(blob)]
		if ok && (err != nil || !got.Equal(want)) {
			t.Fatalf("a sealed value did not open: %v", err)
		}
		if !ok && (rota.CodeOf(err) != rota.DecryptionFailed || !got.IsZero()) {
			t.Fatalf("%x opened: %v", blob, err)
		}
		h, rest, ok := cutHeader(blob)
		if ok && !bytes.Equal(h.append(rest), blob) {
			t.Fatalf("%x is read as another blob", blob)
		}
	})
}

// Whatever Parse accepts is a key that works.
func FuzzParse(f *testing.F) {
	fixed, err := os.ReadFile("testdata/key.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fixed)
	f.Add(withNewPrimary(f, fixed))
	f.Add(fixed[:200])
	f.Add([]byte(`{"about":"","values":{"primaryKeyId":1,"key":[{}]},"fingerprints":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			if rota.CodeOf(err) != rota.Internal || s != nil {
				t.Fatalf("got %v", err)
			}
			return
		}
		v := rota.StringValue("p")
		blob := mustSeal(t, s, row, v)
		if got, err := s.Open(row, blob); err != nil || !got.Equal(v) {
			t.Fatalf("the key seals and does not open: %v", err)
		}
		if err := s.Verify(s.CheckValue()); err != nil {
			t.Fatal(err)
		}
	})
}
