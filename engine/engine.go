package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/store"
)

// Config is what an engine is made of. All fields but the optional ones must
// be set.
type Config struct {
	Store   *store.Store
	Invoker function.Invoker
	Owner   string       // this node, in claims and logs
	Caller  rota.Caller  // on whose behalf the engine works: account, region, principal
	Log     *slog.Logger // never sees a value
	Rand    io.Reader
	NewID   func() string // tokens of scheduled rotations

	// Running is the time since the start by a clock that nobody sets;
	// optional. Together with the store's clock it finds jumps.
	Running func() time.Duration
	// StepTimeout bounds one step; 0 means one minute. A claim outlives it.
	StepTimeout time.Duration
	// LaneLimit is how many secrets are worked on at once in one lane; 0
	// means 16.
	LaneLimit int
	// LaneRate is how many works may start in a lane each second; 0 means
	// 200.
	LaneRate int
}

// Engine rotates what is due and ends what is over.
type Engine struct {
	Config
	wake  chan struct{}
	watch *watch

	mu   sync.Mutex
	held string // why scheduled starts and endings wait
}

// claimSlack is how much longer a claim holds than the step it covers.
const claimSlack = 15 * time.Second

// New returns an engine that does nothing until Run.
func New(c Config) *Engine {
	if c.StepTimeout == 0 {
		c.StepTimeout = time.Minute
	}
	if c.LaneLimit == 0 {
		c.LaneLimit = 16
	}
	if c.LaneRate == 0 {
		c.LaneRate = 200
	}
	if c.Running == nil {
		start := time.Now()
		c.Running = func() time.Duration { return time.Since(start) }
	}
	c.Caller.Source = "engine"
	return &Engine{Config: c, wake: make(chan struct{}, 1)}
}

// Wake makes the engine look for work now. It never blocks; the store calls
// it when a commit may have made something due.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Held says why scheduled starts and endings wait, "" if they do not.
func (e *Engine) Held() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held
}

// poll is the longest time between two looks at the queue, and busyPoll the
// time after which work is tried again that somebody else held.
const (
	poll     = time.Minute
	busyPoll = time.Second
	// page is how much due work is read at once.
	page     = 64
	heldPage = 10_000
)

// finished is what a worker tells the loop.
type finished struct {
	work  store.Work
	lane  string
	blame bool // the provider failed
	busy  bool // the claim was somebody else's
}

