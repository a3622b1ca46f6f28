package store

import (
	"cmp"
	"context"
	"slices"

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
// empty and still have a NextToken, as on AWS. Where a filter lets through no
// more by an index, these are the ones that are looked at. scanPage is how many
// of them are read at once, each time in a transaction of its own, so that a
// long list keeps nobody waiting.
const (
	scanned  = 5000
	scanPage = 100
)

// ListSecrets lists secrets, oldest first unless asked otherwise
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
func (s *Store) ListSecrets(ctx context.Context, c rota.Caller, in ListSecretsInput) (ListSecretsOutput, error) {
	var out ListSecretsOutput
	q := SecretsQuery{Order: cmp.Or(in.SortBy, ByCreated), Descending: in.Descending, Deleted: in.IncludePlannedDeletion}
	page := s.newPage("ListSecrets", in.MaxResults, 100, c.Account, c.Region, append([]Filter{}, in.Filters...), q.Deleted, q.Order, q.Descending)
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
	f, err := compile(filters)
	if err != nil {
		return wrap(op, "", err)
	}
	if err := p.read(token, &q.After); err != nil {
		return wrap(op, "", err)
	}
	from := walk{q: q, filter: f}
	seen, found := 0, 0
	for {
		if err := ctx.Err(); err != nil {
			return wrap(op, "", err)
		}
		from.q.Limit = scanPage
		if len(filters) == 0 {
			from.q.Limit = min(scanPage, p.max-found+1) // one more tells if there is a next page
		}
		var batch []passed
		then := from
		err := s.view(ctx, c, op, "", func(x *session) (err error) {
			if err := x.mayAll(); err != nil {
				return err
			}
			then = from
			then.q.Account, then.q.Region = x.c.Account, x.c.Region
			batch, err = then.next(x)
			return err
		})
		if err != nil {
			return err
		}
		for _, b := range batch {
			if found == p.max || seen == scanned {
				*next, err = p.next(then.q.After)
				return wrap(op, "", err)
			}
			seen++
			then.q.After = b.place
			if b.listed {
				found++
				add(b.secret)
			}
		}
		if len(batch) < then.q.Limit {
			return nil
		}
		from = then
	}
}

// walk goes through the secrets of a list in their order.
type walk struct {
	q      SecretsQuery
	filter compiled
	begun  bool
	places []SecretCursor // all that are left, where the filter lets through few
	few    bool
}

// passed is a secret that a walk came by.
type passed struct {
	place  SecretCursor
	secret rota.Secret
	listed bool
}

// next goes on behind After, by up to Limit secrets; fewer are the last ones.
func (w *walk) next(x *session) (batch []passed, err error) {
	if !w.begun {
		if err := w.begin(x); err != nil {
			return nil, err
		}
	}
	if !w.few {
		rows, err := x.tx.Secrets(w.q)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			p, err := w.pass(x, row)
			if err != nil {
				return nil, err
			}
			batch = append(batch, p)
		}
		return batch, nil
	}
	places := w.places[:min(w.q.Limit, len(w.places))]
	w.places = w.places[len(places):]
	for _, place := range places {
		row, ok, err := x.tx.Secret(rota.Key{Account: w.q.Account, Region: w.q.Region, ID: place.ID})
		if err != nil {
			return nil, err
		}
		p := passed{place: place}
		// It may be gone since its place was found.
		if ok && row.Gone.IsZero() && (w.q.Deleted || row.DeletionDate.IsZero()) {
			if p, err = w.pass(x, row); err != nil {
				return nil, err
			}
			p.place = place
		}
		batch = append(batch, p)
	}
	return batch, nil
}

// begin looks whether a filter lets through few enough.
func (w *walk) begin(x *session) error {
	w.begun = true
	for _, n := range w.filter.narrow {
		places, ok, err := x.tx.SecretsWith(w.q, n, scanned)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		slices.SortFunc(places, w.q.compare)
		places = slices.Compact(places)
		if w.q.After.ID != "" {
			places = slices.DeleteFunc(places, func(p SecretCursor) bool { return w.q.compare(p, w.q.After) <= 0 })
		}
		w.places, w.few = places, true
		return nil
	}
	return nil
}

// pass reads as much of a secret as it takes to decide, and all of it if it
// is listed.
func (w *walk) pass(x *session, row SecretRow) (p passed, err error) {
	p.place = w.q.CursorOf(row)
	sec := row.Secret
	if w.filter.tags {
		if sec.Tags, err = x.tx.Tags(row.Key); err != nil {
			return p, err
		}
	}
	if p.listed = w.filter.match(sec); p.listed {
		p.secret, err = x.full(row)
	}
	return p, err
}
