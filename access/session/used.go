package session

import (
	"context"
	"strings"
	"time"

	"github.com/rotahq/rota/store"
)

// usedEvery is how often the times of the last use are written, and so how
// late they may be.
const usedEvery = time.Minute

// Used notes that a key signed a request now; a session counts for the key
// that asked for it. It costs two look-ups in memory.
func (d *Directory) Used(id string) {
	if strings.HasPrefix(id, store.TemporaryKey) {
		d.sessions.mu.RLock()
		s := d.sessions.m[id]
		d.sessions.mu.RUnlock()
		if s == nil || s.Parent == "" {
			return
		}
		id = s.Parent
	}
	if k := d.find(id); k != nil {
		k.used.Store(d.store.Now().UnixMilli())
	}
}

// Run writes once a minute when keys were used, all in one commit, and once
// more at the end. It returns when ctx is done. report is told what fails;
// what could not be written is tried again.
func (d *Directory) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(usedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := d.flush(last); err != nil {
				report(err)
			}
			return
		}
		if err := d.flush(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

func (d *Directory) flush(ctx context.Context) error {
	at := map[string]time.Time{}
	d.mu.RLock()
	for id, k := range d.keys {
		if ms := k.used.Load(); ms > k.row.Used.UnixMilli() && ms > k.told.Load() {
			at[id] = time.UnixMilli(ms).UTC()
		}
	}
	d.mu.RUnlock()
	if len(at) == 0 {
		return nil
	}
	if err := d.store.KeysUsed(ctx, at); err != nil {
		return err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for id, t := range at {
		if k := d.keys[id]; k != nil {
			k.told.Store(t.UnixMilli())
		}
	}
	return nil
}
