package sqltx

import (
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var replicas = newTable("replicas", 4, "account region secret replica seq kms_key_id status message")

var putReplica = replicas.upsert()

// Replicas lists where a secret is replicated to.
func (t *Tx) Replicas(k rota.Key) ([]store.ReplicaRow, error) {
	scan := func(row scanner) (r store.ReplicaRow, err error) {
		p := &r.Primary
		err = row.Scan(&p.Account, &p.Region, &p.ID, &r.Region, &r.Seq, &r.KMSKeyID, &r.Status, &r.Message)
		return r, err
	}
	return all(t, scan, "SELECT "+replicas.columns("")+" FROM replicas"+ofSecret+" ORDER BY seq", k.Account, k.Region, k.ID)
}

// PutReplica writes one of them.
func (t *Tx) PutReplica(r store.ReplicaRow) error {
	k := r.Primary
	if r.Seq == 0 {
		scan := func(row scanner) (n int64, err error) {
			err = row.Scan(&n)
			return n, err
		}
		last, _, err := one(t, scan, "SELECT COALESCE(MAX(seq), 0) FROM replicas"+ofSecret, k.Account, k.Region, k.ID)
		if err != nil {
			return err
		}
		r.Seq = last + 1
	}
	return t.exec(putReplica, k.Account, k.Region, k.ID, r.Region, r.Seq, r.KMSKeyID, string(r.Status), r.Message)
}

// DeleteReplica removes one of them.
func (t *Tx) DeleteReplica(k rota.Key, region string) error {
	return t.exec("DELETE FROM replicas"+ofSecret+" AND replica = $4", k.Account, k.Region, k.ID, region)
}

// Policy reads the resource policy of a secret.
func (t *Tx) Policy(k rota.Key) (string, error) {
	scan := func(row scanner) (s string, err error) {
		err = row.Scan(&s)
		return s, err
	}
	s, _, err := one(t, scan, "SELECT document FROM policies"+ofSecret, k.Account, k.Region, k.ID)
	return s, err
}

// PutPolicy writes or removes it.
func (t *Tx) PutPolicy(k rota.Key, document string) error {
	if document == "" {
		return t.exec("DELETE FROM policies"+ofSecret, k.Account, k.Region, k.ID)
	}
	return t.exec(`INSERT INTO policies (account, region, secret, document) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account, region, secret) DO UPDATE SET document = excluded.document`, k.Account, k.Region, k.ID, document)
}
