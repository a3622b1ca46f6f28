package store

import (
	"context"

	"github.com/rotahq/rota"
)

// Status is a secret as rota status shows it.
type Status struct {
	Secret rota.Secret
	Task   Task              // zero but for its names without rotation
	Open   []rota.Credential // credentials that wait for their end, oldest first
}

// Overview lists every secret of the caller's account and region by name,
// also those scheduled for deletion.
func (s *Store) Overview(ctx context.Context, c rota.Caller) (all []Status, err error) {
	q := SecretsQuery{Order: ByName, Deleted: true, Limit: scanPage}
	for {
		var page []Status
		next := q.After
		err := s.view(ctx, c, ownActions+"Status", "", func(x *session) error {
			if err := x.mayAll(); err != nil {
				return err
			}
			q.Account, q.Region = x.c.Account, x.c.Region
			rows, err := x.tx.Secrets(q)
			if err != nil {
				return err
			}
			page = nil
			for _, row := range rows {
				st, err := x.status(row)
				if err != nil {
					return err
				}
				page = append(page, st)
			}
			if len(rows) > 0 {
				next = q.CursorOf(rows[len(rows)-1])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		all, q.After = append(all, page...), next
		if len(page) < q.Limit {
			return all, nil
		}
	}
}

func (x *session) status(row SecretRow) (Status, error) {
	var st Status
	sec, err := x.full(row)
	if err != nil {
		return st, err
	}
	st.Secret = sec
	if st.Task, _, err = x.tx.Task(row.Key); err != nil {
		return st, err
	}
	st.Task.Secret, st.Task.Name, st.Task.ARN = row.Key, row.Name, row.ARN()
	rows, err := x.tx.Credentials(row.Key)
	for _, c := range rows {
		if c.State.Open() {
			st.Open = append(st.Open, c)
		}
	}
	return st, err
}
