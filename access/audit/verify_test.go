package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func fixedNow() time.Time { return time.Date(2026, 1, 5, 10, 30, 0, 0, time.UTC) }

// smallLog writes a log of several files and returns its folder and head.
func smallLog(t testing.TB) (string, Head) {
	t.Helper()
	dir := t.TempDir()
	l, err := newLog(dir, osDisk{})
	if err != nil {
		t.Fatal(err)
	}
	var o outcome
	play(l, &o)
	if err := l.file.Close(); err != nil || len(o.acknowledged) != 9 {
		t.Fatal(err, o)
	}
	return dir, l.head
}

func read(t testing.TB, dir string) (names []string, content [][]byte) {
	t.Helper()
	names, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, b)
	}
	return names, content
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := replace(filepath.Join(dir, name), b); err != nil {
		t.Fatal(err)
	}
}

// TestEachChangedByteIsFound flips every byte of a small log, and puts a byte
// in and takes one out at every place.
func TestEachChangedByteIsFound(t *testing.T) {
	dir, head := smallLog(t)
	names, content := read(t, dir)
	changed := 0
	for f, name := range names {
		whole := content[f]
		last := f == len(names)-1
		try := func(what string, i int, b []byte) {
			if bytes.Equal(b, whole) {
				return // a byte like its neighbour
			}
			changed++
			write(t, dir, name, b)
			r, err := Verify(dir, Head{})
			// Without its line break the last line looks like one that is
			// being written: that is told, and with the noted head it is a
			// break.
			if err == nil && (!last || i < len(whole)-1 || !r.Torn) {
				t.Errorf("%s byte %d of %s was not found: %+v", what, i, name, r)
			}
			if err != nil {
				return
			}
			if _, err := Verify(dir, head); err == nil {
				t.Errorf("%s byte %d of %s was not found with the head that was noted", what, i, name)
			}
		}
		for i := range whole {
			for _, x := range []byte{1, 0x80} {
				b := bytes.Clone(whole)
				b[i] ^= x
				try(fmt.Sprintf("flipped by %x,", x), i, b)
			}
			b := bytes.Clone(whole)
			b[i] = '\n'
			try("a line break for", i, b)
			try("removed", i, append(bytes.Clone(whole[:i]), whole[i+1:]...))
			try("added before", i, append(append(bytes.Clone(whole[:i]), ' '), whole[i:]...))
		}
		write(t, dir, name, whole)
	}
	if _, err := Verify(dir, head); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d changes, %d bytes", changed, len(bytes.Join(content, nil)))
}

