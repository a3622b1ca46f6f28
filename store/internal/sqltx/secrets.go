package sqltx

import (
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var secrets = newTable("secrets", 3, `account region id name suffix description kms_key_id type create_token
	created changed accessed deletion_date gone ever_tagged
	configured enabled function after_days expression duration metadata role_arn last_rotated next_rotation anchor start primary_region`)

var (
	selectSecret = "SELECT " + secrets.columns("") + " FROM secrets "
	putSecret    = secrets.upsert()
)

func scanSecret(row scanner) (s store.SecretRow, err error) {
	r := &s.Rotation
	err = row.Scan(
		&s.Account, &s.Region, &s.ID, &s.Name, &s.Suffix, &s.Description, &s.KMSKeyID, &s.Type, &s.CreateToken,
		asTime{&s.Created}, asTime{&s.Changed}, asTime{&s.Accessed}, asTime{&s.DeletionDate}, asTime{&s.Gone}, asFlag{&s.EverTagged},
		asFlag{&r.Configured}, asFlag{&r.Enabled}, &r.Function, &r.Rules.AfterDays, &r.Rules.Expression, &r.Rules.Duration,
		asJSON[[]rota.MetadataItem]{&r.Metadata}, &r.RoleARN, asTime{&r.Last}, asTime{&r.Next}, asTime{&s.Anchor}, asTime{&s.Start}, &s.PrimaryRegion,
	)
	return s, err
}

// Secret reads a secret by key.
func (t *Tx) Secret(k rota.Key) (store.SecretRow, bool, error) {
	return one(t, scanSecret, selectSecret+"WHERE account = $1 AND region = $2 AND id = $3", k.Account, k.Region, k.ID)
}

// SecretByName reads the secret that has the name now.
func (t *Tx) SecretByName(account, region, name string) (store.SecretRow, bool, error) {
	return one(t, scanSecret, selectSecret+"WHERE account = $1 AND region = $2 AND name = $3 AND gone = 0", account, region, name)
}

// SecretByARN reads a secret that has or had the name.
func (t *Tx) SecretByARN(account, region, name, suffix string) (store.SecretRow, bool, error) {
	return one(t, scanSecret, selectSecret+"WHERE account = $1 AND region = $2 AND name = $3 AND suffix = $4", account, region, name, suffix)
}

var orderColumns = map[store.SecretOrder]string{
	store.ByCreated: "created", store.ByAccessed: "accessed", store.ByChanged: "changed", store.ByName: "name",
}

// Secrets reads a run of secrets.
func (t *Tx) Secrets(q store.SecretsQuery) ([]store.SecretRow, error) {
	col := orderColumns[q.Order]
	if col == "" {
		return nil, fmt.Errorf("there is no order %q of secrets", q.Order)
	}
	query := selectSecret + "WHERE account = $1 AND region = $2 AND gone = 0"
	args := []any{q.Account, q.Region}
	if !q.Deleted {
		query += " AND deletion_date = 0"
	}
	cmp, dir := ">", "ASC"
	if q.Descending {
		cmp, dir = "<", "DESC"
	}
	if q.After.ID != "" {
		at := any(Milli(q.After.Time))
		if q.Order == store.ByName {
			at = q.After.Name
		}
		args = append(args, at, q.After.ID)
		query += fmt.Sprintf(" AND (%s, id) %s ($3, $4)", col, cmp)
	}
	args = append(args, q.Limit)
	query += fmt.Sprintf(" ORDER BY %s %s, id %s LIMIT $%d", col, dir, dir, len(args))
	return all(t, scanSecret, query, args...)
}

// What begins with a prefix, by index. Tags live and die with their secret, so
// each that is found has its row.
const (
	named      = "FROM secrets WHERE account = $1 AND region = $2 AND gone = 0 AND name >= $3 AND name < $4"
	tagged     = "SELECT DISTINCT secret FROM tags WHERE account = $1 AND region = $2 AND %s >= $3 AND %[1]s < $4"
	ofTagged   = "FROM (" + tagged + ") found JOIN secrets s ON s.account = $1 AND s.region = $2 AND s.id = found.secret"
	countUpTo  = "SELECT count(*) FROM (%s LIMIT $5)"
	placeOfOne = "SELECT id, name, %s, deletion_date, gone "
)

// SecretsWith finds secrets by the beginning of a name or a tag.
func (t *Tx) SecretsWith(q store.SecretsQuery, p store.Prefixes, most int) (places []store.SecretCursor, ok bool, err error) {
	at := orderColumns[q.Order]
	if q.Order == store.ByName {
		at = "created" // for the form only
	}
	count, find := fmt.Sprintf(countUpTo, "SELECT 1 "+named), fmt.Sprintf(placeOfOne, at)+named
	if column := map[string]string{store.PrefixOfTagKey: "key", store.PrefixOfTagValue: "value"}[p.Of]; column != "" {
		count, find = fmt.Sprintf(countUpTo, fmt.Sprintf(tagged, column)), fmt.Sprintf(placeOfOne, at)+fmt.Sprintf(ofTagged, column)
	}
	for _, prefix := range p.Any {
		args := []any{q.Account, q.Region, prefix, following(prefix)}
		n, _, err := one(t, scanInt, count, append(args, most+1)...)
		if err != nil || n > most {
			return nil, false, err
		}
		most -= n
		_, err = t.each(find, args, func(row scanner) error {
			var s store.SecretRow
			var when, gone time.Time
			if err := row.Scan(&s.ID, &s.Name, asTime{&when}, asTime{&s.DeletionDate}, asTime{&gone}); err != nil {
				return err
			}
			s.Created, s.Accessed, s.Changed = when, when, when
			if gone.IsZero() && (q.Deleted || s.DeletionDate.IsZero()) {
				places = append(places, q.CursorOf(s))
			}
			return nil
		})
		if err != nil {
			return nil, false, err
		}
	}
	return places, true, nil
}

func scanInt(row scanner) (n int, err error) {
	err = row.Scan(&n)
	return n, err
}

// following is the first text after all that begin with the prefix.
func following(prefix string) string {
	last, size := utf8.DecodeLastRuneInString(prefix)
	if last++; utf16.IsSurrogate(last) {
		last = 0xE000
	}
	return prefix[:len(prefix)-size] + string(last)
}

// Expired lists what a purge looks at.
func (t *Tx) Expired(limit int) ([]store.SecretRow, error) {
	return all(t, scanSecret, "SELECT "+secrets.columns("s")+` FROM secrets s WHERE s.deletion_date > 0 AND s.deletion_date <= $1
		AND (s.gone = 0 OR NOT EXISTS (SELECT 1 FROM credentials c WHERE c.account = s.account AND c.region = s.region AND c.secret = s.id
			AND c.state IN ('superseded', 'held', 'ending')))
		ORDER BY s.deletion_date LIMIT $2`, Milli(t.now), limit)
}

// PutSecret writes a secret.
func (t *Tx) PutSecret(s store.SecretRow) error {
	r := s.Rotation
	return t.exec(putSecret,
		s.Account, s.Region, s.ID, s.Name, s.Suffix, s.Description, s.KMSKeyID, s.Type, s.CreateToken,
		Milli(s.Created), Milli(s.Changed), Milli(s.Accessed), Milli(s.DeletionDate), Milli(s.Gone), flag(s.EverTagged),
		flag(r.Configured), flag(r.Enabled), r.Function, r.Rules.AfterDays, r.Rules.Expression, r.Rules.Duration,
		inJSON(r.Metadata), r.RoleARN, Milli(r.Last), Milli(r.Next), Milli(s.Anchor), Milli(s.Start), s.PrimaryRegion,
	)
}

// DeleteSecret removes a secret and what lives and dies with it.
func (t *Tx) DeleteSecret(k rota.Key) error {
	for _, query := range []string{
		"DELETE FROM labels WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM readers WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM versions WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM tags WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM policies WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM tasks WHERE account = $1 AND region = $2 AND secret = $3",
		"DELETE FROM secrets WHERE account = $1 AND region = $2 AND id = $3",
	} {
		if err := t.exec(query, k.Account, k.Region, k.ID); err != nil {
			return err
		}
	}
	return nil
}

var tombstones = newTable("tombstones", 5, "account region name suffix id created deleted purged")

var putTombstone = tombstones.upsert()

// PutTombstone writes what is left of a secret.
func (t *Tx) PutTombstone(s store.Tombstone) error {
	return t.exec(putTombstone, s.Account, s.Region, s.Name, s.Suffix, s.ID, Milli(s.Created), Milli(s.Deleted), Milli(s.Purged))
}

// TombstoneByARN finds what is left of a secret.
func (t *Tx) TombstoneByARN(account, region, name, suffix string) (store.Tombstone, bool, error) {
	scan := func(row scanner) (s store.Tombstone, err error) {
		err = row.Scan(&s.Account, &s.Region, &s.Name, &s.Suffix, &s.ID, asTime{&s.Created}, asTime{&s.Deleted}, asTime{&s.Purged})
		return s, err
	}
	return one(t, scan, "SELECT "+tombstones.columns("")+" FROM tombstones WHERE account = $1 AND region = $2 AND name = $3 AND suffix = $4",
		account, region, name, suffix)
}

// Meta reads a small value, nil if there is none.
func (t *Tx) Meta(key string) ([]byte, error) {
	scan := func(row scanner) (v []byte, err error) {
		err = row.Scan(&v)
		return v, err
	}
	v, _, err := one(t, scan, "SELECT value FROM meta WHERE key = $1", key)
	return v, err
}

// PutMeta writes a small value.
func (t *Tx) PutMeta(key string, value []byte) error {
	return t.exec("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
}

// ProviderCheck reads whether the provider at an address refuses random values.
func (t *Tx) ProviderCheck(account, region, address string) (checks, ok bool, err error) {
	scan := func(row scanner) (b bool, err error) {
		err = row.Scan(asFlag{&b})
		return b, err
	}
	return one(t, scan, "SELECT checks FROM provider_checks WHERE account = $1 AND region = $2 AND address = $3", account, region, address)
}

// PutProviderCheck writes it.
func (t *Tx) PutProviderCheck(account, region, address string, checks bool) error {
	return t.exec(`INSERT INTO provider_checks (account, region, address, checks, seen) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, region, address) DO UPDATE SET checks = excluded.checks, seen = excluded.seen`,
		account, region, address, flag(checks), Milli(t.now))
}
