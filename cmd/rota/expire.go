package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/wire"
)

func (g *global) expire() *cobra.Command {
	var now, hold, resume bool
	var until, version string
	cmd := &cobra.Command{
		Use:   "expire NAME --now|--hold|--resume|--until T",
		Short: "end an old credential now, hold its ending, or move it",
		Long: `expire changes when an old credential of a secret ends: at once (--now, for a
leak), not before further notice (--hold, until --resume), or at another time
(--until). T is a time such as 2026-12-24T18:00:00Z, or a duration from now such
as 36h or 7d. What ends is proven dead; the journal says so (rota show NAME).

Without --version-id it is the one overlap that is open.
` + exitHelp,
		Args:              one,
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := wire.ExpireInput{SecretId: args[0], VersionId: version, Now: now, Hold: hold, Resume: resume}
			chosen := 0
			for _, b := range []bool{now, hold, resume, until != ""} {
				if b {
					chosen++
				}
			}
			if chosen != 1 {
				return usage("expire wants exactly one of --now, --hold, --resume and --until; see: rota expire --help")
			}
			if until != "" {
				t, err := parseUntil(until, time.Now())
				if err != nil {
					return err
				}
				in.Until = &t
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.ExpireOutput
			if err := c.own(cmd.Context(), "Expire", in, &out); err != nil {
				return whichVersion(err, args[0])
			}
			if g.json {
				return g.print(out)
			}
			row := out.Credential
			ends := "until it is resumed"
			if row.State != string(rota.Held) {
				ends = "and ends " + when(row.NotBefore)
			}
			g.say("the credential of version %s is %s %s; see: rota show %s", row.VersionId, row.State, ends, args[0])
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&now, "now", false, "end it at once")
	f.BoolVar(&hold, "hold", false, "hold its ending until further notice")
	f.BoolVar(&resume, "resume", false, "let a held ending go on as planned")
	f.StringVar(&until, "until", "", "end it at this time, or after this duration")
	f.StringVar(&version, "version-id", "", "the version whose credential is meant")
	return cmd
}

// whichVersion says how a version is named.
func whichVersion(err error, name string) error {
	var api *apiError
	if errors.As(err, &api) && strings.Contains(api.Message, "Name ") {
		return fmt.Errorf("%w (name it with --version-id; rota show %s lists them)", err, name)
	}
	return err
}

func parseUntil(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	d, err := rotation.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return time.Time{}, usage("--until %q is neither a time such as 2026-12-24T18:00:00Z nor a duration such as 36h", text)
	}
	return now.Add(d).UTC(), nil
}
