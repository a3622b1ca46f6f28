package store

import (
	"context"
	"errors"

	"github.com/rotahq/rota"
)

// BatchGetSecretValueInput is the input of BatchGetSecretValue: ids or
// filters. MaxResults 0 is 20.
type BatchGetSecretValueInput struct {
	SecretIDs  []string
	Filters    []Filter
	MaxResults int
	NextToken  string
}

// BatchGetSecretValueOutput is its output.
type BatchGetSecretValueOutput struct {
	Values    []GetSecretValueOutput
	Errors    []BatchError
	NextToken string
}

// BatchError is why one secret has no value in the output.
type BatchError struct {
	SecretID string
	Code     rota.Code
	Message  string
}

// BatchGetSecretValue returns the AWSCURRENT values of several secrets. What
// goes wrong with one of them, a denial too, is among the Errors and stops no
// other. With filters it takes the right to ListSecrets as well
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html).
func (s *Store) BatchGetSecretValue(ctx context.Context, c rota.Caller, in BatchGetSecretValueInput) (BatchGetSecretValueOutput, error) {
	const op = "BatchGetSecretValue"
	var out BatchGetSecretValueOutput
	if err := permit(c, op); err != nil {
		return out, wrap(op, "", err)
	}
	switch {
	case (len(in.SecretIDs) > 0) == (len(in.Filters) > 0):
		return out, wrap(op, "", rota.E(rota.InvalidParameter, "Either 'SecretIdList' or 'Filters' must be provided, but not both."))
	case len(in.Filters) == 0 && in.MaxResults != 0:
		return out, wrap(op, "", rota.E(rota.InvalidParameter, "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."))
	}
	ids := in.SecretIDs
	if len(ids) > 0 && in.NextToken != "" {
		return out, wrap(op, "", badToken()) // a list of ids has one page
	}
	if len(in.Filters) > 0 {
		if err := permit(c, "ListSecrets"); err != nil {
			return out, wrap(op, "", err)
		}
		p := s.newPage(op, in.MaxResults, 20, c.Account, c.Region, in.Filters)
		err := s.list(ctx, c, op, SecretsQuery{Order: ByCreated}, in.Filters, p, in.NextToken, func(sec rota.Secret) { ids = append(ids, sec.ARN()) }, &out.NextToken)
		if err != nil {
			return BatchGetSecretValueOutput{}, err
		}
	}
	for _, id := range ids {
		got, err := s.GetSecretValue(ctx, c, GetSecretValueInput{SecretID: id})
		if ctx.Err() != nil {
			return BatchGetSecretValueOutput{}, err
		}
		if err != nil {
			var e *rota.Error
			errors.As(err, &e)
			out.Errors = append(out.Errors, BatchError{id, e.Code, e.Message})
			continue
		}
		out.Values = append(out.Values, got)
	}
	return out, nil
}
