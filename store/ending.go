package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

// EndingChange is what a person wants of an ending; exactly one is set.
type EndingChange struct {
	Now    bool
	Hold   bool
	Until  time.Time
	Resume bool // a held one goes on as it was planned
}

// SetEnding changes when the credential of a version ends: the ledger row and
// the version's rota-ends label together. version "" is the one version whose
// ending is open; with none or several it is InvalidRequest, and the message
// lists them. A version whose end nobody planned gets an ending, unless it is
// AWSCURRENT or AWSPENDING (InvalidRequest). It may be repeated.
func (s *Store) SetEnding(ctx context.Context, c rota.Caller, secretID, version string, change EndingChange) error {
	_, err := s.Expire(ctx, c, secretID, version, change)
	return err
}

// Expire is SetEnding, and returns the ledger row as it is then; of several
// of the version, the one that changed last.
func (s *Store) Expire(ctx context.Context, c rota.Caller, secretID, version string, change EndingChange) (row rota.Credential, err error) {
	err = s.update(ctx, c, ownActions+"Expire", secretID, func(x *session) error {
		// Endings of deleted secrets go on, and can be changed by ARN.
		found, err := x.findEver(secretID)
		if err != nil {
			return err
		}
		it, err := x.openKey(found.Key)
		if err != nil {
			return err
		}
		if err := it.notReplica(); err != nil {
			return err
		}
		it.wake = true
		version, err := it.setEnding(version, change)
		if err != nil {
			return err
		}
		row, err = it.ledgerRow(version)
		return err
	})
	return row, err
}

// ledgerRow is the row of a version that changed last.
func (it *item) ledgerRow(version string) (last rota.Credential, err error) {
	rows, err := it.tx.Credentials(it.row.Key)
	for _, r := range rows {
		if r.Version == version && !r.Changed.Before(last.Changed) {
			last = r
		}
	}
	return last, err
}

// setEnding returns the version that was meant.
func (it *item) setEnding(version string, change EndingChange) (string, error) {
	if err := change.check(it.now); err != nil {
		return "", err
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return "", err
	}
	if version == "" {
		if version, err = it.openEnding(rows); err != nil {
			return "", err
		}
	}
	if rows, err = it.endable(version, rows); err != nil {
		return "", err
	}
	if len(rows) == 0 {
		// The ledger does not know what is in the version; the handler will
		// tell when it ends it, and take this row over.
		if change.Resume {
			return "", rota.E(rota.InvalidRequest, "The ending of version %s isn't held.", version)
		}
		rows = []rota.Credential{{
			ID: it.cfg.NewID(), Secret: it.row.Key, SecretARN: it.row.ARN(), Version: version, Lane: it.task.Lane, Created: it.now,
		}}
	}
	return version, it.rewriteEnding(version, rows, change)
}

// check refuses a change that says not exactly one thing, or a time that has
// passed.
func (c EndingChange) check(now time.Time) error {
	n := 0
	for _, set := range []bool{c.Now, c.Hold, !c.Until.IsZero(), c.Resume} {
		if set {
			n++
		}
	}
	if n != 1 {
		return rota.E(rota.InvalidParameter, "Say one of: now, hold, until a time, resume.")
	}
	if !c.Until.IsZero() && !c.Until.After(now) {
		return rota.E(rota.InvalidParameter, "The time %s has passed. To end the credential at once, ask for now.", c.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// openEnding is the one version whose ending is open.
func (it *item) openEnding(rows []rota.Credential) (string, error) {
	var versions []string
	for _, c := range rows {
		if c.State.Open() && !slices.Contains(versions, c.Version) {
			versions = append(versions, c.Version)
		}
	}
	switch len(versions) {
	case 0:
		return "", rota.E(rota.InvalidRequest, "No credential of this secret waits for its end. Name the version whose credential is to end.")
	case 1:
		return versions[0], nil
	}
	return "", rota.E(rota.InvalidRequest, "The credentials of several versions wait for their end. Name one of them: %s.", strings.Join(versions, ", "))
}

// endable lists the rows of a version that a person may still decide on.
func (it *item) endable(version string, rows []rota.Credential) ([]rota.Credential, error) {
	if v, ok, err := it.tx.Version(it.row.Key, version); err != nil {
		return nil, err
	} else if !ok || v.Kind == rota.KindNone && !slices.ContainsFunc(rows, func(c rota.Credential) bool { return c.Version == version }) {
		return nil, rota.E(rota.NotFound, msgNoVersion, version)
	}
	for _, l := range []rota.Label{rota.Current, rota.Pending} {
		if it.labels[l] == version {
			return nil, rota.E(rota.InvalidRequest, "Version %s is %s: its credential is in use. Move the label first.", version, l)
		}
	}
	var out []rota.Credential
	dead := false
	for _, c := range rows {
		if c.Version != version {
			continue
		}
		if c.State == rota.ProvenDead {
			dead = true
			continue
		}
		out = append(out, c)
	}
	if len(out) == 0 && dead {
		return nil, rota.E(rota.InvalidRequest, "The credential of version %s is proven dead.", version)
	}
	return out, nil
}

func (it *item) rewriteEnding(version string, rows []rota.Credential, change EndingChange) error {
	at, policy := it.now, "immediately"
	if !change.Until.IsZero() {
		at, policy = change.Until, "until "+change.Until.UTC().Format(time.RFC3339)
	}
	if change.Hold || change.Resume {
		at = rows[0].NotBefore
	}
	label, at, err := it.endsLabel(version, at)
	if err != nil {
		return err
	}
	for _, c := range rows {
		switch {
		case change.Hold:
			c.State = rota.Held
		case change.Resume:
			if c.State != rota.Held {
				continue
			}
			c.State = rota.Superseded
			if c.NotBefore.IsZero() {
				c.Due = time.Time{}
			} else {
				c.Due = latest(c.NotBefore, it.now)
				c.Deadline = latest(c.Deadline, c.Due.Add(proofBound))
			}
		default:
			c.State, c.Policy = rota.Superseded, policy
			c.NotBefore, c.Due, c.Deadline, c.Attempts = at, at, at.Add(proofBound), 0
		}
		settle(&c)
		c.Changed = it.now
		if err := it.tx.PutCredential(c); err != nil {
			return err
		}
	}
	if err := it.loseEndsLabels(version, label); err != nil {
		return err
	}
	if err := it.attach(label, version); err != nil {
		return err
	}
	it.changed()
	return it.save()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
