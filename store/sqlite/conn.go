package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/rotahq/rota/store/internal/sqltx"
)

// conn is one connection with its prepared statements. One goroutine has it
// at a time.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt // by the statement as written
}

// maxStatements bounds what is kept: the few statements whose length hangs on
// a request must not pile up.
const maxStatements = 200

// prepare rewrites $1 to ?1: both mean the parameter of that number, but
// SQLite numbers $1 by where it first stands.
func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		for q, s := range c.stmts {
			_ = s.Close()
			delete(c.stmts, q)
		}
	}
	s, err := c.sql.PrepareContext(context.Background(), strings.ReplaceAll(query, "$", "?"))
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// Exec runs a statement to its end. It is not ended by the caller's context:
// each takes microseconds, and watching a context costs more.
func (c *conn) Exec(query string, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), args...)
	return err
}

// Query runs a statement that returns rows.
func (c *conn) Query(query string, args ...any) (sqltx.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	return c.sql.Close()
}
