//go:build servers

package awslambda

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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

// TestTheSameSourcesMakeTheSameBinary: built in two folders, byte by byte.
func TestTheSameSourcesMakeTheSameBinary(t *testing.T) {
	var built [2][]byte
	for i := range built {
		b, err := os.ReadFile(build(t, "arm64", program))
		must(t, err)
		built[i] = b
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds differ")
	}
}
