package store

import (
	"context"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// RecordCredential writes the ledger row of a credential, under the claim of
// its secret. It is found by its ID, else by version, provider, principal and
// provider's id; a row of the same version that names nobody yet (an intent,
// or an ending asked for by hand) is taken over by the first that does. Policy, times, metadata, attempts and
// evidence of the row stay where none are given. Live and the final states
// have no due time. A person's hold is only lifted by a final state.
//
// secret is the secret part: it is kept as a keyed hash only. It may be
// repeated.
func (s *Store) RecordCredential(ctx context.Context, c rota.Caller, cred rota.Credential, secret rota.Value) error {
	return s.claimed(ctx, c, "record a credential", func(it *item) error {
		if cred.State == rota.Intended && (it.task.Kind != Rotate || it.task.Token != cred.Version) {
			return it.lost("the rotation that would make version " + cred.Version + " is over")
		}
		if cred.State == rota.Ending && cred.Version == it.labels[rota.Current] {
			return it.lost("AWSCURRENT was moved to version " + cred.Version)
		}
		return it.record(cred, secret)
	})
}

// ScheduleEnding makes or moves the timer of a credential: the row becomes
// superseded, with policy and times as given. A held one stays held. The
// AWSCURRENT version can only get one from a rotation that runs, which is
// about to move AWSCURRENT (ClaimLost). It may be repeated.
func (s *Store) ScheduleEnding(ctx context.Context, c rota.Caller, cred rota.Credential, secret rota.Value) error {
	return s.claimed(ctx, c, "schedule the ending of a credential", func(it *item) error {
		if err := it.mayEndCurrent(cred.Version); err != nil {
			return err
		}
		cred.State = rota.Superseded
		it.wake = true
		return it.recordAs(cred, secret, func(row *rota.Credential) {
			row.Policy, row.NotBefore, row.Deadline = cred.Policy, cred.NotBefore, cred.Deadline
			if row.State != rota.Held {
				row.Due = cred.Due
			}
		})
	})
}

// mayEndCurrent refuses the intent to end what is AWSCURRENT, once the
// rotation that would replace it is over.
func (it *item) mayEndCurrent(version string) error {
	if version != "" && version == it.labels[rota.Current] && it.task.Kind != Rotate {
		return it.lost("the rotation that would replace version " + version + " is over")
	}
	return nil
}

func (it *item) record(cred rota.Credential, secret rota.Value) error {
	return it.recordAs(cred, secret, func(*rota.Credential) {})
}

func (it *item) recordAs(cred rota.Credential, secret rota.Value, finish func(*rota.Credential)) error {
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	cred.Secret, cred.SecretARN = it.row.Key, it.row.ARN()
	if !secret.IsZero() {
		plain := secret.Reveal()
		cred.Fingerprint = it.cfg.Sealer.Fingerprint([]byte("credential"), []byte(cred.Provider), []byte(cred.Principal), plain)
		clear(plain)
	}
	row, known := rowOf(rows, cred)
	if known {
		if cred.State == rota.Live && row.State.Open() && it.isEnding(row.Version) {
			cred.State, cred.Policy, cred.NotBefore, cred.Due, cred.Deadline = row.State, row.Policy, row.NotBefore, row.Due, row.Deadline
		}
		cred = merge(row, cred)
	} else {
		cred.Created = it.now
		if cred.ID == "" {
			cred.ID = it.cfg.NewID()
		}
	}
	settle(&cred)
	finish(&cred)
	cred.Changed = it.now
	if err := it.tellCredential(row.State, cred); err != nil {
		return err
	}
	return it.tx.PutCredential(cred)
}

// isEnding says whether a version is labelled to end, and not in use again.
func (it *item) isEnding(version string) bool {
	return version != it.labels[rota.Current] && slices.ContainsFunc(sorted(it.labels, version), rota.IsEndsLabel)
}

// rowOf finds the row that is of the credential.
func rowOf(rows []rota.Credential, c rota.Credential) (rota.Credential, bool) {
	for _, r := range rows {
		if c.ID != "" && r.ID == c.ID {
			return r, true
		}
	}
	if c.ID != "" {
		return rota.Credential{}, false
	}
	for _, r := range rows {
		if r.Version == c.Version && r.Provider == c.Provider && r.Principal == c.Principal && r.ProviderID == c.ProviderID {
			return r, true
		}
	}
	for _, r := range rows {
		nobody := r.Principal == "" && r.ProviderID == "" && (r.Provider == "" || r.Provider == c.Provider)
		// An intent may know who will log in before the provider gave an id.
		half := r.State == rota.Intended && r.ProviderID == "" && r.Provider == c.Provider && r.Principal == c.Principal
		if r.Version == c.Version && (nobody && (r.State == rota.Intended || r.State.Open()) || half) {
			return r, true
		}
	}
	return rota.Credential{}, false
}

// merge is the row with what is given in c.
func merge(row, c rota.Credential) rota.Credential {
	c.ID, c.Created = row.ID, row.Created
	keep(&c.Rotator, row.Rotator)
	keep(&c.Fingerprint, row.Fingerprint)
	keep(&c.Lane, row.Lane)
	keep(&c.Policy, row.Policy)
	keep(&c.Evidence, row.Evidence)
	keep(&c.Attempts, row.Attempts)
	keepTime(&c.NotBefore, row.NotBefore)
	keepTime(&c.Deadline, row.Deadline)
	keepTime(&c.Due, row.Due)
	if c.Metadata == nil {
		c.Metadata = row.Metadata
	}
	if row.State == rota.Held && (c.State.Open() || c.State == "") {
		c.State, c.Due = rota.Held, time.Time{}
	}
	return c
}

func keep[T comparable](v *T, have T) {
	var zero T
	if *v == zero {
		*v = have
	}
}

func keepTime(v *time.Time, have time.Time) {
	if v.IsZero() {
		*v = have
	}
}

// settle clears what a state has no use for.
func settle(c *rota.Credential) {
	switch c.State {
	case rota.Live:
		c.Policy, c.NotBefore, c.Deadline, c.Due = "", time.Time{}, time.Time{}, time.Time{}
	case rota.ProvenDead, rota.NotProven, rota.Held:
		c.Due = time.Time{}
	}
}

// UpdateCredential writes a whole row by its ID, under the claim of its
// secret. A person's hold is only lifted by a final state.
func (s *Store) UpdateCredential(ctx context.Context, c rota.Caller, cred rota.Credential) error {
	return s.claimed(ctx, c, "update a credential", func(it *item) error {
		rows, err := it.tx.Credentials(it.row.Key)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID != cred.ID {
				continue
			}
			if row.State == rota.Held && cred.State.Open() {
				cred.State = rota.Held
			}
			settle(&cred)
			cred.Secret, cred.SecretARN, cred.Created, cred.Changed = row.Secret, row.SecretARN, row.Created, it.now
			if err := it.tellCredential(row.State, cred); err != nil {
				return err
			}
			return it.tx.PutCredential(cred)
		}
		return rota.E(rota.NotFound, "The ledger has no row %s of this secret.", cred.ID)
	})
}

