package sqltx

import (
	"time"

	"github.com/rotahq/rota/store"
)

var (
	principals        = newTable("principals", 1, "arn name id disabled created changed")
	principalPolicies = newTable("principal_policies", 2, "principal name document full_access denies changed")
	accessKeys        = newTable("access_keys", 1, "id principal inactive created used seal_key secret")

	putPrincipal       = principals.upsert()
	putPrincipalPolicy = principalPolicies.upsert()
	putAccessKey       = accessKeys.upsert()
)

const principalWhere = " WHERE principal = $1"

func scanPrincipal(row scanner) (p store.PrincipalRow, err error) {
	err = row.Scan(&p.ARN, &p.Name, &p.ID, asFlag{&p.Disabled}, asTime{&p.Created}, asTime{&p.Changed})
	return p, err
}

// Principal reads a principal.
func (t *Tx) Principal(arn string) (store.PrincipalRow, bool, error) {
	return one(t, scanPrincipal, "SELECT "+principals.columns("")+" FROM principals WHERE arn = $1", arn)
}

// PrincipalNamed finds who has a name.
func (t *Tx) PrincipalNamed(name string) (store.PrincipalRow, bool, error) {
	return one(t, scanPrincipal, "SELECT "+principals.columns("")+" FROM principals WHERE name = $1", name)
}

// Principals lists them by ARN.
func (t *Tx) Principals(after string, limit int) ([]store.PrincipalRow, error) {
	return all(t, scanPrincipal, "SELECT "+principals.columns("")+" FROM principals WHERE arn > $1 ORDER BY arn LIMIT $2", after, limit)
}

// PutPrincipal writes a principal.
func (t *Tx) PutPrincipal(p store.PrincipalRow) error {
	return t.exec(putPrincipal, p.ARN, p.Name, p.ID, flag(p.Disabled), Milli(p.Created), Milli(p.Changed))
}

// DeletePrincipal removes a principal with all that is its own.
func (t *Tx) DeletePrincipal(arn string) error {
	for _, q := range []string{
		"DELETE FROM access_keys" + principalWhere, "DELETE FROM principal_policies" + principalWhere, "DELETE FROM principals WHERE arn = $1",
	} {
		if err := t.exec(q, arn); err != nil {
			return err
		}
	}
	return nil
}

// PrincipalPolicies lists the policies of a principal.
func (t *Tx) PrincipalPolicies(arn string) ([]store.PrincipalPolicy, error) {
	scan := func(row scanner) (p store.PrincipalPolicy, err error) {
		err = row.Scan(&p.Principal, &p.Name, &p.Document, asFlag{&p.FullAccess}, asFlag{&p.Denies}, asTime{&p.Changed})
		return p, err
	}
	return all(t, scan, "SELECT "+principalPolicies.columns("")+" FROM principal_policies"+principalWhere+" ORDER BY name", arn)
}

// PutPrincipalPolicy writes one of them.
func (t *Tx) PutPrincipalPolicy(p store.PrincipalPolicy) error {
	return t.exec(putPrincipalPolicy, p.Principal, p.Name, p.Document, flag(p.FullAccess), flag(p.Denies), Milli(p.Changed))
}

// DeletePrincipalPolicy removes one of them.
func (t *Tx) DeletePrincipalPolicy(arn, name string) error {
	return t.exec("DELETE FROM principal_policies"+principalWhere+" AND name = $2", arn, name)
}

// FullAccess lists who has a policy that allows everything.
func (t *Tx) FullAccess() ([]string, error) {
	scan := func(row scanner) (arn string, err error) {
		err = row.Scan(&arn)
		return arn, err
	}
	return all(t, scan, "SELECT principal FROM principal_policies WHERE full_access > 0")
}

func scanAccessKey(row scanner) (k store.AccessKeyRow, err error) {
	err = row.Scan(&k.ID, &k.Principal, asFlag{&k.Inactive}, asTime{&k.Created}, asTime{&k.Used}, &k.SealKey, &k.Blob)
	return k, err
}

// AccessKey reads an access key.
func (t *Tx) AccessKey(id string) (store.AccessKeyRow, bool, error) {
	return one(t, scanAccessKey, "SELECT "+accessKeys.columns("")+" FROM access_keys WHERE id = $1", id)
}

// AccessKeys lists those of a principal.
func (t *Tx) AccessKeys(arn string) ([]store.AccessKeyRow, error) {
	return all(t, scanAccessKey, "SELECT "+accessKeys.columns("")+" FROM access_keys"+principalWhere+" ORDER BY created, id", arn)
}

// PutAccessKey writes an access key.
func (t *Tx) PutAccessKey(k store.AccessKeyRow) error {
	return t.exec(putAccessKey, k.ID, k.Principal, flag(k.Inactive), Milli(k.Created), Milli(k.Used), k.SealKey, k.Blob)
}

// DeleteAccessKey removes an access key.
func (t *Tx) DeleteAccessKey(id string) error {
	return t.exec("DELETE FROM access_keys WHERE id = $1", id)
}

// UseAccessKey moves the time of the last use forward.
func (t *Tx) UseAccessKey(id string, at time.Time) error {
	return t.exec("UPDATE access_keys SET used = $2 WHERE id = $1 AND used < $2", id, Milli(at))
}
