package sqltx

import (
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var credentials = newTable("credentials", 4, `account region secret id secret_arn version rotator provider principal provider_id fingerprint
	metadata state lane policy not_before deadline due attempts evidence created changed`)

var (
	selectCredential = "SELECT " + credentials.columns("") + " FROM credentials "
	putCredential    = credentials.upsert()
)

func scanCredential(row scanner) (c rota.Credential, err error) {
	err = row.Scan(
		&c.Secret.Account, &c.Secret.Region, &c.Secret.ID, &c.ID, &c.SecretARN, &c.Version, &c.Rotator, &c.Provider, &c.Principal, &c.ProviderID, &c.Fingerprint,
		asJSON[map[string]string]{&c.Metadata}, &c.State, &c.Lane, &c.Policy, asTime{&c.NotBefore}, asTime{&c.Deadline}, asTime{&c.Due}, &c.Attempts, &c.Evidence,
		asTime{&c.Created}, asTime{&c.Changed},
	)
	return c, err
}

// Credentials lists the ledger rows of a secret.
func (t *Tx) Credentials(k rota.Key) ([]rota.Credential, error) {
	return all(t, scanCredential, selectCredential+"WHERE account = $1 AND region = $2 AND secret = $3 ORDER BY created, id", k.Account, k.Region, k.ID)
}

// CredentialsByARN lists the ledger rows of a secret that may be no more.
func (t *Tx) CredentialsByARN(arn string) ([]rota.Credential, error) {
	return all(t, scanCredential, selectCredential+"WHERE secret_arn = $1 ORDER BY created, id", arn)
}

// AllCredentials lists ledger rows of all secrets.
func (t *Tx) AllCredentials(f store.CredentialFilter) ([]rota.Credential, error) {
	query, args := selectCredential+"WHERE id > $1", []any{f.After}
	if len(f.States) > 0 {
		query += " AND state IN (" + params(2, len(f.States)) + ")"
		for _, s := range f.States {
			args = append(args, string(s))
		}
	}
	query += " ORDER BY id"
	if f.Limit > 0 {
		args = append(args, f.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return all(t, scanCredential, query, args...)
}

// PutCredential writes a ledger row.
func (t *Tx) PutCredential(c rota.Credential) error {
	return t.exec(putCredential,
		c.Secret.Account, c.Secret.Region, c.Secret.ID, c.ID, c.SecretARN, c.Version, c.Rotator, c.Provider, c.Principal, c.ProviderID, c.Fingerprint,
		inJSON(c.Metadata), string(c.State), c.Lane, c.Policy, Milli(c.NotBefore), Milli(c.Deadline), Milli(c.Due), c.Attempts, c.Evidence,
		Milli(c.Created), Milli(c.Changed),
	)
}

var journal = newTable("journal", 0, "account region secret token claim attempt step started duration outcome cause next")

var addJournal = journal.insert()

// AddJournal appends an entry.
func (t *Tx) AddJournal(e rota.JournalEntry) error {
	k := e.Secret
	return t.exec(addJournal, k.Account, k.Region, k.ID, e.Token, e.Claim, e.Attempt, e.Step, Milli(e.Started), e.Duration.Microseconds(), e.Outcome, e.Cause, e.Next)
}

// Journal lists entries, newest first.
func (t *Tx) Journal(k rota.Key, limit int, beforeSeq int64) ([]rota.JournalEntry, error) {
	scan := func(row scanner) (e rota.JournalEntry, err error) {
		var micros int64
		s := &e.Secret
		err = row.Scan(&e.Seq, &s.Account, &s.Region, &s.ID, &e.Token, &e.Claim, &e.Attempt, &e.Step, asTime{&e.Started}, &micros, &e.Outcome, &e.Cause, &e.Next)
		e.Duration = time.Duration(micros) * time.Microsecond
		return e, err
	}
	query, args := "SELECT seq, "+journal.columns("")+" FROM journal"+ofSecret, []any{k.Account, k.Region, k.ID, limit}
	if beforeSeq > 0 {
		args = append(args, beforeSeq)
		query += " AND seq < $5"
	}
	return all(t, scan, query+" ORDER BY seq DESC LIMIT $4", args...)
}

// PutReader writes that a principal fetched a version.
func (t *Tx) PutReader(k rota.Key, r store.Reader) error {
	return t.exec(`INSERT INTO readers (account, region, secret, version, principal, instance, first_seen, last_seen, grade)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (account, region, secret, version, principal, instance) DO UPDATE SET last_seen = excluded.last_seen, grade = excluded.grade`,
		k.Account, k.Region, k.ID, r.Version, r.Principal, r.Instance, Milli(r.First), Milli(r.Last), r.Grade)
}

// Readers lists who fetched which version.
func (t *Tx) Readers(k rota.Key) ([]store.Reader, error) {
	scan := func(row scanner) (r store.Reader, err error) {
		err = row.Scan(&r.Version, &r.Principal, &r.Instance, asTime{&r.First}, asTime{&r.Last}, &r.Grade)
		return r, err
	}
	return all(t, scan, "SELECT version, principal, instance, first_seen, last_seen, grade FROM readers"+ofSecret+" ORDER BY first_seen, version, principal, instance",
		k.Account, k.Region, k.ID)
}
