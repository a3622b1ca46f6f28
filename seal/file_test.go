package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rotahq/rota"
)

func keyPath(t *testing.T) string { return filepath.Join(t.TempDir(), "seal.key") }

func writeKey(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sameKey(t *testing.T, s *Sealer, err error, want *Sealer) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(want.CheckValue()); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstStartMakesAKeyThatLaterStartsRead(t *testing.T) {
	path := keyPath(t)
	first, err := OpenOrCreate(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
		t.Fatalf("more than the key is in its folder: %v", all)
	}
	s, err := OpenOrCreate(path, false)
	sameKey(t, s, err, first)
	s, err = OpenOrCreate(path, true) // a crash came before the database was made
	sameKey(t, s, err, first)
	s, err = Load(path)
	sameKey(t, s, err, first)
}

func TestAMissingKeyBesideAnOldDatabaseIsRefusedAndNoneIsMade(t *testing.T) {
	path := keyPath(t)
	_, err := OpenOrCreate(path, false)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	for _, words := range []string{path, "restore", "backup", EnvKeyFile, EnvKey} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is missing in: %v", words, err)
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a key was made: %v", err)
	}
}

func TestACrashWhileTheKeyIsWrittenDoesNotStandInTheWay(t *testing.T) {
	path := keyPath(t)
	text, _ := testKey(t)
	writeKey(t, filepath.Join(filepath.Dir(path), ".seal.key.123"), text[:100])
	if _, err := OpenOrCreate(path, true); err != nil {
		t.Fatal(err)
	}
}

func TestStartsAtTheSameTimeAgreeOnOneKey(t *testing.T) {
	path := keyPath(t)
	var wg sync.WaitGroup
	made := make([]*Sealer, 8)
	for i := range made {
		wg.Go(func() {
			s, err := OpenOrCreate(path, true)
			if err != nil {
				t.Error(err)
			}
			made[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, s := range made {
		sameKey(t, s, nil, made[0])
	}
}

func TestCreateLeavesWhatIsThere(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a file":             func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"a folder":           func(path string) error { return os.Mkdir(path, 0o700) },
		"a link to nowhere":  func(path string) error { return os.Symlink("nowhere", path) },
		"a file not ours to": func(path string) error { return os.WriteFile(path, nil, 0o000) },
	} {
		t.Run(name, func(t *testing.T) {
			path := keyPath(t)
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
				t.Fatalf("got %v", err)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Fatalf("what was there changed: %v", err)
			}
			if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
				t.Fatalf("something was left behind: %v", all)
			}
		})
	}
}

func TestAKeyFileThatIsNotOneIsRefusedAndLeft(t *testing.T) {
	good, _ := testKey(t)
	for name, text := range map[string][]byte{
		"empty":            nil,
		"blank":            []byte("\n"),
		"cut short":        good[:len(good)/2],
		"without its end":  good[:len(good)-2],
		"garbage":          []byte("\x00\xff\x17 garbage"),
		"two keys in one":  append(append([]byte{}, good...), good...),
		"endless":          append(append([]byte{}, good...), bytes.Repeat([]byte(" "), maxKeyText)...),
		"an empty object":  []byte("{}"),
		"another document": []byte(`{"values":{"primaryKeyId":1,"key":[]},"fingerprints":null}`),
	} {
		t.Run(name, func(t *testing.T) {
			path := keyPath(t)
			writeKey(t, path, text)
			for _, databaseIsNew := range []bool{false, true} {
				_, err := OpenOrCreate(path, databaseIsNew)
				if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
					t.Fatalf("got %v", err)
				}
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != string(text) {
				t.Fatalf("the file was changed: %v", err)
			}
		})
	}
}

func TestAPathThatHoldsNoFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	if _, err := OpenOrCreate(folder, true); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Fatalf("a folder: %v", err)
	}
	missing := filepath.Join(folder, "missing", "seal.key")
	if _, err := OpenOrCreate(missing, true); !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), missing) != 1 {
		t.Fatalf("a folder that is missing: %v", err)
	}
}

func TestAKeyFileThatOthersMayTouchIsRefusedWithTheCommandThatMendsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's the key")
	made, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o660, 0o604, 0o602, 0o601, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), `chmod 600 '`+strings.ReplaceAll(path, "'", `'\''`)+`'`) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		sameKey(t, s, err, made)
	}
}

func TestTheEnvironmentGivesTheKey(t *testing.T) {
	text, want := testKey(t)
	given := keyPath(t)
	writeKey(t, given, text)
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	unused := filepath.Join(t.TempDir(), "unused.key")

	for _, databaseIsNew := range []bool{false, true} {
		s, err := FromEnv(env(EnvKey, "\n"+string(text)+"\n"), unused, databaseIsNew)
		sameKey(t, s, err, want)
		s, err = FromEnv(env(EnvKeyFile, given), unused, databaseIsNew)
		sameKey(t, s, err, want)

		_, err = FromEnv(env(EnvKey, string(text), EnvKeyFile, given), unused, databaseIsNew)
		if err == nil || !strings.Contains(err.Error(), "both set") {
			t.Errorf("both: %v", err)
		}
		_, err = FromEnv(env(EnvKey, "garbage"), unused, databaseIsNew)
		if rota.CodeOf(err) != rota.Internal || !strings.Contains(err.Error(), EnvKey) {
			t.Errorf("garbage: %v", err)
		}
		_, err = FromEnv(env(EnvKeyFile, given+".missing"), unused, databaseIsNew)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), EnvKeyFile) {
			t.Errorf("a file that is missing must never be made: %v", err)
		}
	}
	if _, err := os.Lstat(unused); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a key was made beside the one given")
	}
	s, err := FromEnv(env(), unused, true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := FromEnv(env(), unused, false)
	sameKey(t, again, err, s)
}
