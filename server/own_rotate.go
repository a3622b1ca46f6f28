package server

import (
	"context"
	"slices"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// rotateAsAWhole is rota.Rotate: calls of AWS's operations in one commit. Each
// is read, authorised and recorded as itself. If one is refused nothing is
// changed, and what is recorded is the refusal.
func rotateAsAWhole(ctx context.Context, q *request, body []byte) (answer []byte, err error) {
	var in wire.RotateInput
	if err := decodeStrict(body, &in); err != nil {
		return nil, rota.E(rota.Serialization, "The request body can not be read: it must be one JSON object with the members of this operation.")
	}
	q.in = in
	s := q.server
	err = s.Store.Update(ctx, q.operation, func(together *store.Store) error {
		for _, call := range in.Calls() {
			part := *q
			part.server, part.service, part.operation = s.within(together), wire.Service, call.Operation
			part.gate.context = slices.Clip(q.gate.context) // each adds what is known of it
			if answer, err = s.aws[call.Operation].do(ctx, &part, call.Body); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	q.recorded = s.Audit != nil
	return answer, nil
}
