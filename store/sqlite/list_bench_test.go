package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/storetest"
)

// listed is a store of n secrets with two tags each, as a company has them:
// names in folders of teams, made in no order of the names.
func listed(b *testing.B, n int) (*storetest.World, *Driver) {
	b.Helper()
	var d *Driver
	w := storetest.NewWorld(b, func(t testing.TB, folder string, now func() time.Time) store.Driver {
		var err error
		if d, err = Open(t.Context(), filepath.Join(folder, "rota.db"), now); err != nil {
			t.Fatal(err)
		}
		return d
	})
	for from := 0; from < n; from += 10000 {
		w.Must(d.Update(b.Context(), func(tx store.Tx) error {
			for i := from; i < min(n, from+10000); i++ {
				if err := putListed(tx, n, i); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return w, d
}

// putListed makes the secret of a number. Those of the team "few" are a
// hundred, spread over the whole list.
func putListed(tx store.Tx, n, i int) error {
	s := store.SecretRow{Secret: rota.Secret{
		Key:    rota.Key{Account: storetest.Account, Region: storetest.Region, ID: fmt.Sprintf("%08x-0000-4000-8000-%012d", i*7919, i)},
		Suffix: "AbCdEf", Created: storetest.Start.Add(time.Duration(i) * time.Second), EverTagged: true,
		Description: fmt.Sprintf("database number %d of a service", i),
	}}
	s.Changed, s.Anchor = s.Created, s.Created
	team := fmt.Sprintf("team-%02d", i*31%50)
	if i%(n/100) == 0 {
		team = "few"
	}
	s.Name = fmt.Sprintf("%s/app-%02d/%06d", team, i%17, (i*7919)%n)
	v := store.VersionRow{Secret: s.Key, Version: rota.Version{ID: s.ID, Created: s.Created, Kind: rota.KindString}, Blob: make([]byte, 500)}
	for _, err := range []error{
		tx.PutSecret(s), tx.PutVersion(v), tx.PutLabel(s.Key, rota.Current, v.ID),
		tx.PutTags(s.Key, []rota.Tag{{Key: "team", Value: team}, {Key: "stage", Value: "prod"}}),
		tx.PutTask(store.Task{Secret: s.Key}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkListSecrets reads one page of 100 of a small and of a large store,
// beside the floor: one query that reads the same rows of the same page by
// index. What it costs must not grow with the store.
func BenchmarkListSecrets(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		w, d := listed(b, n)
		for _, page := range []struct {
			name string
			in   store.ListSecretsInput
			want int // secrets on the page
		}{
			{"first page", store.ListSecretsInput{}, 100},
			{"deepest page", store.ListSecretsInput{NextToken: deepest(b, w, store.ListSecretsInput{})}, 100},
			{"by name, deepest page", store.ListSecretsInput{SortBy: store.ByName, NextToken: deepest(b, w, store.ListSecretsInput{SortBy: store.ByName})}, 100},
			{"name, 100 match", store.ListSecretsInput{Filters: []store.Filter{{Key: "name", Values: []string{"few/"}}}}, 100},
			{"name, none matches", store.ListSecretsInput{Filters: []store.Filter{{Key: "name", Values: []string{"zzz/"}}}}, 0},
			{"name, all match", store.ListSecretsInput{Filters: []store.Filter{{Key: "name", Values: []string{"team-", "few"}}}}, 100},
			{"tag-value, 100 match", store.ListSecretsInput{Filters: []store.Filter{{Key: "tag-value", Values: []string{"few"}}}}, 100},
			{"tag-key, all match", store.ListSecretsInput{Filters: []store.Filter{{Key: "tag-key", Values: []string{"team"}}}}, 100},
			{"description, none matches", store.ListSecretsInput{Filters: []store.Filter{{Key: "description", Values: []string{"nothing"}}}}, 0},
			{"all, none matches", store.ListSecretsInput{Filters: []store.Filter{{Key: "all", Values: []string{"nothing"}}}}, 0},
		} {
			b.Run(fmt.Sprintf("%s/of %d", page.name, n), func(b *testing.B) {
				used := processor()
				for b.Loop() {
					out, err := w.ListSecrets(context.Background(), storetest.Caller, page.in)
					if err != nil || len(out.Secrets) != page.want {
						b.Fatalf("%d secrets, %v", len(out.Secrets), err)
					}
				}
				b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
		b.Run(fmt.Sprintf("floor/of %d", n), func(b *testing.B) { floorOfAList(b, d, n) })
	}
}

// deepest is the token of the last page.
func deepest(b *testing.B, w *storetest.World, in store.ListSecretsInput) (token string) {
	b.Helper()
	for {
		out, err := w.ListSecrets(b.Context(), storetest.Caller, in)
		w.Must(err)
		if out.NextToken == "" {
			return in.NextToken
		}
		in.NextToken = out.NextToken
	}
}

// processor is the time of the processor that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func floorOfAList(b *testing.B, d *Driver, n int) {
	c := <-d.readers
	defer func() { d.readers <- c }()
	used := processor()
	defer func() {
		b.ReportMetric(float64((processor()-used).Microseconds())/float64(b.N), "cpu-us/op")
	}()
	for b.Loop() {
		s, err := c.prepare(`SELECT s.account, s.region, s.id, s.name, s.suffix, s.description, s.kms_key_id, s.type, s.created, s.changed, s.accessed, s.deletion_date,
			s.ever_tagged, s.configured, s.enabled, s.function, s.after_days, s.expression, s.duration, s.metadata, s.role_arn, s.last_rotated, s.next_rotation, s.primary_region,
			(SELECT json_group_array(l.label || ' ' || l.version) FROM labels l WHERE l.account = s.account AND l.region = s.region AND l.secret = s.id),
			(SELECT json_group_array(t.key || ' ' || t.value) FROM tags t WHERE t.account = s.account AND t.region = s.region AND t.secret = s.id)
			FROM secrets s WHERE account = $1 AND region = $2 AND gone = 0 AND deletion_date = 0 AND (created, id) > ($3, '') ORDER BY created, id LIMIT 100`)
		if err != nil {
			b.Fatal(err)
		}
		rows, err := s.QueryContext(context.Background(), storetest.Account, storetest.Region, storetest.Start.Add(time.Duration(n/2)*time.Second).UnixMilli())
		if err != nil {
			b.Fatal(err)
		}
		var text [16]string
		var number [10]int64
		count := 0
		for ; rows.Next(); count++ {
			if err := rows.Scan(
				&text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &text[6], &text[7], &number[0], &number[1], &number[2], &number[3],
				&number[4], &number[5], &number[6], &text[8], &number[7], &text[9], &text[10], &text[11], &text[12], &number[8], &number[9], &text[13], &text[14], &text[15],
			); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil || count != 100 {
			b.Fatal(count, err)
		}
		_ = rows.Close()
	}
}
