package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/storetest"
)

func openAt(t testing.TB, path string) *Driver {
	t.Helper()
	d, err := Open(t.Context(), path, storetest.NewClock().Now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// limited is a world on a database that cannot grow any more.
func limited(t *testing.T) (*storetest.World, *Driver) {
	var d *Driver
	w := storetest.NewWorld(t, func(t testing.TB, folder string, now func() time.Time) store.Driver {
		var err error
		if d, err = Open(t.Context(), filepath.Join(folder, "rota.db"), now); err != nil {
			t.Fatal(err)
		}
		return d
	})
	return w, d
}

func pragma(t *testing.T, d *Driver, text string) (n int64) {
	t.Helper()
	c := <-d.writer
	defer func() { d.writer <- c }()
	if err := c.sql.QueryRowContext(t.Context(), "PRAGMA "+text).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFullDiskChangesNothingAndTheErrorSaysWhatToDo(t *testing.T) {
	w, d := limited(t)
	w.Create("s", "v1", "a")
	w.Rotate("s", "v2")
	before := w.Describe("s")
	pages := pragma(t, d, "page_count")
	pragma(t, d, fmt.Sprintf("max_page_count=%d", pages))

	big := strings.Repeat("x", rota.MaxValueBytes)
	for range 3 {
		err := w.Put(storetest.Caller, "s", "v3", big)
		if rota.CodeOf(err) != rota.Internal || !strings.Contains(err.Error(), "disk is full") || !strings.Contains(err.Error(), "free space") ||
			!strings.Contains(err.Error(), "PutSecretValue") || strings.Contains(err.Error(), "xxx") {
			t.Fatalf("the error is %.300v", err)
		}
	}
	for i := range 2000 { // fill what is left within the pages there are
		_, err := w.CreateSecret(t.Context(), storetest.Caller, store.CreateSecretInput{Name: fmt.Sprint("n", i), ClientRequestToken: "v1", Value: rota.StringValue("x")})
		if err != nil {
			break
		}
	}
	after := w.Describe("s")
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before %v\nafter %v", before, after)
	}

	// Known readers go on while the disk is full, and all is there afterwards.
	pragma(t, d, "max_page_count=1000000")
	if got := w.Value("s", "", ""); got != "a" {
		t.Fatalf("AWSCURRENT is %q", got)
	}
	pragma(t, d, fmt.Sprintf("max_page_count=%d", pragma(t, d, "page_count")))
	if err := w.Put(storetest.Caller, "s", "v3", big); rota.CodeOf(err) != rota.Internal {
		t.Fatalf("the disk is not full: %v", err)
	}
	w.Clock.Advance(48 * time.Hour)
	if got := w.Value("s", "", ""); got != "a" {
		t.Errorf("a known reader got %q", got)
	}
	pragma(t, d, "max_page_count=1000000")
	w.Must(w.Put(storetest.Caller, "s", "v3", big))
	w.Restart()
	if got := w.Value("s", "", ""); got != big {
		t.Error("the value written after the space was freed is not there")
	}
	if got := w.Value("s", "", rota.Previous); got != "a" {
		t.Errorf("AWSPREVIOUS is %q", got)
	}
	if ok := check(t, w); ok != "ok" {
		t.Errorf("the database says %s", ok)
	}
}

// check is SQLite's own look at the whole file.
func check(t *testing.T, w *storetest.World) (verdict string) {
	t.Helper()
	c := <-w.Hooks.Driver.(*Driver).writer
	defer func() { w.Hooks.Driver.(*Driver).writer <- c }()
	if err := c.sql.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil {
		t.Fatal(err)
	}
	return verdict
}

func TestEveryCommitIsOnTheDiskBeforeItIsAcknowledged(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "rota.db"))
	defer d.Close() //nolint:errcheck // the test is over
	if mode := pragma(t, d, "synchronous"); mode != 2 {
		t.Errorf("synchronous is %d, want 2 (FULL)", mode)
	}
	if on := pragma(t, d, "foreign_keys"); on != 1 {
		t.Error("foreign keys are not enforced")
	}
}

func TestReadersCannotWrite(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "rota.db"))
	defer d.Close() //nolint:errcheck // the test is over
	if err := d.View(t.Context(), func(tx store.Tx) error { return tx.PutMeta("a", []byte{1}) }); err == nil {
		t.Error("a view wrote")
	}
}

func TestTheFileIsReadableByItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file modes")
	}
	path := filepath.Join(t.TempDir(), "rota.db")
	d := openAt(t, path)
	defer d.Close() //nolint:errcheck // the test is over
	if err := d.Update(t.Context(), func(tx store.Tx) error { return tx.PutMeta("a", []byte("b")) }); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has the mode %o", filepath.Base(path+suffix), mode)
		}
	}
}

func TestAPathMayHaveAnyCharacter(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a b?c#d%41é")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "rota 100%.db")
	d := openAt(t, path)
	if err := d.Update(t.Context(), func(tx store.Tx) error { return tx.PutMeta("a", []byte("kept")) }); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Fatalf("the database is elsewhere: %v", err)
	}
	d = openAt(t, path)
	defer d.Close() //nolint:errcheck // the test is over
	if err := d.View(t.Context(), func(tx store.Tx) error {
		v, err := tx.Meta("a")
		if string(v) != "kept" {
			t.Errorf("read %q", v)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseOfANewerRotaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rota.db")
	d := openAt(t, path)
	c := <-d.writer
	if err := c.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	d.writer <- c
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, time.Now)
	if err == nil || !strings.Contains(err.Error(), "999") {
		t.Errorf("the error is %v", err)
	}
}

func TestAMissingFolderIsRefusedInWordsThatSayWhatToDo(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "rota.db"), time.Now)
	var e *rota.Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(e.Message, "none") {
		t.Errorf("the error is %v", err)
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rota.db")
	text := []byte(strings.Repeat("not a database\n", 1000))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, time.Now); err == nil {
		t.Fatal("it was opened")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
		t.Errorf("it was changed: %v", err)
	}
}

func TestTimeCanBeSimulated(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(t.Context(), filepath.Join(folder, "rota.db"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // the test is over
		before := d.Now()
		time.Sleep(30 * 24 * time.Hour) // simulated
		if err := d.Update(t.Context(), func(tx store.Tx) error {
			if got := tx.Now().Sub(before); got != 30*24*time.Hour {
				t.Errorf("%s passed", got)
			}
			return tx.PutMeta("a", []byte("b"))
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAfterCloseEveryCallFailsAndNoneHangs(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "rota.db"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"update": func() error { return d.Update(t.Context(), func(store.Tx) error { return nil }) },
		"view":   func() error { return d.View(t.Context(), func(store.Tx) error { return nil }) },
		"fetch":  func() error { _, _, err := d.Fetch(t.Context(), store.FetchQuery{}); return err },
	} {
		if err := call(); !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
