package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/access/trail"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
	"github.com/rotahq/rota/wire"
)

// nodeConfig is what one serving process is made of.
type nodeConfig struct {
	dir         string
	listen      string
	account     string
	region      string   // the home region
	regions     []string // served besides it
	tlsCert     string
	tlsKey      string
	stepTimeout time.Duration // 0: the engine's default
	laneLimit   int           // 0: the engine's default
	audit       string        // auditRequire (or ""), auditBestEffort, auditOff
	functions   functionConfig
	catalog     rotation.Catalog
	getenv      func(string) string
	log         *slog.Logger
}

// node is a running server with its engine: the only place where all parts
// are joined.
type node struct {
	url   string
	keys  accessKey
	first bool       // this start made the keys
	ended chan error // the server stopped by itself

	log   *slog.Logger
	store *store.Store
	trail *trail.Trail
	who   *session.Directory
	calls *function.Router
	stops []func() // called from the last to the first
	once  sync.Once
}

// drain is how long a shutdown waits for running requests.
const drain = 10 * time.Second

// startNode takes the data folder and the address, opens the store and starts
// to serve. On error everything is given back.
func startNode(ctx context.Context, c nodeConfig) (_ *node, err error) {
	n := &node{ended: make(chan error, 1), log: c.log}
	defer func() {
		if err != nil {
			n.stop()
		}
	}()
	release, err := lockFolder(c.dir)
	if err != nil {
		return nil, err
	}
	n.stops = append(n.stops, release)
	l, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	n.url = l.url
	n.stops = append(n.stops, func() { _ = l.Close() }) // closed already by a server that was started
	var wake func()
	if err := n.open(ctx, c, func() {
		if wake != nil { // not while the store opens
			wake()
		}
	}); err != nil {
		return nil, err
	}
	recorder, err := n.openTrail(c)
	if err != nil {
		return nil, err
	}
	if err := n.firstPrincipals(ctx, c); err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(c.dir, "endpoint"), n.url+"\n"); err != nil {
		return nil, err
	}
	if n.calls, err = n.router(c); err != nil {
		return nil, err
	}
	eng := n.engine(c)
	wake = eng.Wake
	n.run(ctx, c, l, eng, recorder)
	return n, nil
}

// open opens the store. changed is called when something may be due sooner.
func (n *node) open(ctx context.Context, c nodeConfig, changed func()) error {
	database := filepath.Join(c.dir, "rota.db")
	_, missing := os.Stat(database)
	sealer, err := seal.FromEnv(c.getenv, filepath.Join(c.dir, "seal.key"), errors.Is(missing, os.ErrNotExist))
	if err != nil {
		return err
	}
	d, err := sqlite.Open(ctx, database, time.Now)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, func() {
		if err := d.Close(); err != nil {
			n.log.Error("close the database", "error", err)
		}
	})
	n.store, err = store.Open(ctx, d, store.Config{
		Account: c.account, Region: c.region, Regions: c.regions, Sealer: sealer, NewID: newID, Rand: rand.Reader,
		Functions: function.Registry{Catalog: c.catalog, Env: c.getenv}, Policies: server.ResourcePolicies{}, Changed: changed,
		Tell: trail.Events{NewID: newID, NoAudit: c.audit == auditOff}.Row,
		Outgoing: func() {
			if n.trail != nil { // not while the store opens
				n.trail.Wake()
			}
		},
	})
	if err == nil {
		n.who = session.New(n.store, sealer, rand.Reader)
	}
	return err
}

func (n *node) engine(c nodeConfig) *engine.Engine {
	return engine.New(engine.Config{
		Store: n.store, Invoker: n.calls, Owner: fmt.Sprintf("process %d", os.Getpid()),
		Caller: rota.Caller{Principal: "arn:aws:iam::" + c.account + ":role/rota-engine", Account: c.account, Region: c.region},
		Log:    c.log, Rand: rand.Reader, NewID: newID, StepTimeout: c.stepTimeout, LaneLimit: c.laneLimit,
	})
}

// run serves and rotates until the node is stopped: then running requests are
// answered, and running steps finished or handed back, before the database is
// closed.
func (n *node) run(ctx context.Context, c nodeConfig, l *listener, eng *engine.Engine, recorder *server.Audit) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		if err := eng.Run(work); err != nil {
			n.log.Error("engine", "error", err)
		}
	}()
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		n.who.Run(work, func(err error) { n.log.Error("access keys", "error", err) })
	}()
	keys := server.Principals{Directory: n.who}
	srv := newHTTPServer(server.New(server.Config{
		Store: n.store, NewID: newID, Log: c.log, ClockHeld: eng.Held, Healthy: n.healthy(idle), Audit: recorder, Grants: keys, Sessions: n.who,
		Functions: n.calls,
		Verifier: &wire.Verifier{
			Keys: keys, Now: time.Now, Services: []string{wire.Service},
			Region: served(n.store.Regions()),
		},
	}), c.log)
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.ended <- err
		}
	}()
	n.stops = append(n.stops, func() {
		cancel()
		answered, stop := context.WithTimeout(context.Background(), drain)
		defer stop()
		if err := srv.Shutdown(answered); err != nil {
			_ = srv.Close() // what did not end by itself
		}
		<-idle
		n.calls.Close()
		<-noted
	})
}

// served tells the regions that the server answers for from all others.
func served(regions []string) func(string) bool {
	return func(r string) bool { return slices.Contains(regions, r) }
}

// healthy says whether the engine runs and the database answers.
func (n *node) healthy(idle <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-idle:
			return errors.New("the engine does not run")
		default:
		}
		if err := n.trail.Stuck(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := n.store.Meta(ctx, "health")
		return err
	}
}

// stop ends the node, as a whole and once.
func (n *node) stop() {
	n.once.Do(func() {
		for i := range n.stops {
			n.stops[len(n.stops)-1-i]()
		}
	})
}

// newID makes a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
