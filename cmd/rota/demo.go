package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
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

// demoLimit ends a demo that hangs, and demoSlack is what a rotation may take
// beside its overlap.
const (
	demoLimit = 55 * time.Second
	demoSlack = 3 * time.Second
)

func (g *global) demo() *cobra.Command {
	var o demoOptions
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

It ends by itself within a minute and leaves nothing behind, also when it is
interrupted. Exit code 1 if a request failed or an old key was not proven dead.
--json ends with one line of JSON: rotations, requests, failed_requests,
proven_dead, overlap_seconds (the shortest measured: from the move of AWSCURRENT
to the start of the ending), time_to_dead_seconds (the longest: from the start
of a rotation to the proven death of the old key).
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"data", "endpoint", "credentials"} {
				if cmd.Flags().Changed(name) {
					return usage("demo makes a server of its own and leaves nothing behind: --%s is for yours, which rota serve starts", name)
				}
			}
			if err := o.complete(); err != nil {
				return err
			}
			sum, err := g.runDemo(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := g.printSummary(sum, o); err != nil {
				return err
			}
			if !sum.good() {
				return errors.New("the demo failed: a request was refused, or an old key was not proven dead")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.postgres, "postgres", "", "use roles of this database: postgres://user:password@host:port/db")
	f.IntVar(&o.rotations, "rotations", 3, "how often to rotate")
	f.DurationVar(&o.overlap, "overlap", 3*time.Second, "how long old and new work together, in whole seconds")
	return cmd
}

// complete checks what was asked for and decides the rest.
func (o *demoOptions) complete() error {
	if o.rotations < 1 || o.overlap < time.Second || o.overlap%time.Second != 0 {
		return usage("--rotations wants at least 1, --overlap a whole number of seconds")
	}
	if time.Duration(o.rotations)*(o.overlap+demoSlack) > demoLimit {
		return usage("%d rotations with an overlap of %s do not fit into a minute", o.rotations, o.overlap)
	}
	o.clients, o.every, o.reread = 4, 20*time.Millisecond, o.overlap/3
	if o.postgres != "" {
		o.every = 100 * time.Millisecond // each request is a login, which costs on purpose
	}
	return nil
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

func (s demoSummary) good() bool { return s.FailedRequests == 0 && s.ProvenDead == s.Rotations }

func (g *global) printSummary(sum demoSummary, o demoOptions) error {
	if g.json {
		return g.printLine(sum)
	}
	verdict := "every old key is proven dead, and no request failed"
	if !sum.good() {
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

Try next a server of your own, in ./rota-data:
  %[9]s serve
and beside it, with the HOST, USER and PASSWORD of a database of yours:
  echo '{"engine":"postgres","host":"HOST","username":"USER","password":"PASSWORD"}' | %[9]s put app/db
  %[9]s show app/db --rotator postgres      how it will be rotated
  %[9]s rotate app/db --rotator postgres --schedule 'rate(30 days)' --watch
  %[9]s show app/db                         versions, ledger, journal
  %[9]s status
`, sum.Rotations, sum.ProvenDead, sum.Requests, sum.FailedRequests, sum.OverlapSeconds, o.overlap, sum.TimeToDead, verdict, typed(os.Args[0]))
	return err
}

// typed is how the program was started, for a person to type again. What go
// run built is not there any more when it is typed.
func typed(program string) string {
	switch {
	case strings.Contains(program, "/go-build"):
		return "go run ./cmd/rota"
	case strings.ContainsRune(program, '/'):
		return shellQuote(program)
	}
	return "rota" // found in PATH
}
