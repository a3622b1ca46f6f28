package scaffold

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryLanguageGetsAFunctionItsTestAndAREADME(t *testing.T) {
	for _, language := range Languages() {
		folder := filepath.Join(t.TempDir(), "rotate-keys")
		files, err := Write(folder, language, "v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"README.md", "test"} {
			if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("%s: no %s in %q", language, want, files)
			}
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(folder, f))
			if err != nil {
				t.Fatal(err)
			}
			if f == "README.md" && (!strings.HasPrefix(string(b), "# rotate-keys\n") || strings.Contains(string(b), "NAME ")) {
				t.Errorf("%s: the README does not have the name:\n%s", language, b)
			}
			if f == "go.mod" && !strings.Contains(string(b), "module rotate-keys\n") {
				t.Errorf("go.mod: %s", b)
			}
		}
	}
}

func TestNothingIsWrittenOverAndNothingBesideAFileThatIsThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "function.py"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(folder, "python", ""); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
}

func TestANameThatIsNoneInSomeLanguageIsRefused(t *testing.T) {
	for _, name := range []string{"Keys", "9keys", "my keys", "keys;rm"} {
		if _, err := Write(filepath.Join(t.TempDir(), name), "go", "v0.0.0"); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if _, err := Write(filepath.Join(t.TempDir(), "keys"), "cobol", ""); err == nil {
		t.Error("cobol is taken")
	}
}

// TestRuntimeClientsAreThoseOfTheExamples: they differ in the handler that
// their comment names.
func TestRuntimeClientsAreThoseOfTheExamples(t *testing.T) {
	for template, example := range map[string]string{
		"templates/python/runtime.py": "../../examples/python-function/runtime.py",
		"templates/node/runtime.mjs":  "../../examples/node-function/runtime.mjs",
	} {
		ours, err := os.ReadFile(template)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("app.lambda_handler", "function.handler", "index.handler", "function.handler").Replace(string(theirs))
		if string(ours) != want {
			t.Errorf("%s is not %s", template, example)
		}
	}
}
