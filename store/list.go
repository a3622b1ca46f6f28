package store

import (
	"context"

	"github.com/rotahq/rota"
)

// ListSecretsInput is the input of ListSecrets. MaxResults 0 is 100.
type ListSecretsInput struct {
	Filters                []Filter
	IncludePlannedDeletion bool
	MaxResults             int
	NextToken              string
	SortBy                 SecretOrder // "": ByCreated
	Descending             bool        // SortOrder "desc"
}

// ListSecretsOutput is its output.
type ListSecretsOutput struct {
	Secrets   []rota.Secret
	NextToken string
}

// scanned is how many secrets one call looks at: a page can be short or even
// empty and still have a NextToken, as on AWS. scanPage is how many of them
// are read at once, each time in a transaction of its own, so that a long
// list keeps nobody waiting.
const (
	scanned  = 5000
	scanPage = 100
)

// ListSecrets lists secrets, oldest first unless asked otherwise
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
func (s *Store) ListSecrets(ctx context.Context, c rota.Caller, in ListSecretsInput) (ListSecretsOutput, error) {
	var out ListSecretsOutput
	page := s.newPage("ListSecrets", in.MaxResults, 100, c.Account, c.Region, in.Filters, in.IncludePlannedDeletion, in.SortBy, in.Descending)
	q := SecretsQuery{Order: in.SortBy, Descending: in.Descending, Deleted: in.IncludePlannedDeletion}
	err := s.list(ctx, c, "ListSecrets", q, in.Filters, page, in.NextToken, func(sec rota.Secret) {
		out.Secrets = append(out.Secrets, shown(sec))
	}, &out.NextToken)
	if err != nil {
		return ListSecretsOutput{}, err
	}
	return out, nil
}

// list gives the secrets of a page to add, and the token of the next page.
func (s *Store) list(ctx context.Context, c rota.Caller, op string, q SecretsQuery, filters []Filter, p page, token string, add func(rota.Secret), next *string) error {
	if err := permit(c, op); err != nil {
		return wrap(op, "", err)
	}
	match, err := compile(filters)
	if err != nil {
		return wrap(op, "", err)
	}
	if q.Order == "" {
		q.Order = ByCreated
	}
	if err := p.read(token, &q.After); err != nil {
		return wrap(op, "", err)
	}
	seen, found := 0, 0
	for {
		if err := ctx.Err(); err != nil {
			return wrap(op, "", err)
		}
		var batch []rota.Secret
		var places []SecretCursor
		q.Limit = scanPage
		err := s.view(ctx, c, op, "", func(x *session) error {
			batch, places = nil, nil
			if err := x.mayAll(); err != nil {
				return err
			}
			q.Account, q.Region = x.c.Account, x.c.Region
			rows, err := x.tx.Secrets(q)
			if err != nil {
				return err
			}
			for _, row := range rows {
				sec, err := x.full(row)
				if err != nil {
					return err
				}
				batch, places = append(batch, sec), append(places, q.CursorOf(row))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, sec := range batch {
			if found == p.max || seen == scanned {
				*next, err = p.next(q.After)
				return wrap(op, "", err)
			}
			seen++
			q.After = places[i]
			if match(sec) {
				found++
				add(sec)
			}
		}
		if len(batch) < q.Limit {
			return nil
		}
	}
}
