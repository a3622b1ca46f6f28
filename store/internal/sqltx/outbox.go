package sqltx

import "github.com/rotahq/rota/store"

var outbox = newTable("outbox", 0, "kind id body")

var addOutbox = outbox.insert()

// AddOutbox appends a row.
func (t *Tx) AddOutbox(r store.OutboxRow) error { return t.exec(addOutbox, r.Kind, r.ID, r.Body) }

// Outbox lists rows, oldest first.
func (t *Tx) Outbox(limit int) ([]store.OutboxRow, error) {
	scan := func(row scanner) (r store.OutboxRow, err error) {
		err = row.Scan(&r.Seq, &r.Kind, &r.ID, &r.Body)
		return r, err
	}
	return all(t, scan, "SELECT seq, "+outbox.columns("")+" FROM outbox WHERE seq > 0 ORDER BY seq LIMIT $1", limit)
}

// DeleteOutbox removes rows up to a number.
func (t *Tx) DeleteOutbox(upTo int64) error {
	return t.exec("DELETE FROM outbox WHERE seq <= $1", upTo)
}
