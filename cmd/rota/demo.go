package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators"
	"github.com/rotahq/rota/wire"
)

// demoOptions are the demo's sizes.
type demoOptions struct {
	postgres  string
	rotations int
	overlap   time.Duration
	clients   int
	every     time.Duration // between two requests of a client
	reread    time.Duration // between two reads of the secret; shorter than the overlap
}

// demoLimit ends a demo that hangs.
const demoLimit = 55 * time.Second

func (g *global) demo() *cobra.Command {
	o := demoOptions{clients: 4, every: 20 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "see the main job in one command: rotate a key that is in use, and prove the old one dead",
		Long: `demo starts a server, an outside API that issues and revokes keys over HTTP (part
of this demo, not of the catalog), and clients that call it with the current key
all the time. Then it rotates the key a few times with a short overlap. Clients
never retry: any answer but success counts as a failure. They read the secret
again at a period that is shorter than the overlap.

With --postgres URL the same happens to roles of a real database (alternating
users); the URL's user must be allowed to create roles.

It ends by itself within a minute and leaves nothing behind. Exit code 1 if a
request failed or an old key was not proven dead. --json ends with one line of
JSON: rotations, requests, failed_requests, proven_dead, overlap_seconds (the
shortest measured), time_to_dead_seconds (the longest, from the start of a
rotation to the proven death of the old key).
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.rotations < 1 || o.overlap < 500*time.Millisecond || o.overlap%time.Second != 0 {
				return usage("--rotations wants at least 1, --overlap a whole number of seconds")
			}
			o.reread = o.overlap / 3
			ctx, cancel := context.WithTimeout(cmd.Context(), demoLimit)
			defer cancel()
			sum, err := g.runDemo(ctx, o)
			if err != nil {
				return err
			}
			if err := g.printSummary(sum, o); err != nil {
				return err
			}
			if sum.FailedRequests > 0 || sum.ProvenDead != sum.Rotations {
				return errors.New("the demo failed: a request was refused, or an old key was not proven dead")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.postgres, "postgres", "", "use roles of this database: postgres://user:password@host:port/db")
	f.IntVar(&o.rotations, "rotations", 3, "how often to rotate")
	f.DurationVar(&o.overlap, "overlap", 3*time.Second, "how long old and new work together")
	return cmd
}

// demoSummary is the result.
type demoSummary struct {
	Rotations      int     `json:"rotations"`
	Requests       int64   `json:"requests"`
	FailedRequests int64   `json:"failed_requests"`
	ProvenDead     int     `json:"proven_dead"`
	OverlapSeconds float64 `json:"overlap_seconds"`
	TimeToDead     float64 `json:"time_to_dead_seconds"`
}

// demoSubject is what is rotated: keys of the demo's API, or roles.
type demoSubject struct {
	what     string
	rotators []rotation.Rotator
	function string
	admin    string // value of the admin secret
	first    string // value of the secret
	use      func(ctx context.Context, value string) error
	close    func(context.Context) error
}

const (
	demoSecret = "demo/key"
	demoAdmin  = "demo/admin"
)

func (g *global) runDemo(ctx context.Context, o demoOptions) (sum demoSummary, err error) {
	subject, err := newSubject(ctx, o)
	if err != nil {
		return sum, err
	}
	// Also after an interrupt nothing is left behind.
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, subject.close(clean))
	}()
	dir, err := os.MkdirTemp("", "rota-demo-")
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
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
	demo := &global{streams: g.streams, data: dir}
	c, err := demo.client()
	if err != nil {
		return sum, err
	}
	g.say("server at %s, data in %s, %s", n.url, filepath.Base(dir), subject.what)
	if err := demoSetUp(ctx, c, subject, o); err != nil {
		return sum, err
	}
	load := startClients(ctx, c, subject, o)
	g.say("%d clients, a request every %s each; they read the secret again every %s", o.clients, o.every, o.reread)
	for i := range o.rotations {
		g.say("rotation %d of %d", i+1, o.rotations)
		if err := g.demoRotate(ctx, c, subject, load, &sum); err != nil {
			load.stop()
			return sum, err
		}
	}
	load.stop()
	sum.Requests, sum.FailedRequests = load.requests.Load(), load.failed.Load()
	if load.firstError() != nil {
		g.say("the first failed request: %v", load.firstError())
	}
	return sum, nil
}

// demoSetUp stores the two secrets.
func demoSetUp(ctx context.Context, c *client, s *demoSubject, o demoOptions) error {
	for _, in := range []map[string]any{
		{
			"Name": demoAdmin, "ClientRequestToken": newID(), "SecretString": s.admin,
			"Tags": []map[string]string{{"Key": rotation.TagServes, "Value": demoSecret}},
		},
		{
			"Name": demoSecret, "ClientRequestToken": newID(), "SecretString": s.first,
			"Tags": []map[string]string{
				{"Key": "rota:admin", "Value": demoAdmin},
				{"Key": "rota:expire", "Value": fmt.Sprintf("after %ds", int(o.overlap.Seconds()))},
			},
		},
	} {
		if err := c.aws(ctx, "CreateSecret", in, nil); err != nil {
			return err
		}
	}
	return nil
}

// demoRotate rotates once, and waits until the old credential is dead.
func (g *global) demoRotate(ctx context.Context, c *client, s *demoSubject, load *clients, sum *demoSummary) error {
	start := time.Now()
	var before wire.ShowOutput
	if err := c.own(ctx, "Show", wire.ShowInput{SecretId: demoSecret, MaxJournal: 1}, &before); err != nil {
		return err
	}
	old := versionOf(before, rota.Current)
	err := c.aws(ctx, "RotateSecret", map[string]any{
		"SecretId": demoSecret, "ClientRequestToken": newID(),
		"RotationLambdaARN": "arn:aws:lambda:" + defaultRegion + ":" + defaultAccount + ":function:rota-" + s.function,
	}, nil)
	if err != nil {
		return err
	}
	tick := time.NewTicker(watchEvery / 2)
	defer tick.Stop()
	after := lastNumber(before)
	var moved time.Time
	for {
		var now wire.ShowOutput
		if err := c.own(ctx, "Show", wire.ShowInput{SecretId: demoSecret, AfterJournal: after, MaxJournal: 1000}, &now); err != nil {
			return err
		}
		for _, e := range now.Journal {
			after = e.Number
			_, _ = fmt.Fprintf(g.err, "  %s   (%d requests, %d failed)\n", entryLine(e), load.requests.Load(), load.failed.Load())
			if e.Step == string(rota.FinishSecret) && e.Outcome == rota.OutcomeOK {
				moved = e.Started.Add(time.Duration(e.Milliseconds) * time.Millisecond)
			}
		}
		for _, row := range now.Credentials {
			if row.VersionId != old || row.State != string(rota.ProvenDead) {
				continue
			}
			sum.Rotations++
			sum.ProvenDead++
			sum.TimeToDead = max(sum.TimeToDead, row.Changed.Sub(start).Seconds())
			if overlap := row.Changed.Sub(moved).Seconds(); sum.OverlapSeconds == 0 || overlap < sum.OverlapSeconds {
				sum.OverlapSeconds = overlap
			}
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the old key was not proven dead within %s; the last thing was: %s", demoLimit, orDash(now.Detail))
			}
			return errors.New("interrupted; everything was removed")
		case <-tick.C:
		}
	}
}

func versionOf(s wire.ShowOutput, label string) string {
	for _, v := range s.Versions {
		for _, l := range v.Labels {
			if l == label {
				return v.VersionId
			}
		}
	}
	return ""
}

func (g *global) printSummary(sum demoSummary, o demoOptions) error {
	if g.json {
		// One line, for scripts.
		return g.printLine(sum)
	}
	verdict := "every old key is proven dead, and no request failed"
	if sum.FailedRequests > 0 || sum.ProvenDead != sum.Rotations {
		verdict = "NOT as it should be"
	}
	_, err := fmt.Fprintf(g.out, `
  rotations                %d
  old keys proven dead     %d
  client requests          %d
  failed requests          %d
  overlap                  %.1f s at least (asked for %s)
  start to proven death    %.1f s at most

  %s.

Try next:
  rota serve                                        your own server, in ./rota-data
  echo '{"engine":"postgres",...}' | rota put app/db
  rota rotate app/db --rotator postgres --schedule 'rate(30 days)' --watch
  rota show app/db                                  versions, ledger, journal
  rota status
`, sum.Rotations, sum.ProvenDead, sum.Requests, sum.FailedRequests, sum.OverlapSeconds, o.overlap, sum.TimeToDead, verdict)
	return err
}
