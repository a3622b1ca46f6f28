package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzText: what was written is read back by encoding/json, as valid UTF-8.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "é\x00\n\"\\", "\xff\xc3", "\u2028\u0085\U0001F600", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendText(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); got != want && got != string([]rune(s)) {
			t.Errorf("%q became %q", s, got)
		}
		if bytes.ContainsAny(b, "\n\r") {
			t.Errorf("%q is not one line", b)
		}
	})
}

// FuzzParseLine: what is taken for a line is what appendLine writes, byte for
// byte; and every line that it writes is taken.
func FuzzParseLine(f *testing.F) {
	good, _ := appendLine(nil, 7, beginning, 3, []byte(`{"a":"b"}`))
	f.Add(good)
	f.Add([]byte(`{"sequence":1,"previous":"` + beginning + `","synced":0,"event":{},"hash":"` + beginning + `"}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parseLine(b); err == nil {
			again, hash := appendLine(nil, l.sequence, l.previous, l.synced, l.event)
			if !bytes.Equal(again, b) || hash != l.hash {
				t.Errorf("%q is taken for %q", b, again)
			}
		}
		// The bytes as an event: nothing in an event can be taken for the end
		// of its line.
		e, err := json.Marshal(map[string]string{"x": string(b)})
		if err != nil {
			t.Fatal(err)
		}
		text, hash := appendLine(nil, 2, hashOf(b), 1, e)
		l, err := parseLine(text)
		if err != nil || l.sequence != 2 || l.synced != 1 || l.previous != hashOf(b) || l.hash != hash || !bytes.Equal(l.event, e) {
			t.Errorf("%q: %+v %v", text, l, err)
		}
	})
}

// FuzzVerify: whatever a file holds, Verify says something and Open opens a
// log that holds or refuses; what Verify called whole stays.
func FuzzVerify(f *testing.F) {
	dir, _ := smallLog(f)
	_, content := read(f, dir)
	f.Add(content[0], []byte{})
	f.Add(content[0], content[1])
	f.Add(bytes.Join(content, nil), []byte("x"))
	f.Add([]byte{}, []byte("\n"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		dir := t.TempDir()
		write(t, dir, fileName(1), first)
		if len(second) > 0 {
			write(t, dir, fileName(3), second)
		}
		before, verr := Verify(dir, Head{})
		l, err := newLog(dir, osDisk{})
		if verr == nil && err != nil {
			t.Fatalf("Verify says %+v and Open %v", before, err)
		}
		if err != nil {
			return
		}
		if verr == nil && l.head.Sequence != before.Head.Sequence {
			t.Errorf("Verify saw the head %v, Open goes on from %v", before.Head, l.head)
		}
		if err := l.commit([]*request{{events: [][]byte{event("x")}}}); err != nil {
			t.Fatal(err)
		}
		if err := l.file.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := Verify(dir, Head{})
		if err != nil || after.Head.Sequence != l.head.Sequence {
			t.Errorf("after it was opened: %+v %v", after, err)
		}
		if err := os.RemoveAll(filepath.Join(dir, fileName(3))); err != nil {
			t.Fatal(err)
		}
	})
}
