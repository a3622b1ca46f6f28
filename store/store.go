package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
)

// Config is what a store is made of.
type Config struct {
	// Account (12 digits) and Region are written into a new database; an
	// existing one is refused with others.
	Account, Region string
	Regions         []string // that it answers for besides its own; what was named once stays
	Sealer          *seal.Sealer
	Functions       Functions     // nil: no rotation function is known, and any is accepted
	Policies        Policies      // nil: no policy can be put
	NewID           func() string // internal ids, tokens of rotations, ledger rows: UUIDs
	Rand            io.Reader     // suffixes of ARNs and passwords
	// Tell makes the row of the outbox that says what happened; ok is false
	// for what is not to be told. It must have no effect of its own. nil:
	// nothing that the store does by itself is told.
	Tell func(Happening) (row OutboxRow, ok bool)
	// Outgoing is called after a commit that put something into the outbox. It
	// must not block. nil: nobody is told.
	Outgoing func()
	// Changed is called after a commit that may have made something due
	// sooner. It must not block. nil: nobody is told.
	Changed func()
}

// Store is every secret with every rule. It may be used by many goroutines.
type Store struct {
	d          Driver
	cfg        Config
	regions    []string // that it answers for, its home first
	seen       *recentReaders
	principals *principalChanges
}

// Names in the driver's small values; those of callers have another prefix.
const (
	metaCheck   = "store.seal_check"
	metaAccount = "store.account"
	metaRegion  = "store.region"
	metaCaller  = "meta."
)

// Open opens the store on a driver. The sealing key is verified before
// anything else is read: a wrong one is DecryptionFailed. Another account or
// region than those of the database is InvalidRequest.
func Open(ctx context.Context, d Driver, cfg Config) (*Store, error) {
	switch {
	case cfg.Account == "" || cfg.Region == "":
		return nil, errors.New("open the store: account and region must be given")
	case cfg.Sealer == nil || cfg.NewID == nil || cfg.Rand == nil:
		return nil, errors.New("open the store: sealer, ids and randomness must be given")
	}
	s := &Store{d: d, cfg: cfg, seen: newRecentReaders(), principals: &principalChanges{}}
	// Looked at first, so that a database that cannot be written still opens.
	isNew, added := false, false
	err := d.View(ctx, func(tx Tx) error {
		check, err := tx.Meta(metaCheck)
		if err != nil {
			return err
		}
		account, err := tx.Meta(metaAccount)
		if err != nil {
			return err
		}
		isNew = check == nil && account == nil
		if !isNew {
			if err := s.verify(tx, check, account); err != nil {
				return err
			}
		}
		added, err = s.readRegions(tx)
		return err
	})
	if err == nil && isNew {
		err = d.Update(ctx, s.found)
	}
	if err == nil && added {
		err = d.Update(ctx, s.writeRegions)
	}
	if err != nil {
		return nil, wrap("open the store", "", err)
	}
	return s, nil
}

// verify refuses a key or a place that are not the database's.
func (s *Store) verify(tx Tx, check, account []byte) error {
	if err := s.cfg.Sealer.Verify(check); err != nil {
		return err
	}
	region, err := tx.Meta(metaRegion)
	if err != nil {
		return err
	}
	if string(account) == s.cfg.Account && string(region) == s.cfg.Region {
		return nil
	}
	return &rota.Error{
		Code:    rota.InvalidRequest,
		Message: "the database is of account " + string(account) + " in region " + string(region) + ", and was opened as account " + s.cfg.Account + " in region " + s.cfg.Region,
		Hint:    "start it as what it is, with rota serve --account " + string(account) + " --region " + string(region) + ", or name another folder with --data",
	}
}

