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

// showAction is what the reading of what rota knows of a secret is authorised
// as.
const showAction = ownActions + "Show"

// JournalOf lists entries of a secret, newest first; beforeSeq 0 is from the
// newest on. By ARN it also finds those of a secret that was deleted or
// purged.
func (s *Store) JournalOf(ctx context.Context, c rota.Caller, secretID string, limit int, beforeSeq int64) (entries []rota.JournalEntry, err error) {
	err = s.view(ctx, c, showAction, secretID, func(x *session) error {
		row, err := x.findEver(secretID)
		if err != nil {
			return err
		}
		entries, err = x.tx.Journal(row.Key, limit, beforeSeq)
		return err
	})
	return entries, err
}
