package lambda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// An ending that does not succeed is tried again for so long after its time,
// as in rota serve.
const (
	endingBound  = 24 * time.Hour
	soonestAgain = time.Minute
	latestAgain  = 15 * time.Minute
)

// again plans the next try of an ending that failed with cause. It returns no
// error when there is one: whoever invoked need not try too. Past the bound,
// or where nothing can be planned, the cause is returned, and ends up where
// Lambda puts events that failed: the dead-letter queue and its alarm.
func (f *Function) again(ctx context.Context, ev rota.Event, t timer, cause error) (*time.Time, error) {
	ctx, cancel := afterwards(ctx, t)
	defer cancel()
	if errors.Is(cause, rota.NotFound) {
		return nil, fmt.Errorf("the secret is gone, and its old credential may be alive: %w", cause)
	}
	s := &secrets{api: f.Secrets, id: ev.SecretID, allow: f.Allow}
	now, err := s.Describe(ctx, ev.SecretID)
	if err != nil {
		return nil, errors.Join(cause, fmt.Errorf("no further try could be planned: %w", err))
	}
	due, ok := endingOf(now, ev.ClientRequestToken)
	if !ok {
		return nil, cause // it waits for no time
	}
	if t.now.Sub(due) > endingBound {
		f.count("EndingOverdue")
		return nil, fmt.Errorf("the credential of version %s was to end at %s and is not proven dead; rota doctor --aws says what to do: %w",
			ev.ClientRequestToken, due.UTC().Format(time.RFC3339), cause)
	}
	next := t.now.Add(min(max(t.now.Sub(due), soonestAgain), latestAgain))
	if due.After(next) { // the event came early: somebody moved the label
		next = due
	}
	next = next.UTC().Truncate(time.Second)
	if err := t.again(ctx, now.ARN(), ev.ClientRequestToken, next); err != nil {
		return nil, errors.Join(cause, fmt.Errorf("no further try could be planned: %w", err))
	}
	f.count("EndingTriedAgain")
	f.Log.WarnContext(ctx, "an old credential did not end yet", "secret", now.Name, "version", ev.ClientRequestToken, "error", cause, "next", next)
	return &next, nil
}

// endingOf is the time of a version's ending, as its label has it: the last
// one, where a crash left two.
func endingOf(s rota.Secret, version string) (at time.Time, ok bool) {
	for _, l := range s.Stages[version] {
		if t, ends := rota.ParseEndsLabel(l); ends && t.After(at) {
			at, ok = t, true
		}
	}
	return at, ok
}
