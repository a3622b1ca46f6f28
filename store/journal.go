package store

import (
	"context"

	"github.com/rotahq/rota"
)

// Journal appends an entry to the journal of its secret. It needs no claim;
// the number of one is kept.
func (s *Store) Journal(ctx context.Context, c rota.Caller, e rota.JournalEntry) error {
	if e.Claim == 0 && c.Claim.Secret == e.Secret {
		e.Claim = c.Claim.Number
	}
	return s.update(ctx, c, "write the journal", e.Secret.ID, func(x *session) error { return x.tx.AddJournal(e) })
}

// JournalOf lists entries of a secret, newest first; beforeSeq 0 is from the
// newest on. By ARN it also finds those of a secret that was deleted or
// purged.
func (s *Store) JournalOf(ctx context.Context, c rota.Caller, secretID string, limit int, beforeSeq int64) (entries []rota.JournalEntry, err error) {
	err = s.view(ctx, c, "read the journal", secretID, func(x *session) error {
		k, err := x.keyOf(secretID)
		if err != nil {
			return err
		}
		entries, err = x.tx.Journal(k, limit, beforeSeq)
		return err
	})
	return entries, err
}
