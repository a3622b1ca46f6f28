package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/storetest"
)

// benched is a store with n secrets of 500 bytes.
func benched(b *testing.B, n int) (*storetest.World, *Driver) {
	var d *Driver
	w := storetest.NewWorld(b, func(t testing.TB, folder string, now func() time.Time) store.Driver {
		var err error
		if d, err = Open(t.Context(), filepath.Join(folder, "rota.db"), now); err != nil {
			t.Fatal(err)
		}
		return d
	})
	for i := range n {
		w.Create(fmt.Sprintf("app/%06d", i), "v1", strings.Repeat("x", 500))
	}
	return w, d
}

func BenchmarkGetSecretValue(b *testing.B) {
	w, _ := benched(b, 1000)
	ctx := context.Background()
	in := store.GetSecretValueInput{SecretID: "app/000500"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.GetSecretValue(ctx, storetest.Caller, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFloor is the least that GetSecretValue must do: one indexed row by
// the same driver, and the value opened.
func BenchmarkFloor(b *testing.B) {
	w, d := benched(b, 1000)
	k := w.Describe("app/000500").Key
	c := <-d.readers
	defer func() { d.readers <- c }()
	b.ReportAllocs()
	for b.Loop() {
		s, err := c.prepare("SELECT value FROM versions WHERE account = $1 AND region = $2 AND secret = $3 AND id = $4")
		if err != nil {
			b.Fatal(err)
		}
		var blob []byte
		if err := s.QueryRowContext(context.Background(), k.Account, k.Region, k.ID, "v1").Scan(&blob); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Sealer.Open(seal.Binding{Account: k.Account, Region: k.Region, ID: k.ID, Version: "v1"}, blob); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	_, d := benched(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		_, ok, err := d.Fetch(context.Background(), store.FetchQuery{Account: storetest.Account, Region: storetest.Region, Name: "app/000500", Label: rota.Current})
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkPutSecretValue(b *testing.B) {
	w, _ := benched(b, 10)
	value := strings.Repeat("x", 500)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		w.Clock.Advance(time.Hour)
		if err := w.Put(storetest.Caller, "app/000005", fmt.Sprint("t", n), value); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDue looks for due work among tasks of which none is due.
func BenchmarkDue(b *testing.B) {
	w, d := benched(b, 0)
	const n = 100_000
	for at := 0; at < n; at += 10_000 {
		if err := d.Update(context.Background(), func(tx store.Tx) error {
			for i := at; i < at+10_000; i++ {
				k := rota.Key{Account: storetest.Account, Region: storetest.Region, ID: fmt.Sprint(i)}
				if err := tx.PutSecret(store.SecretRow{Secret: rota.Secret{Key: k, Name: k.ID, Suffix: "AbCdEf", Created: storetest.Start}}); err != nil {
					return err
				}
				if err := tx.PutTask(store.Task{Secret: k, Lane: "lane", Due: storetest.Start.Add(time.Hour)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if works, err := w.Due(context.Background(), storetest.Start, 64, []string{"hung"}); err != nil || len(works) != 0 {
			b.Fatal(len(works), err)
		}
	}
}
