package storetest

import (
	"errors"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

func replicaRows(t *testing.T, d store.Driver) {
	home := rota.Key{Account: Account, Region: Region, ID: "id-1"}
	other := rota.Key{Account: Account, Region: There, ID: "id-1"} // the same id in another region
	row := func(k rota.Key, region string) store.ReplicaRow {
		return store.ReplicaRow{Primary: k, Region: region, KMSKeyID: "alias/é", Status: rota.ReplicaFailed, Message: "m"}
	}
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutReplica(row(home, "b")), tx.PutReplica(row(home, "a")), tx.PutReplica(row(other, "c")))
	})
	again := row(home, "b")
	again.Seq, again.Status, again.Message, again.KMSKeyID = 1, rota.ReplicaInSync, "", ""
	update(t, d, func(tx store.Tx) error { return tx.PutReplica(again) })
	second := row(home, "a")
	second.Seq = 2
	view(t, d, func(tx store.Tx) error {
		rows, err := tx.Replicas(home)
		same(t, []store.ReplicaRow{again, second}, rows)
		none, err2 := tx.Replicas(rota.Key{Account: Account, Region: Region, ID: "none"})
		same(t, 0, len(none))
		return errors.Join(err, err2)
	})
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.DeleteReplica(home, "b"), tx.DeleteReplica(home, "none"), tx.DeleteReplica(other, "a"))
	})
	view(t, d, func(tx store.Tx) error {
		rows, err := tx.Replicas(home)
		same(t, []store.ReplicaRow{second}, rows)
		rest, err2 := tx.Replicas(other)
		same(t, 1, len(rest))
		return errors.Join(err, err2)
	})
}

func policyRows(t *testing.T, d store.Driver) {
	there := key
	there.Region = There
	read := func(k rota.Key) (text string) {
		t.Helper()
		view(t, d, func(tx store.Tx) (err error) {
			text, err = tx.Policy(k)
			return err
		})
		return text
	}
	same(t, "", read(key))
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutSecret(secretRow("id-1", "a", "AbCdEf")), tx.PutPolicy(key, "one"), tx.PutPolicy(key, "é \""), tx.PutPolicy(there, "there"))
	})
	same(t, "é \"", read(key))
	update(t, d, func(tx store.Tx) error { return tx.DeleteSecret(key) })
	same(t, "", read(key))
	same(t, "there", read(there))
	update(t, d, func(tx store.Tx) error { return errors.Join(tx.PutPolicy(there, ""), tx.PutPolicy(key, "")) })
	same(t, "", read(there))
}
