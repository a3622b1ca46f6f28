package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/access/trail"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
)

// What rota serve does about its audit log.
const (
	auditRequire    = "require"     // a call that cannot be recorded fails
	auditBestEffort = "best-effort" // the server's log says so, and the call goes on
	auditOff        = "off"         // nothing is recorded
)

// The folders of the logs within the data folder.
const (
	auditFolder  = "audit"
	eventsFolder = "events"
)

// openTrail opens the logs and starts to deliver what the store has to tell.
// It returns the server's part, nil when auditing is off.
func (n *node) openTrail(c nodeConfig) (*server.Audit, error) {
	logs := map[string]*audit.Log{}
	open := func(kind, folder, hint string) error {
		l, err := audit.Open(filepath.Join(c.dir, folder), audit.Options{})
		if err != nil {
			var broken *audit.Break
			if errors.As(err, &broken) {
				return fmt.Errorf("%w; somebody changed it: keep the folder as it is under another name, and a new chain begins%s", err, hint)
			}
			return fmt.Errorf("%w; the folder must be writable%s", err, hint)
		}
		n.stops = append(n.stops, func() {
			if err := l.Close(); err != nil {
				n.log.Error("close the log", "kind", kind, "error", err)
			}
		})
		if cut := l.Cut(); cut > 0 {
			n.log.Warn("a former process was ended in the middle of a write: the end of the log, which was never acknowledged, was cut off", "folder", folder, "bytes", cut)
		}
		logs[kind] = l
		return nil
	}
	if err := open(store.ToEvents, eventsFolder, ""); err != nil {
		return nil, err
	}
	if c.audit != auditOff {
		if err := open(store.ToAudit, auditFolder, "; --audit=off starts without records"); err != nil {
			return nil, err
		}
	}
	n.trail = trail.New(n.store, logs, n.log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.trail.Run(ctx)
	}()
	n.stops = append(n.stops, func() {
		cancel()
		<-done
	})
	if c.audit == auditOff {
		return nil, nil
	}
	return &server.Audit{Log: logs[store.ToAudit], Require: c.audit != auditBestEffort, Stuck: n.trail.Stuck}, nil
}
