package sqlite

import (
	"database/sql"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota/store"
)

// TestNoStatementReadsTheRowsOfOtherSecrets: what an operation costs does not
// grow with the number of secrets. Every statement of a transaction is
// prepared by calling every method once, and its plan is looked at.
func TestNoStatementReadsTheRowsOfOtherSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	d, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written
	seen := map[string]bool{}
	collect := func() {
		c := <-d.writer
		for q := range c.stmts {
			seen[q] = true
		}
		d.writer <- c
	}
	methods := reflect.TypeFor[store.Tx]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		_ = d.Update(t.Context(), func(tx store.Tx) error {
			args := make([]reflect.Value, m.Type.NumIn())
			for j := range args {
				args[j] = reflect.Zero(m.Type.In(j))
			}
			reflect.ValueOf(tx).MethodByName(m.Name).Call(args)
			return nil
		})
		collect()
	}
	for _, order := range []store.SecretOrder{store.ByCreated, store.ByAccessed, store.ByChanged, store.ByName} {
		for _, descending := range []bool{false, true} {
			if err := d.Update(t.Context(), func(tx store.Tx) error {
				q := store.SecretsQuery{Order: order, Descending: descending, Limit: 1}
				if _, err := tx.Secrets(q); err != nil {
					return err
				}
				q.After.ID = "x"
				if _, err := tx.Secrets(q); err != nil {
					return err
				}
				for _, of := range []string{store.PrefixOfName, store.PrefixOfTagKey, store.PrefixOfTagValue} {
					if _, _, err := tx.SecretsWith(q, store.Prefixes{Of: of, Any: []string{"x"}}, 10); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	collect()
	if len(seen) < 30 {
		t.Fatalf("only %d statements were prepared", len(seen))
	}
	db, err := sql.Open("sqlite", dsn(path, "deferred"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	for q := range seen {
		if strings.HasPrefix(q, "BEGIN") || q == "COMMIT" || q == "ROLLBACK" || allowed(q) {
			continue
		}
		for _, step := range plan(t, db, q) {
			if step == "SCAN CONSTANT ROW" || step == "SCAN found" || strings.HasPrefix(step, "SCAN (subquery") {
				continue // what an inner query found, whose own step is looked at too
			}
			// All rows of an account are as good as all rows.
			if strings.HasPrefix(step, "SCAN ") || strings.HasSuffix(step, "(account=? AND region=?)") {
				t.Errorf("%s:\n%s", step, q)
			}
		}
	}
}

// allowed are the statements that may read what is not of one secret.
func allowed(query string) bool {
	for _, part := range []string{
		"FROM functions WHERE account = $1 AND region = $2 ORDER BY name", // all functions, which are few
		"t.kind <> '' OR t.claim_owner <> ''",                             // the start of a process, over the index of busy tasks
		"FROM credentials WHERE id > $1",                                  // pages of all secrets' credentials
		"AND gone = 0 AND deletion_date = 0 ORDER BY",                     // the first page of the list, in the order of an index
	} {
		if strings.Contains(query, part) {
			return true
		}
	}
	return false
}

var parameter = regexp.MustCompile(`\$\d+`)

// plan lists the steps of a statement's query plan.
func plan(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+parameter.ReplaceAllString(query, "1"))
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer rows.Close() //nolint:errcheck // read to the end
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
