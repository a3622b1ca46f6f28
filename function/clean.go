package function

import (
	"context"
	"errors"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// cleaned takes all that is known to be secret out of what a function said, and
// gives a failure the end of its log. What cannot be checked is not passed on.
func cleaned(ctx context.Context, from *store.Store, s *serving, out invoke.Outcome, cut bool) invoke.Outcome {
	var r rotation.Redactor
	r.Hide(s.own...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanFor)
	defer cancel()
	for _, id := range []string{s.secret, s.admin} {
		if id == "" {
			continue
		}
		known, err := from.Known(ctx, s.place, id)
		if err != nil && !errors.Is(err, rota.NotFound) {
			out.Log = ""
			out.Notes = append(out.Notes, "the function's log is left out: what is secret in it could not be known")
			if out.Failure != nil {
				out.Failure.Message = "(left out: what is secret in it could not be known)"
			}
			return out
		}
		r.Hide(known.Values...)
	}
	if cut {
		out.Log = r.Tail(out.Log)
	} else {
		out.Log = r.Text(out.Log)
	}
	if f := out.Failure; f != nil {
		out.Failure = &invoke.Failure{Type: r.Text(f.Type), Message: r.Text(f.Message), Log: invoke.LastLines(out.Log)}
		out.Payload = out.Failure.Payload()
	}
	return out
}

const cleanFor = 5 * time.Second
