package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/rotahq/rota/store"
)

func principalRow(name string) store.PrincipalRow {
	return store.PrincipalRow{ARN: "arn:aws:iam::" + Account + ":user/" + name, Name: "user/" + name, ID: "AIDA" + name, Created: Start, Changed: Start}
}

func principalRows(t *testing.T, d store.Driver) {
	at := func(n int) time.Time { return Start.Add(time.Duration(n) * time.Millisecond) }
	ann, bob := principalRow("ann"), principalRow("bob")
	ann.Disabled, ann.Created, ann.Changed = true, at(1), at(2)
	first := store.PrincipalPolicy{Principal: ann.ARN, Name: "a é", Document: "{\"é\": 1}\n", FullAccess: true, Changed: at(3)}
	second := store.PrincipalPolicy{Principal: ann.ARN, Name: "b", Document: "d", Denies: true, Changed: at(4)}
	old := store.AccessKeyRow{ID: "AKIA2", Principal: ann.ARN, Inactive: true, Created: at(5), Used: at(6), SealKey: "k", Blob: []byte{0, 1, 255}}
	young := store.AccessKeyRow{ID: "AKIA1", Principal: ann.ARN, Created: at(7), Blob: []byte{1}}
	others := store.AccessKeyRow{ID: "AKIA3", Principal: bob.ARN, Created: at(8), Blob: []byte{2}}
	update(t, d, func(tx store.Tx) error {
		wrong := ann
		wrong.Disabled, wrong.ID = false, "other"
		replaced := old
		replaced.Inactive, replaced.Blob = false, []byte("x")
		document := first
		document.Document, document.FullAccess = "other", false
		return errors.Join(
			tx.PutPrincipal(bob), tx.PutPrincipal(wrong), tx.PutPrincipal(ann),
			tx.PutPrincipalPolicy(second), tx.PutPrincipalPolicy(document), tx.PutPrincipalPolicy(first),
			tx.PutPrincipalPolicy(store.PrincipalPolicy{Principal: bob.ARN, Name: "b", Document: "bob's"}),
			tx.PutAccessKey(young), tx.PutAccessKey(replaced), tx.PutAccessKey(old), tx.PutAccessKey(others),
		)
	})
	view(t, d, func(tx store.Tx) error {
		got, ok, err := tx.Principal(ann.ARN)
		same(t, true, ok)
		same(t, ann, got)
		named, ok, err2 := tx.PrincipalNamed("user/bob")
		same(t, true, ok)
		same(t, bob, named)
		_, ok, err3 := tx.PrincipalNamed("role/bob")
		same(t, false, ok)
		all, err4 := tx.Principals("", 10)
		same(t, []store.PrincipalRow{ann, bob}, all)
		one, err5 := tx.Principals("", 1)
		same(t, []store.PrincipalRow{ann}, one)
		rest, err6 := tx.Principals(ann.ARN, 10)
		same(t, []store.PrincipalRow{bob}, rest)
		policies, err7 := tx.PrincipalPolicies(ann.ARN)
		same(t, []store.PrincipalPolicy{first, second}, policies)
		full, err8 := tx.FullAccess()
		same(t, []string{ann.ARN}, full)
		keys, err9 := tx.AccessKeys(ann.ARN)
		same(t, []store.AccessKeyRow{old, young}, keys)
		key, ok, err10 := tx.AccessKey("AKIA3")
		same(t, true, ok)
		same(t, others, key)
		_, ok, err11 := tx.AccessKey("AKIA")
		same(t, false, ok)
		return errors.Join(err, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	})
	update(t, d, func(tx store.Tx) error {
		return errors.Join(
			tx.UseAccessKey("AKIA1", at(9)), tx.UseAccessKey("AKIA2", at(5)), tx.UseAccessKey("none", at(9)),
			tx.DeletePrincipalPolicy(ann.ARN, "b"), tx.DeletePrincipalPolicy(ann.ARN, "none"), tx.DeleteAccessKey("none"),
		)
	})
	young.Used = at(9)
	view(t, d, func(tx store.Tx) error {
		keys, err := tx.AccessKeys(ann.ARN)
		same(t, []store.AccessKeyRow{old, young}, keys)
		policies, err2 := tx.PrincipalPolicies(ann.ARN)
		same(t, []store.PrincipalPolicy{first}, policies)
		kept, err3 := tx.PrincipalPolicies(bob.ARN)
		same(t, 1, len(kept))
		return errors.Join(err, err2, err3)
	})
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.DeletePrincipal(ann.ARN), tx.DeletePrincipal("none"), tx.DeleteAccessKey("AKIA3"))
	})
	view(t, d, func(tx store.Tx) error {
		_, ok, err := tx.Principal(ann.ARN)
		same(t, false, ok)
		policies, err2 := tx.PrincipalPolicies(ann.ARN)
		same(t, 0, len(policies))
		_, ok, err3 := tx.AccessKey("AKIA1")
		same(t, false, ok)
		_, ok, err4 := tx.AccessKey("AKIA3")
		same(t, false, ok)
		kept, err5 := tx.PrincipalPolicies(bob.ARN)
		same(t, 1, len(kept))
		return errors.Join(err, err2, err3, err4, err5)
	})
}

// uniquePrincipal: the database itself holds that no two have one name.
func uniquePrincipal(t *testing.T, d store.Driver) {
	update(t, d, func(tx store.Tx) error { return tx.PutPrincipal(principalRow("ann")) })
	second := principalRow("ann")
	second.ARN = "arn:aws:iam::" + Account + ":user/path/ann"
	if err := d.Update(t.Context(), func(tx store.Tx) error { return tx.PutPrincipal(second) }); err == nil {
		t.Error("two principals have one name")
	}
	orphan := store.AccessKeyRow{ID: "AKIA1", Principal: second.ARN, Blob: []byte{1}}
	if err := d.Update(t.Context(), func(tx store.Tx) error { return tx.PutAccessKey(orphan) }); err == nil {
		t.Error("there is a key of nobody")
	}
}
