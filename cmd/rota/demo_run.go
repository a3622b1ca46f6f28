package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators"
	"github.com/rotahq/rota/wire"
)

const (
	demoSecret = "demo/key"
	demoAdmin  = "demo/admin"
)

// demoClean is how long cleaning up may take, interrupted or not.
const demoClean = 10 * time.Second

// runDemo runs the demo and removes everything that it made.
func (g *global) runDemo(parent context.Context, o demoOptions) (sum demoSummary, err error) {
	parent, stop := context.WithCancel(parent)
	defer stop()
	watched := *g
	watched.err = telling{g.err, stop} // a demo that nobody looks at is over
	g = &watched
	ctx, cancel := context.WithTimeout(parent, demoLimit)
	defer cancel()
	var left error // what could not be removed
	clean := func(what func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), demoClean)
		defer cancel()
		left = errors.Join(left, what(ctx))
	}
	defer func() {
		switch {
		case err != nil && parent.Err() != nil && left == nil:
			err = &exitError{exitInterrupted, errors.New("interrupted; everything was removed")}
		case left != nil:
			err = errors.Join(err, left)
		}
	}()

	subject, err := newSubject(ctx, o)
	if subject != nil {
		defer clean(subject.close)
	}
	if err != nil {
		return sum, err
	}
	dir, err := os.MkdirTemp("", "rota-demo-")
	if err != nil {
		return sum, err
	}
	defer clean(func(context.Context) error { return os.RemoveAll(dir) })
	catalog, err := rotators.Catalog(subject.rotators...)
	if err != nil {
		return sum, err
	}
	n, err := startNode(ctx, nodeConfig{
		dir: dir, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, catalog: catalog,
		getenv: func(string) string { return "" }, log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return sum, err
	}
	defer n.stop()
	c, err := (&global{data: dir}).client()
	if err != nil {
		return sum, err
	}
	g.say("server at %s, data in %s, %s", n.url, filepath.Base(dir), subject.what)
	d := &demo{global: g, client: c, subject: subject, options: o}
	return d.run(ctx)
}

// demo is one run.
type demo struct {
	*global
	client  *client
	subject *demoSubject
	options demoOptions
	load    *clients
	sum     demoSummary
}

func (d *demo) run(ctx context.Context) (demoSummary, error) {
	if err := d.store(ctx); err != nil {
		return d.sum, err
	}
	o := d.options
	d.load = startClients(ctx, d.client, d.subject, o)
	defer d.load.stop()
	d.say("%d clients, a request every %s each; they read the secret again every %s", o.clients, o.every, o.reread)
	for i := range o.rotations {
		d.say("rotation %d of %d", i+1, o.rotations)
		if err := d.rotate(ctx); err != nil {
			return d.sum, err
		}
	}
	d.load.stop()
	d.sum.Requests, d.sum.FailedRequests = d.load.requests.Load(), d.load.failed.Load()
	if err := d.load.firstError(); err != nil {
		d.say("the first failed request: %v", err)
	}
	return d.sum, nil
}

// store stores the two secrets.
func (d *demo) store(ctx context.Context) error {
	settings := map[string]string{
		"rota:admin": demoAdmin, "rota:expire": fmt.Sprintf("after %ds", int(d.options.overlap.Seconds())),
	}
	for k, v := range d.subject.settings {
		settings[k] = v
	}
	var tags []map[string]string
	for k, v := range settings {
		tags = append(tags, map[string]string{"Key": k, "Value": v})
	}
	err := d.client.aws(ctx, "CreateSecret", map[string]any{
		"Name": demoAdmin, "ClientRequestToken": newID(), "SecretString": d.subject.admin,
		"Tags": []map[string]string{{"Key": rotation.TagServes, "Value": demoSecret}},
	}, nil)
	if err != nil {
		return err
	}
	return d.client.aws(ctx, "CreateSecret", map[string]any{
		"Name": demoSecret, "ClientRequestToken": newID(), "SecretString": d.subject.first, "Tags": tags,
	}, nil)
}

// rotate rotates once, and waits until the old credential is dead.
func (d *demo) rotate(ctx context.Context) error {
	start := time.Now()
	var s wire.ShowOutput
	if err := d.client.own(ctx, "Show", wire.ShowInput{SecretId: demoSecret, MaxJournal: 1}, &s); err != nil {
		return err
	}
	old, after := versionOf(s, rota.Current), lastNumber(s)
	if _, err := (rotateOptions{rotator: d.subject.rotator}).ask(ctx, d.client, s); err != nil {
		return err
	}
	d.sum.Rotations++
	var moved time.Time // when AWSCURRENT had moved
	tick := time.NewTicker(watchEvery / 2)
	defer tick.Stop()
	for {
		s = wire.ShowOutput{}
		if err := d.client.own(ctx, "Show", wire.ShowInput{SecretId: demoSecret, AfterJournal: after, MaxJournal: 1000}, &s); err != nil {
			return d.cut(ctx, err, s)
		}
		for _, e := range s.Journal {
			after = e.Number
			d.say("  %s   (%d requests, %d failed)", entryLine(e), d.load.requests.Load(), d.load.failed.Load())
			switch {
			case e.Outcome != rota.OutcomeOK:
			case e.Step == string(rota.FinishSecret):
				moved = e.Started.Add(time.Duration(e.Milliseconds) * time.Millisecond)
			case e.Step == string(rota.ExpireSecret) && e.VersionId == old:
				return d.dead(s, old, start, e.Started.Sub(moved))
			}
		}
		select {
		case <-ctx.Done():
			return d.cut(ctx, ctx.Err(), s)
		case <-tick.C:
		}
	}
}

// dead counts an old credential that was ended, if the ledger says that it is
// proven dead.
func (d *demo) dead(s wire.ShowOutput, old string, start time.Time, overlap time.Duration) error {
	for _, row := range s.Credentials {
		if row.VersionId != old {
			continue
		}
		if row.State != string(rota.ProvenDead) {
			return fmt.Errorf("the old key is %s: %s", row.State, orDash(row.Evidence))
		}
		d.sum.ProvenDead++
		d.sum.TimeToDead = max(d.sum.TimeToDead, row.Changed.Sub(start).Seconds())
		if d.sum.OverlapSeconds == 0 || overlap.Seconds() < d.sum.OverlapSeconds {
			d.sum.OverlapSeconds = overlap.Seconds()
		}
		return nil
	}
	return errors.New("the ledger does not have the old key")
}

// cut says why a rotation was not waited for any longer.
func (d *demo) cut(ctx context.Context, err error, s wire.ShowOutput) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the old key was not proven dead within %s; the last thing was: %s", demoLimit, orDash(s.Detail))
	}
	return err
}
