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
	r.HideEnvironment(s.own...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanFor)
	defer cancel()
	hide := func(id string) (known store.Known, err error) {
		if id == "" {
			return known, nil
		}
		if known, err = from.Known(ctx, s.place, id); errors.Is(err, rota.NotFound) || errors.Is(err, rota.Validation) {
			return known, nil // another server's, or no name of a secret
		}
		r.Hide(known.Values...)
		return known, err
	}
	own, err := hide(s.secret)
	// The admin secret as it is named now, which a function elsewhere may read
	// with a key of its own; and the one that this process was let read.
	for _, id := range []string{rotation.AdminOf(own.Secret, own.Current), s.admin} {
		if err == nil {
			_, err = hide(id)
		}
	}
	if err != nil {
		out.Log = ""
		out.Notes = append(out.Notes, "the function's log is left out: what is secret in it could not be known")
		if out.Failure != nil {
			out.Failure.Message = "(left out: what is secret in it could not be known)"
		}
		return out
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
