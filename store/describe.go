package store

import (
	"context"
	"time"

	"github.com/rotahq/rota"
)

// DescribeSecretInput is the input of DescribeSecret.
type DescribeSecretInput struct {
	SecretID string
}

// DescribeSecret returns everything about a secret but its values. It works
// on secrets that are scheduled for deletion
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html).
func (s *Store) DescribeSecret(ctx context.Context, c rota.Caller, in DescribeSecretInput) (out rota.Secret, err error) {
	err = s.view(ctx, c, "DescribeSecret", in.SecretID, func(x *session) error {
		it, err := x.openAny(in.SecretID)
		if err != nil {
			return err
		}
		out, err = x.full(it.row)
		out = shown(out)
		return err
	})
	return out, err
}

// shown is a secret as the API shows it: while rotation is off there are no
// dates of it.
func shown(s rota.Secret) rota.Secret {
	if !s.Rotation.Enabled {
		s.Rotation.Last, s.Rotation.Next = time.Time{}, time.Time{}
	}
	return s
}

// ListSecretVersionIDsInput is the input of ListSecretVersionIds. MaxResults
// 0 is 100.
type ListSecretVersionIDsInput struct {
	SecretID          string
	MaxResults        int
	NextToken         string
	IncludeDeprecated bool
}

// ListSecretVersionIDsOutput is its output.
type ListSecretVersionIDsOutput struct {
	ARN, Name string
	Versions  []rota.Version
	NextToken string
}

// ListSecretVersionIds lists the versions of a secret, oldest first; those
// without a label only if they are asked for
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html).
func (s *Store) ListSecretVersionIds(ctx context.Context, c rota.Caller, in ListSecretVersionIDsInput) (out ListSecretVersionIDsOutput, err error) { //nolint:revive // AWS's name
	err = s.view(ctx, c, "ListSecretVersionIds", in.SecretID, func(x *session) error {
		it, err := x.openAny(in.SecretID)
		if err != nil {
			return err
		}
		page := s.newPage("ListSecretVersionIds", in.MaxResults, 100, it.row.Key, in.IncludeDeprecated)
		var after int64
		if err := page.read(in.NextToken, &after); err != nil {
			return err
		}
		rows, err := x.tx.Versions(it.row.Key)
		if err != nil {
			return err
		}
		out = ListSecretVersionIDsOutput{ARN: it.row.ARN(), Name: it.row.Name}
		var last int64
		for _, row := range rows {
			v := row.Version
			v.Labels = sorted(it.labels, v.ID)
			if row.Seq <= after || v.Labels == nil && !in.IncludeDeprecated {
				continue
			}
			if len(out.Versions) == page.max {
				out.NextToken, err = page.next(last)
				return err
			}
			out.Versions = append(out.Versions, v)
			last = row.Seq
		}
		return nil
	})
	return out, err
}
