package audit

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// record is an event as a GetSecretValue makes it.
func record() []byte {
	e := Event{
		ID: "3f0a6c1e-58f5-4a5e-9d0c-0c7f5f0f5d11", RequestID: "11111111-2222-4333-8444-555555555555", Name: "GetSecretValue", Source: Source, Type: APICall,
		Time: time.Now(), Account: "123456789012", Region: "us-east-1", SourceIP: "10.0.0.7", UserAgent: "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.8", ReadOnly: true,
		Identity: Identity{Type: "IAMUser", ARN: "arn:aws:iam::123456789012:user/ann", AccountID: "123456789012", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", UserName: "ann"},
		ARN:      "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-Ab3dE9",
	}
	e.Request.Text("secretId", "app/db")
	e.Additional.Text("versionId", "11111111-2222-4333-8444-555555555555")
	return e.AppendJSON(nil)
}

// BenchmarkAppend is one record and its fsync, by one goroutine and by 64 at
// once, beside the floor: a write and an fsync of the same bytes.
func BenchmarkAppend(b *testing.B) {
	e := record()
	line, _ := appendLine(nil, 1, beginning, 0, e)
	line = append(line, '\n')
	b.Run("floor", func(b *testing.B) {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "floor"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // the measurement is over
		before := cpu()
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
	})
	for name, n := range map[string]int{"alone": 1, "64 at once": 64} {
		b.Run(name, func(b *testing.B) {
			l := openLog(b, b.TempDir(), Options{})
			before := cpu()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if err := l.Append(context.Background(), e); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		record()
	}
}

// BenchmarkVerify is a log of 32 MiB read and checked.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	l := openLog(b, dir, Options{})
	e := record()
	many := make([][]byte, 4096)
	for i := range many {
		many[i] = e
	}
	for l.size < 32<<20 {
		if err := l.Append(context.Background(), many...); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(l.size)
	for b.Loop() {
		if _, err := Verify(dir, Head{}); err != nil {
			b.Fatal(err)
		}
	}
}
