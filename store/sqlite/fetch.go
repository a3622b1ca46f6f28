package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/internal/sqltx"
)

// fetchQuery finds the secret by the index on names, the version by the key
// of the labels, and collects the labels of that version. Two of a version's
// labels are never the same, and none has the character 31 in it.
const fetchQuery = `SELECT s.id, s.suffix, s.deletion_date, s.accessed, v.id, v.kind, v.created, v.accessed, v.value,
	(SELECT group_concat(o.label, char(31)) FROM labels o
		WHERE o.account = s.account AND o.region = s.region AND o.secret = s.id AND o.version = v.id)
	FROM secrets s
	JOIN labels l ON l.account = s.account AND l.region = s.region AND l.secret = s.id AND l.label = $4
	JOIN versions v ON v.account = s.account AND v.region = s.region AND v.secret = s.id AND v.id = l.version
	WHERE s.account = $1 AND s.region = $2 AND s.name = $3 AND s.gone = 0`

// Fetch is the hot read.
func (d *Driver) Fetch(ctx context.Context, q store.FetchQuery) (f store.Fetched, ok bool, err error) {
	c, err := d.take(ctx, d.readers)
	if err != nil {
		return f, false, err
	}
	defer func() { d.readers <- c }()
	s, err := c.prepare(fetchQuery)
	if err != nil {
		return f, false, d.explain(err)
	}
	var deleted, secretAccessed, created, versionAccessed int64
	var labels string
	err = s.QueryRowContext(context.Background(), q.Account, q.Region, q.Name, q.Label).Scan(
		&f.Key.ID, &f.Suffix, &deleted, &secretAccessed, &f.Version, &f.Kind, &created, &versionAccessed, &f.Blob, &labels)
	if errors.Is(err, sql.ErrNoRows) || err == nil && q.Suffix != "" && q.Suffix != f.Suffix {
		return store.Fetched{}, false, nil
	}
	if err != nil {
		return f, false, d.explain(err)
	}
	f.Key.Account, f.Key.Region, f.Name, f.Deleted = q.Account, q.Region, q.Name, deleted != 0
	f.SecretAccessed, f.Created, f.VersionAccessed = sqltx.AsTime(secretAccessed), sqltx.AsTime(created), sqltx.AsTime(versionAccessed)
	f.Labels = strings.Split(labels, "\x1f")
	return f, true, nil
}
