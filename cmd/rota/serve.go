package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/rotators"
)

const (
	defaultListen  = "127.0.0.1:7682"
	defaultAccount = "123456789012"
	defaultRegion  = "us-east-1"
)

var (
	accountID  = regexp.MustCompile(`^\d{12}$`)
	regionName = regexp.MustCompile(`^([a-z]+-)+\d+$`) // as in the service model
)

func (g *global) serve() *cobra.Command {
	var c nodeConfig
	var level string
	var regions []string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the server",
		Long: `serve runs the server: the API of AWS Secrets Manager, and the engine that
rotates what is due and ends what is over.

Everything is kept in the data folder: rota.db (values are sealed), seal.key
(the key that opens them: back it up apart from the database), credentials (the
access key pair for clients, in the format of the AWS CLI), endpoint.

The account and the first region are fixed at the first start. Name more regions
to answer for them as well: at any start, and from then on at every one. Secrets
are replicated between them. The region of a request is the one it is signed for.
The server listens on this machine only unless --listen says otherwise; beyond
it, give a certificate.
Every call and every turn of a rotation is recorded in the folder audit of the
data folder, which rota audit verify checks. A call that cannot be recorded
fails, unless --audit says otherwise.
GET /healthz answers 200 while the database answers and the engine runs. SIGTERM
or SIGHUP ends the server in good order; a second one at once.

Any AWS SDK works against it with an endpoint URL. The AWS CLI reads
AWS_ENDPOINT_URL only from version 2.13 on; an older one would ignore it and
call AWS. --endpoint-url works with every version.

The seal key may come from elsewhere: ROTA_SEAL_KEY (the text) or
ROTA_SEAL_KEY_FILE (a path). Settings of rotators have defaults in ROTA_<NAME>.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(regions); err != nil {
				return err
			}
			var lv slog.Level
			if err := lv.UnmarshalText([]byte(level)); err != nil {
				return usage("--log-level %q is none of debug, info, warn, error", level)
			}
			catalog, err := rotators.Catalog(g.rotators...)
			if err != nil {
				return err
			}
			c.region, c.regions = regions[0], regions[1:]
			c.dir, c.catalog, c.getenv = g.data, catalog, os.Getenv
			c.log = slog.New(slog.NewTextHandler(g.err, &slog.HandlerOptions{Level: lv}))
			return g.runServer(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.listen, "listen", defaultListen, "address to listen on; port 0 takes a free one")
	f.StringVar(&c.account, "account", defaultAccount, "account id, fixed at the first start")
	f.StringSliceVar(&regions, "region", []string{defaultRegion}, "home region, fixed at the first start; again, or after a comma, more regions to answer for")
	f.StringVar(&c.tlsCert, "tls-cert", "", "serve TLS with this certificate file (PEM)")
	f.StringVar(&c.tlsKey, "tls-key", "", "the certificate's key file (PEM)")
	f.DurationVar(&c.stepTimeout, "step-timeout", time.Minute, "how long one step of a rotation may take")
	f.IntVar(&c.laneLimit, "lane-limit", 16, "how many secrets are worked on at once at one provider address")
	f.StringVar(&c.audit, "audit", auditRequire, "record every call: require fails what cannot be recorded, best-effort lets it go on, off records nothing")
	c.functions.flags(cmd)
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// check checks the flags.
func (c nodeConfig) check(regions []string) error {
	for i, r := range regions {
		switch {
		case !regionName.MatchString(r):
			return usage("--region %q is no region: it looks like us-east-1", r)
		case slices.Contains(regions[:i], r):
			return usage("--region %s is given twice", r)
		}
	}
	switch {
	case len(regions) == 0:
		return usage("--region must name a region")
	case !accountID.MatchString(c.account):
		return usage("--account %q is no account id: it has 12 digits", c.account)
	case (c.tlsCert == "") != (c.tlsKey == ""):
		return usage("--tls-cert and --tls-key go together")
	case c.audit != auditRequire && c.audit != auditBestEffort && c.audit != auditOff:
		return usage("--audit %q is none of require, best-effort, off", c.audit)
	case c.stepTimeout <= 0 || c.laneLimit <= 0:
		return usage("--step-timeout and --lane-limit must be more than 0")
	}
	return c.functions.check()
}

// runServer serves until it is told to stop.
func (g *global) runServer(ctx context.Context, c nodeConfig) error {
	tuneGC(c.getenv)
	n, err := startNode(ctx, c)
	if err != nil {
		return err
	}
	defer n.stop()
	if n.first {
		g.welcome(n)
	}
	if _, err := fmt.Fprintf(g.out, "rota: ready at %s\n", n.url); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		g.say("stopping: running steps finish or are handed back")
		return nil
	case err := <-n.ended:
		return fmt.Errorf("the server stopped by itself: %w", err)
	}
}

// tuneGC lets the heap of a serving process grow to five times what is alive
// before it is collected, unless GOGC says otherwise. A few megabytes are alive,
// so it costs a few tens, and spares a quarter of the processor time of a read.
func tuneGC(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// welcome tells a first user what to type.
func (g *global) welcome(n *node) {
	path, err := filepath.Abs(g.file("credentials"))
	if err != nil {
		path = g.file("credentials")
	}
	_, _ = fmt.Fprintf(g.err, `rota: first start: made the data folder %s, with the keys for clients. Use them:

  export AWS_SHARED_CREDENTIALS_FILE=%s
  export AWS_DEFAULT_REGION=%s
  aws --endpoint-url %s secretsmanager list-secrets

An AWS CLI before 2.13 ignores AWS_ENDPOINT_URL and would call AWS; --endpoint-url
works with every version.

`, g.data, shellQuote(path), n.keys.region, n.url)
}

// shellQuote writes a word so that a shell reads it as it is.
func shellQuote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
