package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func event(id string) []byte { return []byte(`{"eventID":"` + id + `"}`) }

func openLog(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func appendTo(t testing.TB, l *Log, ids ...string) {
	t.Helper()
	var events [][]byte
	for _, id := range ids {
		events = append(events, event(id))
	}
	if err := l.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// idsIn reads the ids of the log in a folder, and fails unless its chain holds.
func idsIn(t testing.TB, dir string) []string {
	t.Helper()
	var ids []string
	files, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := chain{each: func(e []byte) {
		var v struct{ EventID string }
		if err := json.Unmarshal(e, &v); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.EventID)
	}}
	for i, f := range files {
		if err := c.file(dir, f, i == len(files)-1); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func TestAnAppendedEventIsThereAfterReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := openLog(t, dir, Options{})
	appendTo(t, l, "a")
	appendTo(t, l, "b", "c")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), event("late")); !errors.Is(err, errClosed) {
		t.Errorf("after Close, Append says %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second Close says %v", err)
	}
	l = openLog(t, dir, Options{})
	appendTo(t, l, "d")
	if got := strings.Join(idsIn(t, dir), ""); got != "abcd" {
		t.Errorf("the log has %s", got)
	}
	r, err := Verify(dir, Head{})
	if err != nil || r.Records != 4 || r.First != 1 || r.Head.Sequence != 4 || r.Files != 1 || r.Torn {
		t.Errorf("%+v %v", r, err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName(1)): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestEveryAppendOfManyGoroutinesIsThereOnce(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, Options{MaxBytes: 4000})
	const writers, each = 16, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := l.Append(context.Background(), event(fmt.Sprintf("%d-%d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ids := idsIn(t, dir)
	next := map[string]int{}
	for _, id := range ids {
		w, i, _ := strings.Cut(id, "-")
		if fmt.Sprint(next[w]) != i {
			t.Fatalf("%s is not in its writer's order", id)
		}
		next[w]++
	}
	if len(ids) != writers*each {
		t.Errorf("there are %d of %d", len(ids), writers*each)
	}
}

func TestCallsThatWaitShareOneFsync(t *testing.T) {
	d := newFaultDisk()
	hold, reached := make(chan struct{}), make(chan struct{})
	d.before = func(op string, n int) {
		if op == "sync" && n == 1 {
			close(reached)
			<-hold
		}
	}
	l := openLog(t, t.TempDir(), Options{disk: d})
	var wg sync.WaitGroup
	wg.Go(func() { appendTo(t, l, "first") })
	<-reached
	const waiting = 50
	for i := range waiting {
		wg.Go(func() { appendTo(t, l, fmt.Sprint(i)) })
	}
	for all := false; !all; time.Sleep(time.Millisecond) { // no event tells that somebody waits
		l.mu.Lock()
		all = len(l.waiting) == waiting
		l.mu.Unlock()
	}
	close(hold)
	wg.Wait()
	if n := d.count("sync"); n != 2 {
		t.Errorf("there were %d syncs", n)
	}
}

func TestWhoGaveUpBeforeHasWrittenNothing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, event("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := idsIn(t, dir); got != nil {
		t.Errorf("the log has %v", got)
	}
}

// TestCloseWritesWhatWaits: who waits when the log is closed is answered as
// ever, and who comes later is refused.
func TestCloseWritesWhatWaits(t *testing.T) {
	d := newFaultDisk()
	hold, reached := make(chan struct{}), make(chan struct{})
	d.before = func(op string, n int) {
		if op == "sync" && n == 1 {
			close(reached)
			<-hold
		}
	}
	dir := t.TempDir()
	l := openLog(t, dir, Options{disk: d})
	var wg sync.WaitGroup
	wg.Go(func() { appendTo(t, l, "first") })
	<-reached
	const waiting = 20
	for i := range waiting {
		wg.Go(func() { appendTo(t, l, fmt.Sprint(i)) })
	}
	closed := make(chan error)
	for state := 0; state < 2; time.Sleep(time.Millisecond) { // no event tells that somebody waits
		l.mu.Lock()
		switch {
		case state == 0 && len(l.waiting) == waiting:
			state = 1
			go func() { closed <- l.Close() }()
		case l.closed:
			state = 2
		}
		l.mu.Unlock()
	}
	if err := l.Append(t.Context(), event("late")); !errors.Is(err, errClosed) {
		t.Errorf("while it is closed, Append says %v", err)
	}
	close(hold)
	wg.Wait()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := idsIn(t, dir); len(got) != waiting+1 {
		t.Errorf("the log has %v", got)
	}
}

// TestAPanicOfOneWriteEndsNoOther: the next one goes on.
func TestAPanicOfOneWriteEndsNoOther(t *testing.T) {
	d := newFaultDisk()
	d.before = func(op string, n int) {
		if op == "write" && n == 2 {
			panic("a mistake")
		}
	}
	dir := t.TempDir()
	l := openLog(t, dir, Options{disk: d})
	appendTo(t, l, "a")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("there was no panic")
			}
		}()
		_ = l.Append(t.Context(), event("b"))
	}()
	appendTo(t, l, "c")
	if got := idsIn(t, dir); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("the log has %v", got)
	}
}

func TestAnEventThatIsNoLineIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, Options{})
	for _, e := range []string{"", "x", `"x"`, "{\n}", "{}\n"} {
		if err := l.Append(t.Context(), []byte(`{"eventID":"good"}`), []byte(e)); err == nil {
			t.Errorf("%q was written", e)
		}
	}
	if got := idsIn(t, dir); got != nil {
		t.Errorf("the log has %v", got)
	}
}

func TestFilesTurnBySizeAndAgeAndTheChainGoesOn(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	advance := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	l := openLog(t, dir, Options{Now: clock, MaxBytes: 400, MaxAge: time.Hour})
	appendTo(t, l, "a", "b") // one write may go beyond the limit
	appendTo(t, l, "c")
	advance(59 * time.Minute)
	appendTo(t, l, "d")
	advance(time.Minute)
	appendTo(t, l, "e")
	advance(-2 * time.Hour) // a clock that goes back turns nothing
	appendTo(t, l, "f")
	files, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fileName(1), fileName(3), fileName(5)}
	if !slices.Equal(files, want) {
		t.Fatalf("the files are %v, want %v", files, want)
	}
	r, err := Verify(dir, Head{})
	if err != nil || r.Files != 3 || r.Records != 6 {
		t.Errorf("%+v %v", r, err)
	}

	// Old files may be moved away from the front, but not from the middle.
	middle := filepath.Join(dir, files[1])
	if err := os.Rename(middle, middle+".away"); err != nil {
		t.Fatal(err)
	}
	wantBreak(t, dir, fileName(5), "it has number 5 after 2")
	if err := errors.Join(os.Rename(middle+".away", middle), os.Remove(filepath.Join(dir, files[0]))); err != nil {
		t.Fatal(err)
	}
	r, err = Verify(dir, Head{})
	if err != nil || r.First != 3 || r.Records != 4 || r.Head.Sequence != 6 {
		t.Errorf("%+v %v", r, err)
	}
	appendTo(t, l, "g") // and the log does not mind
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, openLog(t, dir, Options{}), "h")
	if got := strings.Join(idsIn(t, dir), ""); got != "cdefgh" {
		t.Errorf("the log has %s", got)
	}
}

func TestWroteKnowsWhatIsInTheTwoNewestFiles(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, Options{MaxBytes: 1})
	for _, id := range []string{"a", "b", "c"} {
		appendTo(t, l, id)
	}
	if err := l.Append(t.Context(), []byte(`{"id":"label"}`)); err != nil {
		t.Fatal(err)
	}
	got, err := l.Wrote([]string{"b", "c", "label", "never", ""})
	if err != nil || len(got) != 2 || !got["c"] || !got["label"] {
		t.Errorf("%v %v", got, err)
	}
}

func TestALogThatSomebodyChangedIsNotContinued(t *testing.T) {
	write := func(t *testing.T) string {
		dir := t.TempDir()
		l := openLog(t, dir, Options{MaxBytes: 600})
		for i := range 8 {
			appendTo(t, l, fmt.Sprint(i))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct {
		what   string
		change func(files []string, last []byte) (file string, to []byte)
		says   string
	}{
		{"a line of the last file with later ones behind it", func(f []string, b []byte) (string, []byte) {
			return f[len(f)-1], []byte(strings.Replace(string(b), `"eventID":"6"`, `"eventID":"x"`, 1))
		}, "line 1: it is not what was written"},
		{"the last file is empty", func(f []string, _ []byte) (string, []byte) { return f[len(f)-2], nil }, "it is empty, and others follow it"},
		{"a line is taken out", func(f []string, b []byte) (string, []byte) {
			_, rest, _ := strings.Cut(string(b), "\n")
			return f[len(f)-1], []byte(rest)
		}, "which the file's name does not"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := write(t)
			files, err := list(dir)
			if err != nil || len(files) < 3 {
				t.Fatal(files, err)
			}
			b, err := os.ReadFile(filepath.Join(dir, files[len(files)-1]))
			if err != nil {
				t.Fatal(err)
			}
			name, to := c.change(files, b)
			if err := os.WriteFile(filepath.Join(dir, name), to, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(dir, Options{})
			var broken *Break
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Open says %v", err)
			}
		})
	}
	t.Run("only an empty file is left", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName(7)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "put that one back") {
			t.Errorf("Open says %v", err)
		}
	})
	t.Run("an empty last file of another number", func(t *testing.T) {
		dir := write(t)
		if err := os.WriteFile(filepath.Join(dir, fileName(70)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "the line before it has number 8") {
			t.Errorf("Open says %v", err)
		}
		wantBreak(t, dir, fileName(70), "the line before it has number 8")
	})
}

// wantBreak says where Verify must find what.
func wantBreak(t testing.TB, dir, file, what string) {
	t.Helper()
	_, err := Verify(dir, Head{})
	var b *Break
	if !errors.As(err, &b) || b.File != file || !strings.Contains(b.What, what) {
		t.Errorf("Verify says %v, want %q in %s", err, what, file)
	}
}

func TestALogThatSomebodyElseWritesIsNotMixed(t *testing.T) {
	dir := t.TempDir()
	one, other := openLog(t, dir, Options{}), openLog(t, dir, Options{})
	appendTo(t, one, "a")
	if err := other.Append(t.Context(), event("b")); err == nil || !strings.Contains(err.Error(), "somebody else wrote") {
		t.Errorf("the other says %v", err)
	}
	if got := idsIn(t, dir); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the log has %v", got)
	}
}
