package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

// Driver is a database. It stores rows and knows no rule.
//
// Update is the only way anything is written, and its return the only commit
// point: a wrapper around Update sees every change that the program makes.
type Driver interface {
	// Now is the one clock of the store: the database's, or the one handed
	// in where the database is a file. UTC, whole milliseconds.
	Now() time.Time

	// View runs f on one consistent state. f may be run again.
	View(ctx context.Context, f func(Tx) error) error

	// Update runs f in a transaction, alone. When it returns nil everything
	// that f wrote survives a crash; when f failed, nothing was written. With
	// another error nothing was written either, unless the disk or the
	// connection failed during the commit: then it may have been. f may be
	// run again, so it must have no effect but on the transaction and on
	// variables that it sets anew.
	Update(ctx context.Context, f func(Tx) error) error

	// Fetch is the hot read: the value under a label, in one indexed query.
	// ok is false when the secret does not exist or was deleted with force,
	// and when no version has the label.
	Fetch(ctx context.Context, q FetchQuery) (f Fetched, ok bool, err error)

	Close() error
}

// FetchQuery names a version by label.
type FetchQuery struct {
	Account, Region string
	Name            string
	Suffix          string // "" for any
	Label           rota.Label
}

// Fetched is what GetSecretValue needs.
type Fetched struct {
	Key             rota.Key
	Name, Suffix    string
	Deleted         bool
	SecretAccessed  time.Time
	Version         string
	Kind            rota.Kind
	Created         time.Time
	VersionAccessed time.Time
	Labels          []rota.Label // unsorted
	Blob            []byte

	// What policies can say of the secret.
	Type          string
	Function      string
	PrimaryRegion string
	Tags          []rota.Tag // in no order
	Policy        string     // "": none
}

