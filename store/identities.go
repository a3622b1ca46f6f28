package store

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rotahq/rota"
)

// Identity is a principal as whoever verifies its requests needs it. Keys are
// still sealed.
type Identity struct {
	PrincipalRow
	Policies []PrincipalPolicy
	Keys     []AccessKeyRow
}

// Identities reads principals by their ARNs; those that are not there are left
// out. Without any it reads all. It is for rota itself: nobody is asked.
func (s *Store) Identities(ctx context.Context, arns ...string) (out []Identity, err error) {
	err = s.view(ctx, rota.Caller{}, "read principals", "", func(x *session) error {
		out = nil
		var rows []PrincipalRow
		if len(arns) == 0 {
			var err error
			if rows, err = x.tx.Principals("", MostPrincipals); err != nil {
				return err
			}
		}
		for _, arn := range arns {
			row, ok, err := x.tx.Principal(arn)
			if err != nil {
				return err
			}
			if ok {
				rows = append(rows, row)
			}
		}
		for _, row := range rows {
			i := Identity{PrincipalRow: row}
			var err error
			if i.Policies, err = x.tx.PrincipalPolicies(row.ARN); err != nil {
				return err
			}
			if i.Keys, err = x.tx.AccessKeys(row.ARN); err != nil {
				return err
			}
			out = append(out, i)
		}
		return nil
	})
	return out, err
}

// OpenAccessKey opens the secret half of a key. A row that was changed or
// copied is DecryptionFailed.
func (s *Store) OpenAccessKey(k AccessKeyRow) (rota.Value, error) {
	v, err := s.cfg.Sealer.OpenAccessKey(s.cfg.Account, k.ID, k.Blob)
	return v, wrap("open an access key", k.Principal, err)
}

// KeysUsed notes when keys were used last, in one commit. Keys that are gone,
// and times before those that are known, are passed over.
func (s *Store) KeysUsed(ctx context.Context, at map[string]time.Time) error {
	err := s.d.Update(ctx, func(tx Tx) error {
		for id, t := range at {
			if err := tx.UseAccessKey(id, t); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("note when access keys were used", "", err)
}

// PrincipalsVersion is a number that grows when principals, their policies or
// their keys were, or may have been, changed by this process: it has grown
// before a change is acknowledged. It costs next to nothing.
func (s *Store) PrincipalsVersion() uint64 { return s.principals.version.Load() }

// PrincipalsSince lists the ARNs of those that were changed after a version,
// and the version that this list leads to. all: there were too many, or the
// version is none of this process's.
func (s *Store) PrincipalsSince(version uint64) (arns []string, all bool, now uint64) {
	return s.principals.since(version)
}

// principalChanges remembers which principals were changed last.
type principalChanges struct {
	version atomic.Uint64
	mu      sync.Mutex
	recent  []string // the last one is of the current version, the one before of the version before
}

// mostRecent bounds what is remembered; who has seen less reads everything.
const mostRecent = 256

func (p *principalChanges) note(arns ...string) {
	if len(arns) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent = append(p.recent, arns...)
	if n := len(p.recent) - mostRecent; n > 0 {
		p.recent = slices.Delete(p.recent, 0, n)
	}
	p.version.Add(uint64(len(arns)))
}

func (p *principalChanges) since(version uint64) (arns []string, all bool, now uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now = p.version.Load()
	if version > now || now-version > uint64(len(p.recent)) {
		return nil, true, now
	}
	arns = slices.Clone(p.recent[len(p.recent)-int(now-version):])
	slices.SortFunc(arns, strings.Compare)
	return slices.Compact(arns), false, now
}

// add notes what a part of a commit noted.
func (p *principalChanges) add(part *principalChanges) {
	arns, all, n := part.since(0)
	if !all {
		p.note(arns...)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent = nil
	p.version.Add(n)
}

// The watch notes which principals a transaction changes.

func (w *watch) PutPrincipal(p PrincipalRow) error {
	w.principals = append(w.principals, p.ARN)
	return w.Tx.PutPrincipal(p)
}

func (w *watch) DeletePrincipal(arn string) error {
	w.principals = append(w.principals, arn)
	return w.Tx.DeletePrincipal(arn)
}

func (w *watch) PutPrincipalPolicy(p PrincipalPolicy) error {
	w.principals = append(w.principals, p.Principal)
	return w.Tx.PutPrincipalPolicy(p)
}

func (w *watch) DeletePrincipalPolicy(arn, name string) error {
	w.principals = append(w.principals, arn)
	return w.Tx.DeletePrincipalPolicy(arn, name)
}

func (w *watch) PutAccessKey(k AccessKeyRow) error {
	w.principals = append(w.principals, k.Principal)
	return w.Tx.PutAccessKey(k)
}

func (w *watch) DeleteAccessKey(id string) error {
	k, ok, err := w.Tx.AccessKey(id)
	if err != nil {
		return err
	}
	if ok {
		w.principals = append(w.principals, k.Principal)
	}
	return w.Tx.DeleteAccessKey(id)
}
