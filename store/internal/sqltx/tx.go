// Package sqltx has the SQL that every SQL database shares: the rows of a
// store.Tx over a connection that runs statements. Parameters are written
// $1, $2, …; a driver whose database has another form rewrites them.
package sqltx

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// Conn runs statements within one transaction.
type Conn interface {
	Exec(query string, args ...any) error
	Query(query string, args ...any) (Rows, error)
}

// Rows are the rows of a query, as *sql.Rows has them.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Tx is a store.Tx.
type Tx struct {
	conn Conn
	now  time.Time
}

var _ store.Tx = (*Tx)(nil)

// New returns the rows as conn sees them. now is the time of the whole
// transaction.
func New(conn Conn, now time.Time) *Tx { return &Tx{conn, now} }

// Now is the time of the transaction.
func (t *Tx) Now() time.Time { return t.now }

// table is the columns of a table; the first ones are its key.
type table struct {
	name string
	key  int
	cols []string
}

func newTable(name string, key int, cols string) table {
	return table{name, key, strings.Fields(cols)}
}

// columns lists the columns for a SELECT.
func (t table) columns(alias string) string {
	if alias == "" {
		return strings.Join(t.cols, ", ")
	}
	return alias + "." + strings.Join(t.cols, ", "+alias+".")
}

// upsert inserts a row or replaces all of it.
func (t table) upsert() string {
	var set []string
	for _, c := range t.cols[t.key:] {
		set = append(set, c+" = excluded."+c)
	}
	return t.insert() + " ON CONFLICT (" + strings.Join(t.cols[:t.key], ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

func (t table) insert() string {
	return "INSERT INTO " + t.name + " (" + t.columns("") + ") VALUES (" + params(1, len(t.cols)) + ")"
}

// params is "$first, …" with n of them.
func params(first, n int) string {
	p := make([]string, n)
	for i := range p {
		p[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(p, ", ")
}

type scanner interface{ Scan(dest ...any) error }

// all reads every row of a query.
func all[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) (out []T, err error) {
	_, err = t.each(query, args, func(row scanner) error {
		v, err := scan(row)
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// each hands every row of a query to f, and counts them.
func (t *Tx) each(query string, args []any, f func(scanner) error) (n int, err error) {
	rows, err := t.conn.Query(query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // Err was looked at
	for ; rows.Next(); n++ {
		if err := f(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// one reads the first row of a query, if there is one.
func one[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) (v T, ok bool, err error) {
	rows, err := t.conn.Query(query, args...)
	if err != nil {
		return v, false, err
	}
	defer rows.Close() //nolint:errcheck // Err was looked at
	if !rows.Next() {
		return v, false, rows.Err()
	}
	if v, err = scan(rows); err != nil {
		return v, false, err
	}
	return v, true, nil
}

func (t *Tx) exec(query string, args ...any) error { return t.conn.Exec(query, args...) }

// Milli is a time as the database keeps it.
func Milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// AsTime is the time that a column holds.
func AsTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// asTime scans a time.
type asTime struct{ t *time.Time }

func (a asTime) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*a.t = AsTime(ms)
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// asFlag scans a bool.
type asFlag struct{ b *bool }

func (a asFlag) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a flag is stored as %T", src)
	}
	*a.b = n != 0
	return nil
}

// inJSON is a small list or map as text; "" for an empty one.
func inJSON[T []rota.MetadataItem | map[string]string](v T) string {
	if len(v) == 0 {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // strings always encode
	}
	return string(b)
}

// asJSON scans what inJSON wrote.
type asJSON[T any] struct{ v *T }

func (a asJSON[T]) Scan(src any) error {
	var zero T
	*a.v = zero
	switch s := src.(type) {
	case string:
		if s == "" {
			return nil
		}
		return json.Unmarshal([]byte(s), a.v)
	case []byte:
		if len(s) == 0 {
			return nil
		}
		return json.Unmarshal(s, a.v)
	}
	return fmt.Errorf("JSON is stored as %T", src)
}