// Tx is the rows within one transaction. "ok" is false where a row does not
// exist; that is no error. Put inserts a row or replaces it as a whole.
// Times are UTC whole milliseconds, and the zero time is kept as such.
type Tx interface {
	// Now is the same during the whole transaction.
	Now() time.Time

	Meta(key string) (value []byte, err error) // nil: none
	PutMeta(key string, value []byte) error

	Secret(k rota.Key) (s SecretRow, ok bool, err error)
	// SecretByName finds only what was not deleted with force.
	SecretByName(account, region, name string) (s SecretRow, ok bool, err error)
	SecretByARN(account, region, name, suffix string) (s SecretRow, ok bool, err error)
	Secrets(q SecretsQuery) ([]SecretRow, error)
	// SecretsWith finds those of a query that begin with a prefix: their
	// places, in no order and perhaps twice, whatever After and Limit say. ok is
	// false, and none is given, where there are more than most: they are not
	// counted to their end.
	SecretsWith(q SecretsQuery, p Prefixes, most int) (places []SecretCursor, ok bool, err error)
	// Expired lists secrets whose DeletionDate has passed, oldest first. One
	// that is gone already is listed once it has no open credential.
	Expired(limit int) ([]SecretRow, error)
	PutSecret(SecretRow) error
	// DeleteSecret takes versions, labels, tags, policy, readers and the task
	// along, and leaves ledger, journal, replicas and tombstones.
	DeleteSecret(k rota.Key) error

	Labels(k rota.Key) (map[rota.Label]string, error)
	// PutLabel puts the label on the version, off any other one.
	PutLabel(k rota.Key, l rota.Label, version string) error
	DeleteLabel(k rota.Key, l rota.Label) error
	Tags(k rota.Key) ([]rota.Tag, error)
	PutTags(k rota.Key, tags []rota.Tag) error // all of them

	Version(k rota.Key, id string) (v VersionRow, ok bool, err error)
	Versions(k rota.Key) ([]VersionRow, error) // by Seq, without Blob
	PutVersion(VersionRow) error
	DeleteVersion(k rota.Key, id string) error // and its readers
	// PutAccessed sets the day of the last read of a secret and a version.
	PutAccessed(k rota.Key, version string, day time.Time) error

	Task(k rota.Key) (t Task, ok bool, err error)
	PutTask(Task) error // Name and ARN are not stored
	// BusyTasks lists tasks that are not idle or have an owner.
	BusyTasks() ([]Task, error)
	// LeaseOn finds an owner whose lease names the secret as its admin and
	// ends after now.
	LeaseOn(admin rota.Key, now time.Time) (t Task, ok bool, err error)
	// IdleBefore lists idle tasks with a due time before the given one,
	// oldest first.
	IdleBefore(before time.Time) ([]Task, error)
	// Postponed lists idle tasks that are due after the start that is planned
	// for their secret, oldest first.
	Postponed() ([]Task, error)
	// Due lists, oldest first, the tasks and open credentials that are due at
	// now, under no active lease and in none of the lanes. The credential of
	// a version that is AWSCURRENT is not due.
	Due(now time.Time, limit int, skipLanes []string) ([]Work, error)
	// NextDue is the earliest due time of all; zero if there is none.
	NextDue() (time.Time, error)

	Credentials(k rota.Key) ([]rota.Credential, error) // by Created
	CredentialsByARN(arn string) ([]rota.Credential, error)
	AllCredentials(f CredentialFilter) ([]rota.Credential, error)
	PutCredential(rota.Credential) error

	AddJournal(rota.JournalEntry) error // Seq is the database's
	// Journal lists newest first; beforeSeq 0 is from the newest on.
	Journal(k rota.Key, limit int, beforeSeq int64) ([]rota.JournalEntry, error)

	PutReader(k rota.Key, r Reader) error // keeps First of a row that exists
	Readers(k rota.Key) ([]Reader, error)

	ProviderCheck(account, region, address string) (checks, ok bool, err error)
	PutProviderCheck(account, region, address string, checks bool) error

	// Replicas lists where a secret is replicated to, in the order of Seq.
	Replicas(primary rota.Key) ([]ReplicaRow, error)
	PutReplica(ReplicaRow) error
	DeleteReplica(primary rota.Key, region string) error

	Policy(k rota.Key) (document string, err error) // "": none
	PutPolicy(k rota.Key, document string) error    // "" removes it

	Function(account, region, name string) (f FunctionRow, ok bool, err error)
	Functions(account, region string) ([]FunctionRow, error) // by name
	PutFunction(FunctionRow) error
	DeleteFunction(account, region, name string) error

	AddOutbox(OutboxRow) error // Seq is the database's
	// Outbox lists rows by Seq. No row with a smaller number than one that it
	// lists may be committed later.
	Outbox(limit int) ([]OutboxRow, error)
	DeleteOutbox(upTo int64) error

	Principal(arn string) (p PrincipalRow, ok bool, err error)
	PrincipalNamed(name string) (p PrincipalRow, ok bool, err error)
	Principals(after string, limit int) ([]PrincipalRow, error) // by ARN
	PutPrincipal(PrincipalRow) error
	DeletePrincipal(arn string) error                        // takes policies and access keys along
	PrincipalPolicies(arn string) ([]PrincipalPolicy, error) // by Name
	PutPrincipalPolicy(PrincipalPolicy) error
	DeletePrincipalPolicy(arn, name string) error
	// FullAccess lists the ARNs of who has a policy with FullAccess, in no
	// order, and with two such policies twice.
	FullAccess() ([]string, error)
	AccessKey(id string) (k AccessKeyRow, ok bool, err error)
	AccessKeys(arn string) ([]AccessKeyRow, error) // by Created
	PutAccessKey(AccessKeyRow) error
	DeleteAccessKey(id string) error
	// UseAccessKey sets Used of a key that exists, unless it is later already.
	UseAccessKey(id string, at time.Time) error

	PutTombstone(Tombstone) error
	TombstoneByARN(account, region, name, suffix string) (t Tombstone, ok bool, err error)
}

