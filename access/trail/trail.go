package trail

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/store"
)

// Outbox is where rows wait; the store is one.
type Outbox interface {
	Outbox(ctx context.Context, limit int) ([]store.OutboxRow, error)
	Delivered(ctx context.Context, upTo int64) error
}

// Trail delivers the outbox. There must be one for a store.
type Trail struct {
	outbox Outbox
	logs   map[string]*audit.Log // by kind
	log    *slog.Logger
	wake   chan struct{}
	stuck  atomic.Pointer[error]

	// of Run alone
	began    bool
	appended map[string]int64 // by kind, the last row that is in its log
}

// New returns a trail that does nothing until Run. logs are by kind; rows of a
// kind without a log are dropped.
func New(outbox Outbox, logs map[string]*audit.Log, log *slog.Logger) *Trail {
	return &Trail{outbox: outbox, logs: logs, log: log, wake: make(chan struct{}, 1), appended: map[string]int64{}}
}

const (
	page = 256 // rows that are delivered at once
	// rest is the time between two deliveries: each costs two fsyncs and a
	// commit, however many rows it has.
	rest    = 20 * time.Millisecond
	retry   = time.Second
	lastTry = 5 * time.Second // for what is left when the program ends
)

// Wake says that there is something to deliver. It never blocks; the store
// calls it after a commit.
func (t *Trail) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Stuck says why the outbox is not delivered, nil if it is.
func (t *Trail) Stuck() error {
	if err := t.stuck.Load(); err != nil {
		return *err
	}
	return nil
}

// Run delivers until ctx is done, and then what is left. What cannot be
// delivered stays where it is, and is tried again every second.
func (t *Trail) Run(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := t.Deliver(context.WithoutCancel(ctx))
		t.report(err)
		pause := rest
		switch {
		case err != nil:
			pause = retry
		case more:
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if err == nil {
			select {
			case <-t.wake:
			case <-ctx.Done():
			}
		}
	}
	t.finish()
}

// finish delivers what is left when the program ends. What cannot be is
// delivered after the next start.
func (t *Trail) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), lastTry)
	defer cancel()
	for ctx.Err() == nil {
		more, err := t.Deliver(ctx)
		t.report(err)
		if err != nil || !more {
			return
		}
	}
}

// report tells an operator when delivery begins to fail and when it works
// again.
func (t *Trail) report(err error) {
	before := t.Stuck()
	if err == nil {
		t.stuck.Store(nil)
		if before != nil {
			t.log.Info("audit", "delivery", "goes on")
		}
		return
	}
	t.stuck.Store(&err)
	if before == nil {
		t.log.Error("audit: what was recorded with commits does not reach the log; it is kept and tried again each second", "error", err)
	}
}

// Deliver moves the oldest rows to their logs; more says that there may be
// others. After an error it may be called again: rows that are in a log
// already are not appended twice.
func (t *Trail) Deliver(ctx context.Context) (more bool, err error) {
	rows, err := t.outbox.Outbox(ctx, page)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 {
		t.began = true
		return false, nil
	}
	dropped := 0
	byKind := map[string][]store.OutboxRow{}
	for _, r := range rows {
		switch {
		case t.logs[r.Kind] == nil:
			dropped++
		case r.Seq > t.appended[r.Kind]:
			byKind[r.Kind] = append(byKind[r.Kind], r)
		}
	}
	for kind, rows := range byKind {
		if err := t.append(ctx, kind, rows); err != nil {
			return false, err
		}
	}
	if err := t.outbox.Delivered(ctx, rows[len(rows)-1].Seq); err != nil {
		return false, err
	}
	t.began = true
	if dropped > 0 {
		t.log.Warn("audit: records of a former process were dropped, since there is no log for them", "records", dropped)
	}
	return len(rows) == page, nil
}

// append puts rows of one kind into their log.
func (t *Trail) append(ctx context.Context, kind string, rows []store.OutboxRow) error {
	l := t.logs[kind]
	var written map[string]bool
	if !t.began {
		// A former process may have died between the log and the outbox. It
		// never went on before a page was removed: only the first one can be
		// there in part.
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		var err error
		if written, err = l.Wrote(ids); err != nil {
			return fmt.Errorf("look for what the log has: %w", err)
		}
	}
	var events [][]byte
	for _, r := range rows {
		if !written[r.ID] {
			events = append(events, r.Body)
		}
	}
	if len(events) > 0 {
		if err := l.Append(ctx, events...); err != nil {
			return err
		}
	}
	t.appended[kind] = rows[len(rows)-1].Seq
	return nil
}
