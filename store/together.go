package store

import (
	"context"
	"errors"

	"github.com/rotahq/rota"
)

// View runs f on one state of the store: what it reads through the store
// that it is given belongs together, and costs one transaction. f must not
// write, and must not keep that store.
func (s *Store) View(ctx context.Context, op string, f func(*Store) error) error {
	return wrap(op, "", s.d.View(ctx, func(tx Tx) error {
		return f(s.within(readOnly{joined{s.d, newMemo(tx)}}))
	}))
}

// Update makes one commit of all that f does through the store that it is
// given: after a crash all of it is there, or nothing. f must return the
// error of each operation that fails, must have no other effect than on
// variables that it sets anew, since it may be run again, and must not keep
// that store. Nothing else is written meanwhile: f must not wait for
// anything.
func (s *Store) Update(ctx context.Context, op string, f func(*Store) error) error {
	changed, told := false, false
	principals := &principalChanges{}
	err := s.d.Update(ctx, func(tx Tx) error {
		changed, told = false, false
		in := s.within(joined{s.d, newMemo(tx)})
		in.principals = principals
		in.cfg.Changed, in.cfg.Outgoing = func() { changed = true }, func() { told = true }
		return f(in)
	})
	s.principals.add(principals)
	if err == nil && changed && s.cfg.Changed != nil {
		s.cfg.Changed()
	}
	if err == nil && told && s.cfg.Outgoing != nil {
		s.cfg.Outgoing()
	}
	return wrap(op, "", err)
}

// refusal is the error of an operation that did something all the same.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// Keeps reports whether what an operation wrote before it failed is to be
// kept: who called it within Update then returns nil there.
func Keeps(err error) bool { return errors.As(err, &refusal{}) }

func (s *Store) within(d Driver) *Store {
	in := *s
	in.d = d
	return &in
}

// joined is a transaction in the place of the driver: each operation on it
// is a part of that transaction.
type joined struct {
	Driver // its clock
	tx     Tx
}

// View reads in the transaction.
func (j joined) View(_ context.Context, f func(Tx) error) error { return f(j.tx) }

// Update writes in the transaction.
func (j joined) Update(_ context.Context, f func(Tx) error) error { return f(j.tx) }

// Fetch finds nothing: the long way reads in the transaction.
func (j joined) Fetch(context.Context, FetchQuery) (Fetched, bool, error) {
	return Fetched{}, false, nil
}

// Close is the store's, and not a part's.
func (joined) Close() error { return errPart }

// readOnly is joined for a transaction that does not write.
type readOnly struct{ joined }

// Update refuses.
func (readOnly) Update(context.Context, func(Tx) error) error {
	return rota.E(rota.Internal, "A part of the program wrote while it was only reading.")
}

var errPart = errors.New("a part of a transaction cannot close the store")