// SecretRow is a secret without its labels, tags and replicas, which are rows
// of their own.
type SecretRow struct {
	rota.Secret
	// CreateToken makes a repeated CreateSecret without a value a success.
	CreateToken string
	// Anchor is what the schedule counts from: the last rotation that
	// succeeded, the last value put by hand, or when the schedule was set.
	Anchor time.Time
	// Start is when the next scheduled rotation is to start: a moment inside
	// the window whose last one is Rotation.Next. Past it the secret is
	// overdue until a rotation succeeded.
	Start time.Time
	// Gone is when the secret was deleted with force, or its recovery window
	// ended, while a credential was still to be ended. Its name is free.
	Gone time.Time
}

// VersionRow is a version with its sealed value.
type VersionRow struct {
	Secret       rota.Key
	Seq          int64 // order within the secret; 0 is "after all others" when put
	rota.Version       // Labels are rows of their own
	Blob         []byte
}

// ReplicaRow says that a secret is replicated to a region. While it is in
// sync the replica is a secret of its own, with the primary's id.
type ReplicaRow struct {
	Primary  rota.Key
	Region   string
	Seq      int64 // order within the secret; 0 is "after all others" when put
	KMSKeyID string
	Status   rota.ReplicaStatus
	Message  string
}

// Key is that of the replica.
func (r ReplicaRow) Key() rota.Key {
	return rota.Key{Account: r.Primary.Account, Region: r.Region, ID: r.Primary.ID}
}

// SecretOrder is what a list of secrets is sorted by; the internal id breaks
// ties.
type SecretOrder string

// The orders of ListSecrets.
const (
	ByCreated  SecretOrder = "created-date"
	ByAccessed SecretOrder = "last-accessed-date"
	ByChanged  SecretOrder = "last-changed-date"
	ByName     SecretOrder = "name"
)

// SecretsQuery asks for a run of secrets, without those that are gone.
type SecretsQuery struct {
	Account, Region string
	Order           SecretOrder
	Descending      bool
	Deleted         bool // with those scheduled for deletion
	After           SecretCursor
	Limit           int
}

// SecretCursor is a place in a list of secrets. The zero cursor is before
// the first.
type SecretCursor struct {
	Time time.Time // with the orders by date
	Name string    // with ByName
	ID   string
}

// CursorOf is the place of a secret in the order.
func (q SecretsQuery) CursorOf(s SecretRow) SecretCursor {
	c := SecretCursor{ID: s.ID}
	switch q.Order {
	case ByName:
		c.Name = s.Name
	case ByAccessed:
		c.Time = s.Accessed
	case ByChanged:
		c.Time = s.Changed
	default:
		c.Time = s.Created
	}
	return c
}

// compare says which of two places of a list comes first.
func (q SecretsQuery) compare(a, b SecretCursor) int {
	c := cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	if q.Descending {
		return -c
	}
	return c
}

// What a prefix can be of.
const (
	PrefixOfName     = "name"
	PrefixOfTagKey   = "tag-key"
	PrefixOfTagValue = "tag-value"
)

// Prefixes are beginnings of a name, or of the key or the value of a tag. None
// is empty, or has the last character that there is.
type Prefixes struct {
	Of  string
	Any []string
}

// CredentialFilter selects ledger rows of all secrets, ordered by id.
type CredentialFilter struct {
	States []rota.CredentialState // empty: all
	After  string                 // id
	Limit  int                    // 0: all
}

// Reader is a principal that fetched a version.
type Reader struct {
	Version   string
	Principal string
	Instance  string
	First     time.Time
	Last      time.Time
	Grade     string
}

// GradeFetched is the weakest evidence that a reader uses a version.
const GradeFetched = "fetched"

// Tombstone is what is left of a purged secret: it lets ledger and journal be
// found by ARN, and keeps a suffix from being given twice.
type Tombstone struct {
	rota.Key
	Name, Suffix string
	Created      time.Time
	Deleted      time.Time
	Purged       time.Time
}
