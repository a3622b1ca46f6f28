package store

import (
	"context"
	"sync"
	"time"

	"github.com/rotahq/rota"
)

// seenAgain is how old the last record of a reader is before it is written
// again.
const seenAgain = time.Minute

// maxRecent bounds what is remembered; forgetting costs a write, no truth.
const maxRecent = 100_000

// recentReaders remembers whose reading was recorded lately.
type recentReaders struct {
	mu sync.Mutex
	at map[readerKey]time.Time
}

type readerKey struct {
	secret                       rota.Key
	version, principal, instance string
}

func newRecentReaders() *recentReaders {
	return &recentReaders{at: map[readerKey]time.Time{}}
}

// due says whether the reader must be recorded at now.
func (r *recentReaders) due(k readerKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[k]
	since := now.Sub(at)
	return !ok || since >= seenAgain || since < 0
}

func (r *recentReaders) recorded(k readerKey, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) >= maxRecent {
		clear(r.at)
	}
	r.at[k] = now
}

// accessed records a read: the reader, which is durable when it returns, and
// the day, if it can be.
func (s *Store) accessed(ctx context.Context, c rota.Caller, got read) error {
	now := s.d.Now()
	today := now.Truncate(24 * time.Hour)
	k := readerKey{got.key, got.out.VersionID, c.Principal, c.Instance}
	must := s.seen.due(k, now)
	newDay := got.secretAccessed.Before(today) || got.versionAccessed.Before(today)
	if !must && !newDay {
		return nil
	}
	err := s.d.Update(ctx, func(tx Tx) error {
		if _, ok, err := tx.Secret(got.key); err != nil || !ok {
			return err // purged since
		}
		if newDay {
			if err := tx.PutAccessed(got.key, got.out.VersionID, today); err != nil {
				return err
			}
		}
		if !must {
			return nil
		}
		return tx.PutReader(got.key, Reader{
			Version: got.out.VersionID, Principal: c.Principal, Instance: c.Instance, First: tx.Now(), Last: tx.Now(), Grade: GradeFetched,
		})
	})
	if err == nil && must {
		s.seen.recorded(k, now)
	}
	if must {
		return err
	}
	return nil
}

// Readers lists who fetched which version of a secret, by first fetch.
func (s *Store) Readers(ctx context.Context, c rota.Caller, secretID string) (readers []Reader, err error) {
	err = s.view(ctx, c, showAction, secretID, func(x *session) error {
		row, err := x.find(secretID)
		if err != nil {
			return err
		}
		readers, err = x.tx.Readers(row.Key)
		return err
	})
	return readers, err
}
