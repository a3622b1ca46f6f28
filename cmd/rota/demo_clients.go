package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// clients use the secret all the time, as programs do: they keep the value
// they read, read it again now and then, and never retry.
type clients struct {
	requests atomic.Int64
	failed   atomic.Int64
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	first error
}

func startClients(ctx context.Context, c *client, s *demoSubject, o demoOptions) *clients {
	ctx, cancel := context.WithCancel(ctx)
	l := &clients{cancel: cancel}
	for range o.clients {
		l.wg.Go(func() { l.run(ctx, c, s, o) })
	}
	return l
}

func (l *clients) run(ctx context.Context, c *client, s *demoSubject, o demoOptions) {
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	var value string
	var read time.Time
	for {
		if time.Since(read) >= o.reread {
			var out struct{ SecretString string }
			if err := c.aws(ctx, "GetSecretValue", map[string]string{"SecretId": demoSecret}, &out); err != nil {
				l.fail(ctx, fmt.Errorf("read the secret: %w", err))
			} else {
				value, read = out.SecretString, time.Now()
			}
		}
		if err := s.use(ctx, value); ctx.Err() == nil {
			l.requests.Add(1)
			if err != nil {
				l.fail(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// fail counts a failure; one that the end of the demo caused is none.
func (l *clients) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

func (l *clients) firstError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *clients) stop() {
	l.cancel()
	l.wg.Wait()
}