// found writes what a new database is.
func (s *Store) found(tx Tx) error {
	for key, value := range map[string][]byte{
		metaCheck: s.cfg.Sealer.CheckValue(), metaAccount: []byte(s.cfg.Account), metaRegion: []byte(s.cfg.Region),
	} {
		if err := tx.PutMeta(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Place is the store's own account and region.
func (s *Store) Place() (account, region string) { return s.cfg.Account, s.cfg.Region }

// Now is the store's clock.
func (s *Store) Now() time.Time { return s.d.Now() }

// Meta reads a small text kept for the caller, "" if there is none.
func (s *Store) Meta(ctx context.Context, key string) (string, error) {
	var v []byte
	err := s.d.View(ctx, func(tx Tx) (err error) {
		v, err = tx.Meta(metaCaller + key)
		return err
	})
	return string(v), wrap("read "+key, "", err)
}

// SetMeta keeps a small text.
func (s *Store) SetMeta(ctx context.Context, key, value string) error {
	err := s.d.Update(ctx, func(tx Tx) error { return tx.PutMeta(metaCaller+key, []byte(value)) })
	return wrap("keep "+key, "", err)
}

// session is one transaction on behalf of a caller.
type session struct {
	*Store
	ctx  context.Context
	tx   Tx
	c    rota.Caller
	now  time.Time
	wake bool // something may be due sooner
	told bool // something is in the outbox

	op     string
	action string // that the operation is authorised as; "" for the engine's work
	id     string // what the request calls the secret
	asked  bool   // whether the caller may
	writes bool
}

func (s *Store) session(ctx context.Context, tx Tx, c rota.Caller, op, id string) *session {
	return &session{Store: s, ctx: ctx, tx: tx, c: s.placed(c), now: tx.Now(), op: op, action: actionOf(op), id: id}
}

// run runs an operation between the two checks that no operation is without.
func (x *session) run(f func(*session) error) error {
	if err := x.begins(); err != nil {
		return err
	}
	if err := f(x); err != nil {
		return err
	}
	return x.ends()
}

// placed is the caller with the store's account and region where it has none.
// Who has a claim works where the claimed secret is.
func (s *Store) placed(c rota.Caller) rota.Caller {
	if k := c.Claim.Secret; c.Claim.Held() && k.ID != "" {
		c.Account, c.Region = k.Account, k.Region
	}
	if c.Account == "" {
		c.Account = s.cfg.Account
	}
	if c.Region == "" {
		c.Region = s.cfg.Region
	}
	return c
}

// update runs f in a transaction; op and id are for the error.
func (s *Store) update(ctx context.Context, c rota.Caller, op, id string, f func(*session) error) error {
	wake, told := false, false
	var principals []string
	// Also after an error: the commit may have come through all the same.
	defer func() { s.principals.note(principals...) }()
	err := s.d.Update(ctx, func(tx Tx) error {
		w := newWatch(tx)
		defer func() { principals = w.principals }()
		x := s.session(ctx, w, c, op, id)
		x.writes = true
		if err := x.run(f); err != nil {
			return err
		}
		x.tx = tx
		if err := x.tellLabels(w); err != nil {
			return err
		}
		err := x.follow(w)
		wake, told = x.wake, x.told
		return err
	})
	if err == nil && told && s.cfg.Outgoing != nil {
		s.cfg.Outgoing()
	}
	if err == nil && wake && s.cfg.Changed != nil {
		s.cfg.Changed()
	}
	return wrap(op, id, err)
}

func (s *Store) view(ctx context.Context, c rota.Caller, op, id string, f func(*session) error) error {
	return wrap(op, id, s.d.View(ctx, func(tx Tx) error { return s.session(ctx, tx, c, op, id).run(f) }))
}

// wrap makes every error that leaves the store name the operation and the
// secret.
func wrap(op, id string, err error) error {
	if err == nil {
		return nil
	}
	var e *rota.Error
	if !errors.As(err, &e) {
		return &rota.Error{Code: rota.CodeOf(err), Op: op, Secret: id, Err: err}
	}
	out := *e
	if out.Op == "" {
		out.Op = op
	}
	if out.Secret == "" {
		out.Secret = id
	}
	return &out
}

// nameSecret puts the name of a secret where the error has an internal id.
func nameSecret(err error, name string) error {
	var e *rota.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Secret = name
	return &out
}
