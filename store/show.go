package store

import (
	"context"
	"slices"

	"github.com/rotahq/rota"
)

// Shown is a secret with all that rota knows of it, but its values.
type Shown struct {
	Status
	Versions    []rota.Version // oldest first
	Credentials []rota.Credential
	Journal     []rota.JournalEntry // oldest first
	Readers     []Reader
}

// Show returns everything about a secret but its values, of one state: rota's
// own operation, and so one right. The newest entries of the journal come, at
// most that many.
func (s *Store) Show(ctx context.Context, c rota.Caller, secretID string, journal int) (out Shown, err error) {
	err = s.view(ctx, c, showAction, secretID, func(x *session) error {
		row, err := x.find(secretID)
		if err != nil {
			return err
		}
		out, err = x.show(row, journal)
		return err
	})
	return out, err
}

func (x *session) show(row SecretRow, journal int) (out Shown, err error) {
	if out.Status, err = x.status(row); err != nil {
		return out, err
	}
	out.Secret = shown(out.Secret)
	versions, err := x.tx.Versions(row.Key)
	if err != nil {
		return out, err
	}
	for _, v := range versions {
		v.Labels = out.Secret.Stages[v.ID]
		out.Versions = append(out.Versions, v.Version)
	}
	if out.Credentials, err = x.tx.Credentials(row.Key); err != nil {
		return out, err
	}
	if out.Journal, err = x.tx.Journal(row.Key, journal, 0); err != nil {
		return out, err
	}
	slices.Reverse(out.Journal)
	out.Readers, err = x.tx.Readers(row.Key)
	return out, err
}
