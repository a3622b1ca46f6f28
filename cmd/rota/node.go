package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rotahq/rota"
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
	region      string
	tlsCert     string
	tlsKey      string
	stepTimeout time.Duration
	laneLimit   int
	catalog     rotation.Catalog
	getenv      func(string) string
	log         *slog.Logger
}

// node is a running server with its engine: the only place where all parts
// are joined.
type node struct {
	url   string
	keys  accessKey
	store *store.Store
	ended chan struct{} // closed when the node stopped by itself
	stops []func()      // in the order they are called
	once  sync.Once
}

// drain is how long a shutdown waits for running requests.
const drain = 10 * time.Second

// startNode opens the data folder and starts to serve. What was opened is
// closed again on error.
func startNode(ctx context.Context, c nodeConfig) (_ *node, err error) {
	n := &node{ended: make(chan struct{})}
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
	database := filepath.Join(c.dir, "rota.db")
	_, missing := os.Stat(database)
	isNew := errors.Is(missing, os.ErrNotExist)
	sealer, err := seal.FromEnv(c.getenv, filepath.Join(c.dir, "seal.key"), isNew)
	if err != nil {
		return nil, err
	}
	d, err := sqlite.Open(ctx, database, time.Now)
	if err != nil {
		return nil, err
	}
	n.before(func() {
		if err := d.Close(); err != nil {
			c.log.Error("close the database", "error", err)
		}
	})
	var eng *engine.Engine
	if n.store, err = store.Open(ctx, d, store.Config{
		Account: c.account, Region: c.region, Sealer: sealer, NewID: newID, Rand: rand.Reader,
		Functions: function.Registry{Catalog: c.catalog, Env: c.getenv}, Changed: func() {
			if eng != nil { // not while the store opens
				eng.Wake()
			}
		},
	}); err != nil {
		return nil, err
	}
	handler := &rotation.Handler{Catalog: c.catalog, Env: c.getenv, Now: n.store.Now, Rand: rand.Reader}
	eng = engine.New(engine.Config{
		Store: n.store, Invoker: function.InProcess{Handler: handler, Store: n.store}, Owner: fmt.Sprintf("process %d", os.Getpid()),
		Caller: rota.Caller{Principal: "arn:aws:iam::" + c.account + ":role/rota-engine", Account: c.account, Region: c.region},
		Log:    c.log, Rand: rand.Reader, NewID: newID, StepTimeout: c.stepTimeout, LaneLimit: c.laneLimit,
	})
	if n.keys, err = firstKeys(filepath.Join(c.dir, "credentials"), c.region); err != nil {
		return nil, err
	}
	if err := n.listen(ctx, c, eng); err != nil {
		return nil, err
	}
	n.run(ctx, c, eng)
	return n, writeFile(filepath.Join(c.dir, "endpoint"), n.url+"\n")
}

// before adds what is to be stopped before everything added so far.
func (n *node) before(stop func()) { n.stops = append([]func(){stop}, n.stops...) }

func (n *node) listen(ctx context.Context, c nodeConfig, eng *engine.Engine) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen", c.listen, err)
	}
	scheme := "http"
	srv := &http.Server{
		Handler: server.New(server.Config{
			Store: n.store, NewID: newID, Log: c.log, ClockHeld: eng.Held,
			Healthy: func(ctx context.Context) error {
				_, err := n.store.Meta(ctx, "health")
				return err
			},
			Verifier: &wire.Verifier{
				Keys: oneKey{n.keys, c.account}, Now: time.Now, Services: []string{wire.Service},
				Region: func(r string) bool { return r == c.region },
			},
		}),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	serve := func() error { return srv.Serve(l) }
	if c.tlsCert != "" {
		scheme = "https"
		serve = func() error { return srv.ServeTLS(l, c.tlsCert, c.tlsKey) }
	}
	n.url = scheme + "://" + l.Addr().String()
	go func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("serve", "error", err)
			close(n.ended)
		}
	}()
	n.before(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			_ = srv.Close() // what did not end by itself
		}
	})
	return nil
}

// run starts the engine. It ends before the database is closed, after it
// finished or handed back what it was doing.
func (n *node) run(ctx context.Context, c nodeConfig, eng *engine.Engine) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := eng.Run(work); err != nil {
			c.log.Error("engine", "error", err)
		}
	}()
	n.before(func() {
		cancel()
		<-done
	})
}

// stop ends the node, as a whole and once.
func (n *node) stop() {
	n.once.Do(func() {
		for _, stop := range n.stops {
			stop()
		}
	})
}

// oneKey is the access key pair of the data folder.
type oneKey struct {
	key     accessKey
	account string
}

// Key finds the one key.
func (k oneKey) Key(_ context.Context, id string) (wire.Key, error) {
	if id != k.key.id {
		return wire.Key{}, rota.NotFound
	}
	return wire.Key{
		Secret: rota.StringValue(k.key.secret),
		Caller: rota.Caller{Principal: "arn:aws:iam::" + k.account + ":user/rota-admin", Account: k.account},
	}, nil
}

// newID makes a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
