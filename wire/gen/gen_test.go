package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const wireDir = ".."

func readModel(t *testing.T) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(wireDir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestTheCommittedCodeIsWhatTheGeneratorWrites(t *testing.T) {
	files, err := generate(readModel(t))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := filepath.Glob(filepath.Join(wireDir, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(files) {
		t.Errorf("%d generated files are committed, the generator writes %d", len(committed), len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(wireDir, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./wire", name)
		}
	}
}

func TestTheGeneratorWritesTheSameFilesEveryTime(t *testing.T) {
	src := readModel(t)
	first, err := generate(src)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := generate(src)
		if err != nil {
			t.Fatal(err)
		}
		for name := range first {
			if !bytes.Equal(first[name], again[name]) {
				t.Fatalf("%s differs between two runs", name)
			}
		}
	}
}

func TestRunWritesTheModelAndThenTheShapes(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "model"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, filepath.Join(wireDir, modelFile)); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{modelFile, "shapes_gen.go"} {
		want, err := os.ReadFile(filepath.Join(wireDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the committed one (%v)", name, err)
		}
	}
}

func TestTheCommittedModelHasNoDocumentationAndIsStable(t *testing.T) {
	src := readModel(t)
	if bytes.Contains(src, []byte(`"documentation"`)) {
		t.Error("the model holds documentation")
	}
	again, err := strip(src)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(src, again) {
		t.Error("stripping the stripped model changes it")
	}
}

func TestStripRemovesOnlyDocumentationThatIsText(t *testing.T) {
	const src = `{"b":1,"documentation":"<p>gone</p>","a":[{"documentation":"gone","x":"<&>"},null,true],
		"members":{"documentation":{"shape":"Kept"}}}`
	const want = "{\n  \"b\": 1,\n  \"a\": [\n    {\n      \"x\": \"<&>\"\n    },\n    null,\n    true\n  ],\n" +
		"  \"members\": {\n    \"documentation\": {\n      \"shape\": \"Kept\"\n    }\n  }\n}\n"
	got, err := strip([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "{", `{"a"`, `{"a":1} {}`, `[1,`} {
		if _, err := strip([]byte(bad)); err == nil {
			t.Errorf("strip accepts %q", bad)
		}
	}
}

// A newer model must not smuggle in what the generated code would get wrong.
func TestTheGeneratorRefuses(t *testing.T) {
	tests := []struct{ name, structure, shape, want string }{
		{"a secret value in another response", "DescribeSecretResponse", "SecretStringType", "must not hold one"},
		{"sensitive text in a response", "DescribeSecretResponse", "RotationTokenType", "sensitive text"},
		{"a blob that is not a secret value", "DescribeSecretResponse", "NewBlob", "a blob"},
		{"a timestamp in a request", "RotationRulesType", "TimestampType", "a timestamp in a request"},
		{"a shape that is not in the model", "DescribeSecretResponse", "Nowhere", "no shape Nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := string(readModel(t))
			src = strings.Replace(src, `"shapes": {`, `"shapes": {"NewBlob": {"type": "blob"},`, 1)
			at := strings.Index(src, `"`+tt.structure+`": {`)
			members := `"members": {`
			at += strings.Index(src[at:], members) + len(members)
			src = src[:at] + `"New": {"shape": "` + tt.shape + `"},` + src[at:]
			_, err := generate([]byte(src))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
