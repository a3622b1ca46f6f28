package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// TestTheHotReadKeepsWhatItRead until something is written, does not take its
// answers back from callers, and keeps no more than its bound.
func TestTheHotReadKeepsWhatItRead(t *testing.T) {
	ctx := t.Context()
	d, err := Open(ctx, filepath.Join(t.TempDir(), "rota.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // the test is over
	const n, size = 3, hotMost/2 - hotEach
	query := func(i int) store.FetchQuery {
		return store.FetchQuery{Account: "1", Region: "r", Name: fmt.Sprintf("s%d", i), Label: rota.Current}
	}
	if err := d.Update(ctx, func(tx store.Tx) error {
		for i := range n {
			key := rota.Key{Account: "1", Region: "r", ID: fmt.Sprint(i)}
			if err := errors.Join(
				tx.PutSecret(store.SecretRow{Secret: rota.Secret{Key: key, Name: query(i).Name, Suffix: "AbCdEf"}}),
				tx.PutVersion(store.VersionRow{Secret: key, Version: rota.Version{ID: "v", Kind: rota.KindString}, Blob: make([]byte, size)}),
				tx.PutLabel(key, rota.Current, "v"), tx.PutTags(key, []rota.Tag{{Key: "a", Value: "b"}}),
			); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	fetch := func(i int) store.Fetched {
		t.Helper()
		f, ok, err := d.Fetch(ctx, query(i))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return f
	}
	kept := func(i int) bool { _, ok := d.hot.get(query(i)); return ok }

	if kept(0) {
		t.Error("kept before it was read")
	}
	f := fetch(0)
	f.Labels[0], f.Tags[0].Value = "changed", "changed"
	if f = fetch(0); !kept(0) || f.Labels[0] != rota.Current || f.Tags[0].Value != "b" {
		t.Errorf("%v %v", f.Labels, f.Tags)
	}
	if fetch(1); !kept(0) || !kept(1) {
		t.Error("two have no place")
	}
	if fetch(2); kept(0) || kept(1) || !kept(2) || d.hot.size > hotMost {
		t.Errorf("three have a place: %d bytes", d.hot.size)
	}
	if err := d.View(ctx, func(store.Tx) error { return nil }); err != nil || !kept(2) {
		t.Error("a read made it forget")
	}
	if err := d.Update(ctx, func(tx store.Tx) error { return tx.PutMeta("x", []byte("y")) }); err != nil || kept(2) {
		t.Error("it is kept after a write")
	}
	d.hot.commits.Add(1) // a commit is under way
	if fetch(2); kept(2) {
		t.Error("it is kept while a commit is under way")
	}
	d.hot.commits.Add(1)
	if kept(2) {
		t.Error("what was read during a commit is kept")
	}
}
