package store

import (
	"context"
	"maps"
	"slices"

	"github.com/rotahq/rota"
)

// Known is a secret with its values, for rota itself.
type Known struct {
	Secret  rota.Secret
	Current rota.Value   // zero if there is none
	Values  []rota.Value // under any label
}

// Known returns a secret with its values: to find its admin secret, and to
// find values in a text that must not hold them. It is rota's own and makes
// nobody a reader. A value that cannot be opened is left out, since it is
// nowhere else either.
func (s *Store) Known(ctx context.Context, c rota.Caller, secretID string) (out Known, err error) {
	err = s.view(ctx, c, "know what must stay hidden", secretID, func(x *session) error {
		out = Known{}
		row, err := x.seek(secretID)
		if err != nil {
			return err
		}
		if out.Secret, err = x.full(row); err != nil {
			return err
		}
		labels, err := x.tx.Labels(row.Key)
		if err != nil {
			return err
		}
		for _, id := range slices.Compact(slices.Sorted(maps.Values(labels))) {
			v, ok, err := x.tx.Version(row.Key, id)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			value, err := x.unseal(row, v)
			if err != nil || value.IsZero() {
				continue
			}
			out.Values = append(out.Values, value)
			if id == labels[rota.Current] {
				out.Current = value
			}
		}
		return nil
	})
	return out, err
}