// CredentialsOf lists the ledger rows of a secret by its key, oldest first.
func (s *Store) CredentialsOf(ctx context.Context, k rota.Key) (rows []rota.Credential, err error) {
	err = s.view(ctx, rota.Caller{}, "read the ledger", k.ID, func(x *session) error {
		rows, err = x.tx.Credentials(k)
		return err
	})
	return rows, err
}

// Credentials lists the ledger rows of a secret, oldest first. By ARN it also
// finds those of a secret that was deleted or purged.
func (s *Store) Credentials(ctx context.Context, c rota.Caller, secretID string) (rows []rota.Credential, err error) {
	err = s.view(ctx, c, showAction, secretID, func(x *session) error {
		row, err := x.findEver(secretID)
		if err != nil {
			return err
		}
		rows, err = x.tx.Credentials(row.Key)
		return err
	})
	return rows, err
}

// AllCredentials lists ledger rows of all secrets, by id.
func (s *Store) AllCredentials(ctx context.Context, c rota.Caller, f CredentialFilter) (rows []rota.Credential, err error) {
	err = s.view(ctx, c, ownActions+"Status", "", func(x *session) error {
		if err := x.mayAll(); err != nil {
			return err
		}
		rows, err = x.tx.AllCredentials(f)
		return err
	})
	return rows, err
}

// ProviderCheck says whether the provider at an address refuses random
// values, if that is known.
func (s *Store) ProviderCheck(ctx context.Context, address string) (checks, known bool, err error) {
	err = s.view(ctx, rota.Caller{}, "read the check of a provider", "", func(x *session) error {
		checks, known, err = x.tx.ProviderCheck(x.c.Account, x.c.Region, address)
		return err
	})
	return checks, known, err
}

// SaveProviderCheck keeps it.
func (s *Store) SaveProviderCheck(ctx context.Context, address string, checks bool) error {
	return s.update(ctx, rota.Caller{}, "keep the check of a provider", "", func(x *session) error {
		return x.tx.PutProviderCheck(x.c.Account, x.c.Region, address, checks)
	})
}
