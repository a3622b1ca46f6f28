package store

import (
	"context"
	"errors"
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
	Plan        *Assignment // how it would be rotated; nil where that is not known
	Problem     string      // why it cannot be rotated as it is
}

// ShowInput is the input of Show.
type ShowInput struct {
	SecretID string
	Journal  int    // how many of the newest entries of the journal
	Function string // the plan as it would be with this one; "": with the secret's own
}

// Show returns everything about a secret but its values, of one state: rota's
// own operation, and so one right.
func (s *Store) Show(ctx context.Context, c rota.Caller, in ShowInput) (out Shown, err error) {
	err = s.view(ctx, c, showAction, in.SecretID, func(x *session) error {
		row, err := x.find(in.SecretID)
		if err != nil {
			return err
		}
		if out, err = x.show(row, in.Journal); err != nil || row.Deleted() || row.IsReplica() {
			return err
		}
		if in.Function != "" {
			row.Rotation.Function, row.Rotation.Configured = in.Function, true
		}
		out.Plan, out.Problem, err = x.planned(row)
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

// planned says how a secret would be rotated, or why it cannot be. What one
// cannot be that nobody set up is no problem.
func (x *session) planned(row SecretRow) (*Assignment, string, error) {
	it, err := x.load(row)
	if err != nil {
		return nil, "", err
	}
	a, err := it.assignment()
	var e *rota.Error
	switch {
	case err == nil && a.Plan != nil:
		return &a, "", nil
	case err == nil, errors.Is(err, rota.InvalidRequest) && !row.Rotation.Configured:
		return nil, "", nil
	case errors.As(err, &e) && e.Message != "":
		return nil, e.Message, nil
	}
	return nil, "", err
}
