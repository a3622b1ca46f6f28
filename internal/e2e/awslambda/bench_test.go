//go:build servers

package awslambda

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkBootstrap is from the start of the process until it asks for its
// first event: what Lambda bills as init. The floor is a function of
// aws-lambda-go that does nothing, built the same way, in the same run. Sizes
// are of the binary and of the zip that is uploaded.
func BenchmarkBootstrap(b *testing.B) {
	for _, c := range []struct{ name, pkg string }{{"rota", program}, {"floor", "./testdata/bare"}} {
		b.Run(c.name, func(b *testing.B) {
			bin := build(b, "amd64", c.pkg)
			zip := filepath.Join(b.TempDir(), "x.zip")
			if out, err := exec.Command("go", "run", "github.com/rotahq/rota/deploy/lambdazip", bin, zip).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			l := newLambda(b, newCloud(b), &tripwire{}, bin)
			l.start() // once, so that the file is in memory as it is in Lambda's cache
			for b.Loop() {
				b.StopTimer()
				l.kill()
				b.StartTimer()
				l.start()
			}
			b.ReportMetric(size(b, bin), "MB-binary")
			b.ReportMetric(size(b, zip), "MB-zip")
			b.ReportMetric(l.resident(b), "MB-resident")
		})
	}
}

func size(t testing.TB, path string) float64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return float64(info.Size()) / 1e6
}

// resident is the memory of the process that runs, in MB.
func (l *lambda) resident(t testing.TB) float64 {
	t.Helper()
	process, _ := l.running()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process.Process.Pid), "status"))
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, err := strconv.Atoi(f[1])
			must(t, err)
			return float64(kb) / 1e3
		}
	}
	t.Fatal("the process does not tell its memory")
	return 0
}

// TestTheSameSourcesMakeTheSameBinary: built here and in a copy, which is a
// repository of its own, byte by byte.
func TestTheSameSourcesMakeTheSameBinary(t *testing.T) {
	root, err := filepath.Abs("../../..")
	must(t, err)
	elsewhere := t.TempDir()
	copySources(t, elsewhere, root)
	if out, err := exec.Command("git", "init", "-q", elsewhere).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var built [2][]byte
	for i, dir := range []string{root, elsewhere} {
		b, err := os.ReadFile(buildIn(t, dir, "arm64", program))
		must(t, err)
		built[i] = b
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds differ")
	}
}

// TestTheProgramIsBuiltHereAsMakeLambdaBuildsIt: with the same flags.
func TestTheProgramIsBuiltHereAsMakeLambdaBuildsIt(t *testing.T) {
	b, err := os.ReadFile("../../../Makefile")
	must(t, err)
	if flags := strings.Replace(strings.Join(buildFlags, " "), "-s -w", "'-s -w'", 1); !strings.Contains(string(b), "build "+flags+" -o dist/") {
		t.Errorf("make lambda does not build with %s", flags)
	}
}

// copySources copies a module, but for what is built or installed into it.
func copySources(t *testing.T, to, from string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && path != from && (strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"bin", "dist", "node_modules"}, e.Name())):
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !e.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o644)
	}))
}