// TestEachChangedLineIsFound removes, doubles and swaps every line, and puts
// it to every other place.
func TestEachChangedLineIsFound(t *testing.T) {
	dir, head := smallLog(t)
	names, content := read(t, dir)
	type place struct{ file, line int }
	var places []place
	lines := make([][]string, len(names))
	for f := range names {
		lines[f] = strings.SplitAfter(strings.TrimSuffix(string(content[f]), "\n"), "\n")
		lines[f][len(lines[f])-1] += "\n"
		for i := range lines[f] {
			places = append(places, place{f, i})
		}
	}
	last := places[len(places)-1]
	check := func(what string, silent bool) {
		t.Helper()
		if _, err := Verify(dir, Head{}); (err == nil) != silent {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := Verify(dir, head); err == nil {
			t.Errorf("%s was not found with the head that was noted", what)
		}
	}
	put := func(f int, l []string) { write(t, dir, names[f], []byte(strings.Join(l, ""))) }
	edit := func(p place, with ...string) []string {
		out := append([]string{}, lines[p.file][:p.line]...)
		return append(append(out, with...), lines[p.file][p.line+1:]...)
	}
	restore := func() {
		for f := range names {
			put(f, lines[f])
		}
	}
	for _, p := range places {
		text := lines[p.file][p.line]
		put(p.file, edit(p))
		check(fmt.Sprintf("without line %v", p), p == last) // an end that is cut off: what only a noted head shows
		put(p.file, edit(p, text, text))
		check(fmt.Sprintf("line %v twice", p), false)
		restore()
		for _, q := range places {
			if q == p {
				continue
			}
			other := lines[q.file][q.line]
			put(p.file, edit(p, other))
			check(fmt.Sprintf("line %v in the place of %v", q, p), false)
			if q.file != p.file {
				put(q.file, edit(q, text))
			} else {
				both := edit(p, other)
				both[q.line] = text
				put(p.file, both)
			}
			check(fmt.Sprintf("lines %v and %v swapped", p, q), false)
			restore()
		}
	}
	for f := range names {
		for g := range f {
			put(f, lines[g])
			put(g, lines[f])
			check(fmt.Sprintf("files %d and %d swapped", f, g), false)
			restore()
		}
		if err := os.Remove(filepath.Join(dir, names[f])); err != nil {
			t.Fatal(err)
		}
		// Files may be moved away from the front; from the end only a noted
		// head shows it.
		r, err := Verify(dir, Head{})
		switch {
		case f == 0 && (err != nil || r.First == 1):
			t.Errorf("without the first file: %+v %v", r, err)
		case f > 0 && f < len(names)-1 && err == nil:
			t.Errorf("without file %d: %+v", f, r)
		}
		if _, err := Verify(dir, head); (err == nil) != (f == 0) {
			t.Errorf("without file %d, with the head that was noted: %v", f, err)
		}
		restore()
	}
	if _, err := Verify(dir, head); err != nil {
		t.Fatal(err)
	}
}

// TestALineWrittenAnewIsFoundByTheNextOne: its own hash can be made to fit.
func TestALineWrittenAnewIsFoundByTheNextOne(t *testing.T) {
	dir, head := smallLog(t)
	names, content := read(t, dir)
	for f, name := range names {
		lines := bytes.SplitAfter(content[f], []byte("\n"))
		for i, text := range lines[:len(lines)-1] {
			l, err := parseLine(bytes.TrimSuffix(text, []byte("\n")))
			if err != nil {
				t.Fatal(err)
			}
			anew, _ := appendLine(nil, l.sequence, l.previous, l.synced, []byte(`{"eventID":"another"}`))
			changed := append([][]byte{}, lines...)
			changed[i] = append(anew, '\n')
			write(t, dir, name, bytes.Join(changed, nil))
			_, err = Verify(dir, Head{})
			if last := l.sequence == head.Sequence; (err == nil) != last || !last && !strings.Contains(err.Error(), fmt.Sprintf("the line before it, number %d, is not the one that was written", l.sequence)) {
				t.Errorf("line %d written anew: %v", l.sequence, err)
			}
			if _, err := Verify(dir, head); err == nil {
				t.Errorf("line %d written anew was not found with the head that was noted", l.sequence)
			}
		}
		write(t, dir, name, content[f])
	}
}

func TestANotedHeadShowsWhatAChainCannot(t *testing.T) {
	dir, head := smallLog(t)
	_, content := read(t, dir)
	var heads []Head
	for l := range strings.Lines(string(bytes.Join(content, nil))) {
		p, err := parseLine([]byte(strings.TrimSuffix(l, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, Head{p.sequence, p.hash})
	}
	for _, h := range heads { // each was the head once
		r, err := Verify(dir, h)
		if err != nil || !r.Noted || r.Head != head {
			t.Errorf("%v: %+v %v", h, r, err)
		}
		if back, err := ParseHead(h.String()); err != nil || back != h {
			t.Errorf("%v: %v %v", h, back, err)
		}
	}
	wrong := heads[3]
	wrong.Hash = heads[4].Hash
	if _, err := Verify(dir, wrong); err == nil || !strings.Contains(err.Error(), "number 4 is not the line that was noted") {
		t.Errorf("another hash: %v", err)
	}
	if _, err := Verify(dir, Head{10, head.Hash}); err == nil || !strings.Contains(err.Error(), "the chain ends at 9, before line 10 that was noted") {
		t.Errorf("a longer chain: %v", err)
	}

	// A chain that was written anew holds by itself.
	anew := t.TempDir()
	l, err := newLog(anew, osDisk{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := l.commit([]*request{{events: [][]byte{event(fmt.Sprint(i))}}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Verify(anew, Head{}); err != nil {
		t.Errorf("a new chain: %v", err)
	}
	if _, err := Verify(anew, head); err == nil {
		t.Error("a new chain has the head that was noted")
	}

	// Files that were moved away from the front are asked for.
	names, _ := read(t, dir)
	if err := os.Remove(filepath.Join(dir, names[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir, heads[0]); err == nil || !strings.Contains(err.Error(), "put back the files that were moved away") {
		t.Errorf("a head in a file that is away: %v", err)
	}
	for _, s := range []string{"", "1", "1:", "0:" + head.Hash, "01:" + head.Hash, "x:" + head.Hash, "1:" + strings.ToUpper(head.Hash), "1:" + head.Hash[1:], "1:" + head.Hash + "0"} {
		if _, err := ParseHead(s); err == nil {
			t.Errorf("%q was taken for a head", s)
		}
	}
}

func TestVerifyMayRunWhileTheLogIsWritten(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, Options{MaxBytes: 2000})
	done := make(chan error, 1)
	go func() {
		for i := range 300 {
			if err := l.Append(t.Context(), event(fmt.Sprint(i))); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var noted Head
	for {
		r, err := Verify(dir, noted)
		if err != nil {
			t.Fatal(err)
		}
		noted = r.Head
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestAFolderWithoutALog(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notes.txt", "audit-1.jsonl", "audit-00000000000000000000.jsonl", fileName(1) + ".gz"} {
		write(t, dir, name, []byte("x"))
	}
	if r, err := Verify(dir, Head{}); err != nil || r != (Report{}) {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := Verify(filepath.Join(dir, "none"), Head{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
