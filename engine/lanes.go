package engine

import (
	"slices"
	"time"
)

// lanes keeps what hangs at one provider from delaying another: each lane
// has its own concurrency, its own budget of starts and its own backoff. It
// is used by the loop alone, so it needs no lock.
type lanes struct {
	limit int           // works at once in a lane
	every time.Duration // the budget: one start in this time, with bursts of limit
	byKey map[string]*lane
}

type lane struct {
	running int
	failed  int       // in a row, by the provider's fault
	closed  time.Time // backoff: nothing starts before
	tokens  int
	filled  time.Time
}

func newLanes(limit int, perSecond int) *lanes {
	return &lanes{limit: limit, every: time.Second / time.Duration(perSecond), byKey: map[string]*lane{}}
}

func (l *lanes) get(key string, now time.Time) *lane {
	ln := l.byKey[key]
	if ln == nil {
		ln = &lane{tokens: l.limit, filled: now}
		l.byKey[key] = ln
	}
	// After a clock that went back, what lies in the future would stop the
	// lane for as long as the jump was.
	if ln.filled.After(now) {
		ln.filled = now
	}
	if latest := now.Add(maxClosed); ln.closed.After(latest) {
		ln.closed = latest
	}
	if n := int(now.Sub(ln.filled) / l.every); n > 0 {
		ln.tokens = min(ln.tokens+n, l.limit)
		ln.filled = ln.filled.Add(time.Duration(n) * l.every)
	}
	return ln
}

// start takes a place in the lane, if there is one.
func (l *lanes) start(key string, now time.Time) bool {
	ln := l.get(key, now)
	if ln.running >= l.limit || ln.tokens == 0 || now.Before(ln.closed) {
		return false
	}
	ln.running++
	ln.tokens--
	return true
}

// laneFailures is how many failures in a row close a lane for a while, and
// maxClosed the longest such while.
const (
	laneFailures = 3
	maxClosed    = time.Minute
)

// done gives the place back. providerFailed is a failure that the next work
// in the same lane would meet too.
func (l *lanes) done(key string, now time.Time, providerFailed bool) {
	ln := l.get(key, now)
	ln.running--
	if !providerFailed {
		ln.failed = 0
		ln.closed = time.Time{}
	} else if ln.failed++; ln.failed >= laneFailures {
		ln.closed = now.Add(min(time.Second<<min(ln.failed-laneFailures, 6), maxClosed))
	}
	if ln.running == 0 && ln.failed == 0 && ln.tokens == l.limit {
		delete(l.byKey, key)
	}
}

// full lists the lanes in which nothing can start now, and when the first of
// those that wait for time alone opens again (zero: none does).
func (l *lanes) full(now time.Time) (keys []string, opens time.Time) {
	for key := range l.byKey {
		ln := l.get(key, now)
		var at time.Time
		switch {
		case ln.running >= l.limit:
		case now.Before(ln.closed):
			at = ln.closed
		case ln.tokens == 0:
			at = ln.filled.Add(l.every)
		default:
			if ln.running == 0 && ln.failed == 0 && ln.tokens == l.limit {
				delete(l.byKey, key) // idle: it is as if it had never been
			}
			continue
		}
		keys = append(keys, key)
		if !at.IsZero() && (opens.IsZero() || at.Before(opens)) {
			opens = at
		}
	}
	slices.Sort(keys)
	return keys, opens
}
