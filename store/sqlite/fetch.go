package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/internal/sqltx"
)

// fetchQuery finds the secret by the index on names, the version by the key
// of the labels, and collects the labels of that version. Two of a version's
// labels are never the same, and none has the character 31 in it. What policies
// look at may hold any: it comes as one text, of counted ones.
var fetchQuery = `SELECT s.id, s.suffix, s.deletion_date, s.accessed, v.id, v.kind, v.created, v.accessed, v.value,
	(SELECT group_concat(o.label, char(31)) FROM labels o
		WHERE o.account = s.account AND o.region = s.region AND o.secret = s.id AND o.version = v.id),
	` + counted("s.type") + " || " + counted("s.function") + " || " + counted("s.primary_region") + ` ||
	coalesce((SELECT ` + counted("p.document") + ` FROM policies p WHERE p.account = s.account AND p.region = s.region AND p.secret = s.id), '0:') ||
	coalesce((SELECT group_concat(` + counted("t.key") + " || " + counted("t.value") + `, '') FROM tags t
		WHERE t.account = s.account AND t.region = s.region AND t.secret = s.id), '')
	FROM secrets s
	JOIN labels l ON l.account = s.account AND l.region = s.region AND l.secret = s.id AND l.label = $4
	JOIN versions v ON v.account = s.account AND v.region = s.region AND v.secret = s.id AND v.id = l.version
	WHERE s.account = $1 AND s.region = $2 AND s.name = $3 AND s.gone = 0`

// Fetch is the hot read.
func (d *Driver) Fetch(ctx context.Context, q store.FetchQuery) (f store.Fetched, ok bool, err error) {
	if err := d.usable(ctx); err != nil {
		return f, false, err
	}
	if f, ok := d.hot.get(q); ok {
		return f, true, nil
	}
	at := d.hot.commits.Load()
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
	var labels, access string
	err = s.QueryRowContext(context.Background(), q.Account, q.Region, q.Name, q.Label).Scan(
		&f.Key.ID, &f.Suffix, &deleted, &secretAccessed, &f.Version, &f.Kind, &created, &versionAccessed, &f.Blob, &labels, &access)
	if errors.Is(err, sql.ErrNoRows) || err == nil && q.Suffix != "" && q.Suffix != f.Suffix {
		return store.Fetched{}, false, nil
	}
	if err != nil {
		return f, false, d.explain(err)
	}
	f.Key.Account, f.Key.Region, f.Name, f.Deleted = q.Account, q.Region, q.Name, deleted != 0
	f.SecretAccessed, f.Created, f.VersionAccessed = sqltx.AsTime(secretAccessed), sqltx.AsTime(created), sqltx.AsTime(versionAccessed)
	f.Labels = strings.Split(labels, "\x1f")
	if err := splitAccess(access, &f); err != nil {
		return store.Fetched{}, false, d.explain(err)
	}
	d.hot.put(at, q, f)
	return f, true, nil
}

// counted is SQL for a text with its length in bytes before it.
func counted(column string) string {
	return "length(CAST(" + column + " AS BLOB)) || ':' || " + column
}

// splitAccess takes apart what fetchQuery put together. It decides who may
// read, so what cannot be understood is an error.
func splitAccess(s string, f *store.Fetched) (err error) {
	for _, text := range []*string{&f.Type, &f.Function, &f.PrimaryRegion, &f.Policy} {
		if *text, s, err = cutCounted(s); err != nil {
			return err
		}
	}
	for s != "" {
		var t rota.Tag
		if t.Key, s, err = cutCounted(s); err != nil {
			return err
		}
		if t.Value, s, err = cutCounted(s); err != nil {
			return err
		}
		f.Tags = append(f.Tags, t)
	}
	return nil
}

// cutCounted takes a counted text off the beginning.
func cutCounted(s string) (text, rest string, err error) {
	n, rest, _ := strings.Cut(s, ":")
	length, err := strconv.Atoi(n)
	if err != nil || length < 0 || length > len(rest) {
		return "", "", errors.New("what decides about access to a secret can't be read")
	}
	return rest[:length], rest[length:], nil
}
