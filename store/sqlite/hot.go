package sqlite

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rotahq/rota/store"
)

// hot keeps what Fetch read, sealed as it lies in the file, until something is
// written: SQLite takes longer to find a row again than everything else of a
// GetSecretValue together.
//
// Any commit, of whatever secret, makes all of it old. So nothing has to know
// what a statement changes for whom, and a busy engine only costs the reads
// what they cost without this.
type hot struct {
	// commits is odd while a commit is under way: whether a reader would find
	// the state before it or behind it is not known then.
	commits atomic.Uint64

	mu   sync.RWMutex
	rows map[store.FetchQuery]hotRow
	size int
}

type hotRow struct {
	at uint64 // commits when it was read
	f  store.Fetched
}

// hotMost bounds the memory of hot, in bytes of values, policies, and what
// comes with each. What is over it is dropped all at once.
const (
	hotMost = 16 << 20
	hotEach = 1 << 10
)

func (r hotRow) size() int { return len(r.f.Blob) + len(r.f.Policy) + hotEach }

// committing runs a commit. There is one writer, so one at a time.
func (h *hot) committing(commit func() error) error {
	h.commits.Add(1)
	defer h.commits.Add(1)
	return commit()
}

// get returns what would be read now.
func (h *hot) get(q store.FetchQuery) (f store.Fetched, ok bool) {
	now := h.commits.Load()
	h.mu.RLock()
	r, ok := h.rows[q]
	h.mu.RUnlock()
	if !ok || r.at != now {
		return f, false
	}
	f = r.f
	f.Labels, f.Tags = slices.Clone(f.Labels), slices.Clone(f.Tags) // a caller may sort them
	return f, true
}

// put keeps what was read. at is commits from before that;
// what was read during a commit is not kept.
func (h *hot) put(at uint64, q store.FetchQuery, f store.Fetched) {
	if at%2 == 1 {
		return
	}
	f.Labels, f.Tags = slices.Clone(f.Labels), slices.Clone(f.Tags)
	r := hotRow{at: at, f: f}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old, ok := h.rows[q]; ok {
		h.size -= old.size()
	}
	if h.rows == nil || h.size+r.size() > hotMost {
		h.rows, h.size = map[store.FetchQuery]hotRow{}, 0
	}
	h.rows[q] = r
	h.size += r.size()
}
