package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

func (g *global) rotate() *cobra.Command {
	var rotator, schedule, duration string
	var watch bool
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "rotate a secret now; sets rotation up with --rotator and --schedule",
		Long: `rotate asks for a rotation and returns; with --watch it shows each step as it
happens, until the rotation succeeded or was given up.

The first time, name the rotator, and a schedule if it shall rotate by itself:

  rota rotate app/db --rotator postgres --schedule 'rate(30 days)' --watch
` + exitHelp,
		Args: one,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var before wire.ShowOutput
			if err := c.own(cmd.Context(), "Show", wire.ShowInput{SecretId: args[0], MaxJournal: 1}, &before); err != nil {
				return err
			}
			in := map[string]any{"SecretId": args[0], "ClientRequestToken": newID()}
			if rotator != "" {
				in["RotationLambdaARN"] = functionARN(before.ARN, rotator)
			}
			if schedule != "" || duration != "" {
				in["RotationRules"] = rules(schedule, duration)
			}
			var out struct{ ARN, Name, VersionId string }
			err = c.aws(cmd.Context(), "RotateSecret", in, &out)
			var api *apiError
			if errors.As(err, &api) && api.Message == "No Lambda rotation function ARN is associated with this secret." {
				return fmt.Errorf("%w; name one: rota rotate %s --rotator NAME", err, args[0])
			}
			if err != nil {
				return err
			}
			if watch {
				return g.watch(cmd.Context(), c, args[0], out.VersionId, lastNumber(before))
			}
			if g.json {
				return g.print(out)
			}
			g.say("rotation of %s began, version %s; watch it with: rota show %s", out.Name, out.VersionId, out.Name)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&rotator, "rotator", "", "the built-in rotator, such as postgres")
	f.StringVar(&schedule, "schedule", "", "rate(...) or cron(...), in UTC")
	f.StringVar(&duration, "duration", "", "length of the rotation window, such as 3h")
	f.BoolVar(&watch, "watch", false, "show the steps until it is over")
	return cmd
}

// functionARN is the built-in function of a rotator, in the secret's account
// and region.
func functionARN(secretARN, rotator string) string {
	var region, account string
	if p := strings.SplitN(secretARN, ":", 7); len(p) == 7 {
		region, account = p[3], p[4]
	}
	return "arn:aws:lambda:" + region + ":" + account + ":function:rota-" + rotator
}

func rules(schedule, duration string) map[string]string {
	r := map[string]string{}
	if schedule != "" {
		r["ScheduleExpression"] = schedule
	}
	if duration != "" {
		r["Duration"] = duration
	}
	return r
}

func lastNumber(s wire.ShowOutput) int64 {
	if len(s.Journal) == 0 {
		return 0
	}
	return s.Journal[len(s.Journal)-1].Number
}

const watchEvery = 200 * time.Millisecond

// watch prints the journal as it grows, until the version is current or the
// rotation was given up.
func (g *global) watch(ctx context.Context, c *client, name, version string, after int64) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var s wire.ShowOutput
		if err := c.own(ctx, "Show", wire.ShowInput{SecretId: name, AfterJournal: after, MaxJournal: 1000}, &s); err != nil {
			return err
		}
		for _, e := range s.Journal {
			after = e.Number
			if g.json {
				if err := g.print(e); err != nil {
					return err
				}
			} else if _, err := fmt.Fprintln(g.out, entryLine(e)); err != nil {
				return err
			}
		}
		if busy := s.State == "rotating" || s.State == "retrying" || s.State == "resolving" || s.State == "testing"; !busy {
			return g.watched(s, version)
		}
		select {
		case <-ctx.Done():
			g.say("stopped watching; the rotation goes on: rota show %s", name)
			return nil
		case <-tick.C:
		}
	}
}

// watched says how it ended and what happens next.
func (g *global) watched(s wire.ShowOutput, version string) error {
	for _, v := range s.Versions {
		if v.VersionId != version {
			continue
		}
		for _, l := range v.Labels {
			if l == rota.Current {
				if !g.json {
					g.say("rotated %s; next %s; the old credential ends: %s", s.Name, when(s.Next), overlap(s.SecretStatus))
				}
				return nil
			}
		}
	}
	return fmt.Errorf("the rotation of %s was given up: %s; the journal says why: rota show %s", s.Name, orDash(s.Detail), s.Name)
}