// Run works until ctx is done, then waits for the running works to finish
// their step and hands back what is unfinished. It must be the only engine
// of its store when the store is a file.
func (e *Engine) Run(ctx context.Context) error {
	for {
		err := e.recover(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		e.Log.Error("take over the queue", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(busyPoll):
		}
	}
	var (
		lanes   = newLanes(e.LaneLimit, e.LaneRate)
		running = map[string]bool{}
		busy    = map[string]time.Time{}
		done    = make(chan finished)
		timer   = time.NewTimer(0)
		chores  chores
	)
	defer timer.Stop()
	finish := func(f finished) {
		delete(running, f.work.Secret.ID)
		lanes.done(f.lane, e.now(), f.blame)
		if f.busy {
			busy[f.work.Secret.ID] = e.now().Add(busyPoll)
		}
	}
	for {
		select {
		case <-ctx.Done():
			for len(running) > 0 {
				finish(<-done)
			}
			return nil
		case f := <-done:
			finish(f)
		case <-e.wake:
		case <-timer.C:
		}
		now := e.now()
		e.lookAtClock(ctx)
		e.doChores(ctx, now, &chores)
		next, err := e.startDue(ctx, now, lanes, running, busy, done)
		sleep := e.nextLook(now, lanes, next)
		if err != nil {
			sleep = busyPoll
			if ctx.Err() == nil {
				e.Log.Error("look for due work", "error", err)
			}
		}
		timer.Reset(sleep)
	}
}

// startDue starts what is due and has a place in its lane. next is the
// earliest due time of all, as it was before.
func (e *Engine) startDue(ctx context.Context, now time.Time, lanes *lanes, running map[string]bool, busy map[string]time.Time, done chan finished) (next time.Time, err error) {
	for id, until := range busy {
		if !until.After(now) || until.After(now.Add(busyPoll)) { // the clock went back
			delete(busy, id)
		}
	}
	for {
		skip, _ := lanes.full(now)
		limit := page + len(running) + len(busy)
		if e.Held() != "" {
			limit += heldPage // endings wait: look past them
		}
		var works []store.Work
		err = e.Store.View(ctx, "look for due work", func(s *store.Store) (err error) {
			if works, err = s.Due(ctx, now, limit, skip); err != nil {
				return err
			}
			next, err = s.NextDue(ctx)
			return err
		})
		if err != nil {
			return next, err
		}
		started := false
		for _, w := range works {
			if _, wait := busy[w.Secret.ID]; wait || running[w.Secret.ID] || (w.Credential != "" && e.Held() != "") {
				continue
			}
			if !lanes.start(w.Lane, now) {
				continue
			}
			running[w.Secret.ID] = true
			started = true
			go func() {
				f := finished{work: w, lane: w.Lane}
				f.blame, f.busy = e.work(ctx, w)
				done <- f
			}()
		}
		if !started || len(works) < limit {
			return next, nil
		}
	}
}

// nextLook is how long the loop sleeps when nothing wakes it; next is the
// earliest due time of all, zero if there is none.
func (e *Engine) nextLook(now time.Time, lanes *lanes, next time.Time) time.Duration {
	d := poll
	if !next.IsZero() {
		d = min(d, next.Sub(now))
	}
	if _, opens := lanes.full(now); !opens.IsZero() {
		d = min(d, opens.Sub(now))
	}
	if d <= 0 {
		// Something is due and did not start: its lane is full or its claim
		// is held. A finished work wakes the loop at once.
		d = busyPoll
	}
	return d
}

// recover is the start of a process: no claim of a former one counts, its
// unfinished work is due at once, and what became overdue meanwhile is
// spread out instead of stacked.
func (e *Engine) recover(ctx context.Context) error {
	if err := e.Store.VoidClaims(ctx, e.Owner); err != nil {
		return err
	}
	now := e.now()
	e.watch = newWatch(e.now, e.Running)
	text, err := e.Store.Meta(ctx, metaLastSeen)
	if err != nil {
		return err
	}
	if last, err := time.Parse(time.RFC3339, text); err == nil && e.watch.startedBehind(last) {
		if err := e.Store.ClockJumped(ctx, e.Owner, e.StepTimeout+claimSlack); err != nil {
			return err
		}
	}
	return e.Store.Spread(ctx, now, func(i, n int, _ store.Task) time.Time {
		return now.Add(spread(n) * time.Duration(i) / time.Duration(n))
	})
}

// spread is over how long n overdue starts are spread: a second each, but
// not over more than an hour.
func spread(n int) time.Duration {
	return min(time.Duration(n)*time.Second, time.Hour)
}

const metaLastSeen = "engine.last_seen"

// lookAtClock holds or releases scheduled starts and endings. What runs is not
// held: after a jump it keeps its claims, and is tried again at once, since
// where the clock went back its next try would be as far off as the jump was.
func (e *Engine) lookAtClock(ctx context.Context) {
	since := e.watch.since
	held := e.watch.check()
	if e.watch.since != since {
		if err := e.Store.ClockJumped(ctx, e.Owner, e.StepTimeout+claimSlack); err != nil && ctx.Err() == nil {
			e.Log.Error("go on after a jump of the clock", "error", err)
		}
	}
	e.mu.Lock()
	before := e.held
	e.held = held
	e.mu.Unlock()
	switch {
	case held != "" && before == "":
		e.Log.Warn("clock", "held", held)
	case held == "" && before != "":
		e.Log.Info("clock", "released", "scheduled starts and endings go on")
	}
}

// chores are done now and then, beside the work.
type chores struct{ seen, purged time.Time }

const (
	seenEvery  = 5 * time.Minute
	purgeEvery = time.Hour
)

// doChores records the time, for the next start to compare with, and removes
// what is past its time.
func (e *Engine) doChores(ctx context.Context, now time.Time, c *chores) {
	if elapsed := now.Sub(c.seen); elapsed >= seenEvery || elapsed < 0 {
		c.seen = now
		if err := e.Store.SetMeta(ctx, metaLastSeen, now.UTC().Format(time.RFC3339)); err != nil && ctx.Err() == nil {
			e.Log.Error("record the time", "error", err)
		}
	}
	if elapsed := now.Sub(c.purged); elapsed >= purgeEvery || elapsed < 0 {
		c.purged = now
		if err := e.Store.Purge(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("purge", "error", err)
		}
	}
}

func (e *Engine) now() time.Time { return e.Store.Now() }

// work claims one secret and does what is due. blame is true when the
// provider failed, busy when somebody else has the claim.
func (e *Engine) work(ctx context.Context, w store.Work) (blame, busy bool) {
	// Writes that record what happened must not be cut off by the shutdown
	// that ended the step.
	r := &run{Engine: e, keep: context.WithoutCancel(ctx), caller: e.Caller}
	if err := r.claim(w); err != nil {
		if !errors.Is(err, rota.Busy) {
			e.Log.Error("claim", "secret", w.Secret.ID, "error", err)
		}
		return false, true
	}
	defer r.release()
	defer function.End(e.Invoker, r.caller.Claim)
	if w.Credential != "" {
		return r.end(ctx, w), false
	}
	return r.rotate(ctx), false
}
