package sqltx

import (
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var versions = newTable("versions", 4, "account region secret id seq created accessed kind kms_key_id seal_key value")

var putVersion = versions.upsert()

const ofSecret = " WHERE account = $1 AND region = $2 AND secret = $3"

func scanVersion(row scanner) (v store.VersionRow, err error) {
	k := &v.Secret
	err = row.Scan(&k.Account, &k.Region, &k.ID, &v.ID, &v.Seq, asTime{&v.Created}, asTime{&v.Accessed}, &v.Kind, &v.KMSKeyID, &v.SealKey, &v.Blob)
	return v, err
}

// Version reads a version with its sealed value.
func (t *Tx) Version(k rota.Key, id string) (store.VersionRow, bool, error) {
	return one(t, scanVersion, "SELECT "+versions.columns("")+" FROM versions"+ofSecret+" AND id = $4", k.Account, k.Region, k.ID, id)
}

// Versions reads all versions of a secret without their values.
func (t *Tx) Versions(k rota.Key) ([]store.VersionRow, error) {
	scan := func(row scanner) (v store.VersionRow, err error) {
		v.Secret = k
		err = row.Scan(&v.ID, &v.Seq, asTime{&v.Created}, asTime{&v.Accessed}, &v.Kind, &v.KMSKeyID, &v.SealKey)
		return v, err
	}
	return all(t, scan, "SELECT id, seq, created, accessed, kind, kms_key_id, seal_key FROM versions"+ofSecret+" ORDER BY seq", k.Account, k.Region, k.ID)
}

// PutVersion writes a version.
func (t *Tx) PutVersion(v store.VersionRow) error {
	k := v.Secret
	if v.Seq == 0 {
		scan := func(row scanner) (n int64, err error) {
			err = row.Scan(&n)
			return n, err
		}
		last, _, err := one(t, scan, "SELECT COALESCE(MAX(seq), 0) FROM versions"+ofSecret, k.Account, k.Region, k.ID)
		if err != nil {
			return err
		}
		v.Seq = last + 1
	}
	return t.exec(putVersion, k.Account, k.Region, k.ID, v.ID, v.Seq, Milli(v.Created), Milli(v.Accessed), int64(v.Kind), v.KMSKeyID, v.SealKey, v.Blob)
}

// DeleteVersion removes a version without labels, and its readers.
func (t *Tx) DeleteVersion(k rota.Key, id string) error {
	if err := t.exec("DELETE FROM readers"+ofSecret+" AND version = $4", k.Account, k.Region, k.ID, id); err != nil {
		return err
	}
	return t.exec("DELETE FROM versions"+ofSecret+" AND id = $4", k.Account, k.Region, k.ID, id)
}

// PutAccessed writes the day of the last read.
func (t *Tx) PutAccessed(k rota.Key, version string, day time.Time) error {
	if err := t.exec("UPDATE secrets SET accessed = $4 WHERE account = $1 AND region = $2 AND id = $3", k.Account, k.Region, k.ID, Milli(day)); err != nil {
		return err
	}
	return t.exec("UPDATE versions SET accessed = $5"+ofSecret+" AND id = $4", k.Account, k.Region, k.ID, version, Milli(day))
}

// Labels reads which version each label is on.
func (t *Tx) Labels(k rota.Key) (map[rota.Label]string, error) {
	scan := func(row scanner) (p [2]string, err error) {
		err = row.Scan(&p[0], &p[1])
		return p, err
	}
	pairs, err := all(t, scan, "SELECT label, version FROM labels"+ofSecret, k.Account, k.Region, k.ID)
	if err != nil {
		return nil, err
	}
	labels := make(map[rota.Label]string, len(pairs))
	for _, p := range pairs {
		labels[p[0]] = p[1]
	}
	return labels, nil
}

// PutLabel puts a label on a version.
func (t *Tx) PutLabel(k rota.Key, l rota.Label, version string) error {
	return t.exec(`INSERT INTO labels (account, region, secret, label, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, region, secret, label) DO UPDATE SET version = excluded.version`, k.Account, k.Region, k.ID, l, version)
}

// DeleteLabel takes a label off.
func (t *Tx) DeleteLabel(k rota.Key, l rota.Label) error {
	return t.exec("DELETE FROM labels"+ofSecret+" AND label = $4", k.Account, k.Region, k.ID, l)
}

// Tags reads the tags in the order they were first set.
func (t *Tx) Tags(k rota.Key) ([]rota.Tag, error) {
	scan := func(row scanner) (tag rota.Tag, err error) {
		err = row.Scan(&tag.Key, &tag.Value)
		return tag, err
	}
	return all(t, scan, "SELECT key, value FROM tags"+ofSecret+" ORDER BY pos", k.Account, k.Region, k.ID)
}

// PutTags replaces the tags.
func (t *Tx) PutTags(k rota.Key, tags []rota.Tag) error {
	if err := t.exec("DELETE FROM tags"+ofSecret, k.Account, k.Region, k.ID); err != nil {
		return err
	}
	for i, tag := range tags {
		err := t.exec("INSERT INTO tags (account, region, secret, pos, key, value) VALUES ($1, $2, $3, $4, $5, $6)",
			k.Account, k.Region, k.ID, i, tag.Key, tag.Value)
		if err != nil {
			return err
		}
	}
	return nil
}
