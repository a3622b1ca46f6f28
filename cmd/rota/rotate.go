package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators"
	"github.com/rotahq/rota/wire"
)

// rotateOptions are the flags of rotate.
type rotateOptions struct {
	rotator  string
	function string
	schedule string
	duration string
	set      []string
	testOnly bool
	anew     bool
	watch    bool
}

func (g *global) rotate() *cobra.Command {
	var o rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "rotate a secret now; sets rotation up with --rotator and --schedule",
		Long: `rotate asks for a rotation and returns; with --watch it shows each step as it
happens, how long it took and what comes next, until the rotation succeeded or
was given up.

The first time, name the rotator, and a schedule if it shall rotate by itself:

  rota rotate app/db --rotator postgres --schedule 'rate(30 days)' --watch

--set changes settings of the rotation before it begins, above all when the old
credential ends; they are kept as the secret's tags rota:KEY, and --set KEY= takes
one off. rota show NAME says which are in force. The rotators have settings of
their own: see docs/postgresql.md and docs/providers.md.

  rota rotate app/db --set expire='after 1h'          immediately, after <duration>, next-rotation
  rota rotate app/db --set admin=admin/db --set strategy=alternating-users
  rota rotate app/db --set admin= --set strategy=

--test-only sets rotation up and runs testSecret with the value that is there,
so that the first rotation waits for the schedule.

A rotation that is under way is tried again by itself. --anew gives it up, or
what is left of one that was cancelled, and begins another with a new value.

If it is refused, nothing has changed: no setting, no schedule, no attempt.
` + exitHelp,
		Args:              one,
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var before wire.ShowOutput
			if err := c.own(cmd.Context(), "Show", wire.ShowInput{SecretId: args[0], MaxJournal: 1}, &before); err != nil {
				return err
			}
			out, err := o.ask(cmd.Context(), c, before)
			if err != nil {
				return err
			}
			if o.watch {
				return g.watch(cmd.Context(), c, out, o.testOnly, lastNumber(before))
			}
			if g.json {
				return g.print(out)
			}
			what := "rotation"
			if o.testOnly {
				what = "test"
			}
			g.say("the %s of %s began, version %s; see how it goes: rota show %s", what, out.Name, out.VersionId, out.Name)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.rotator, "rotator", "", "the built-in rotator, such as postgres")
	f.StringVar(&o.function, "function", "", "a function that was registered with rota function add, by name or ARN")
	f.StringVar(&o.schedule, "schedule", "", "rate(...) or cron(...), in UTC")
	f.StringVar(&o.duration, "duration", "", "length of the rotation window, such as 3h")
	f.StringArrayVar(&o.set, "set", nil, "KEY=VALUE, a setting such as expire='after 24h'; KEY= takes one off; may be repeated")
	f.BoolVar(&o.testOnly, "test-only", false, "do not rotate now, only test that it could")
	f.BoolVar(&o.anew, "anew", false, "give up the rotation that is under way or was cancelled, and begin another")
	f.BoolVar(&o.watch, "watch", false, "show the steps until it is over")
	return cmd
}

// asked is the answer to RotateSecret.
type asked struct{ ARN, Name, VersionId string }

// ask asks for the rotation with what was given; the rest stays as it is.
func (o rotateOptions) ask(ctx context.Context, c *client, s wire.ShowOutput) (out asked, err error) {
	now := !o.testOnly
	in := wire.RotateInput{SecretId: s.ARN, ClientRequestToken: newID(), RotateImmediately: &now}
	if o.rotator != "" {
		in.RotationLambdaARN = functionARN(s.ARN, "rota-"+o.rotator)
	}
	if o.function != "" {
		if o.rotator != "" {
			return out, usage("name a rotator of rota's with --rotator, or a function with --function")
		}
		in.RotationLambdaARN = functionARN(s.ARN, o.function)
	}
	if o.schedule != "" || o.duration != "" {
		in.RotationRules = &wire.RotationRulesType{ScheduleExpression: o.schedule, Duration: o.duration}
	}
	if in.Tags, in.TagKeys, err = changes("--set", rotation.TagPrefix, o.set); err != nil {
		return out, err
	}
	if o.anew {
		in.GiveUpVersionId = leftPending(s)
	}
	calls := in.Calls()
	if len(calls) > 1 {
		return out, o.explain(c.own(ctx, "Rotate", in, &out), s.Name)
	}
	// Alone, one that is refused because of another hastens that one.
	return out, o.explain(c.aws(ctx, calls[0].Operation, json.RawMessage(calls[0].Body), &out), s.Name)
}

// leftPending is the version that a rotation is making, or was: while it has
// the label, no other rotation begins
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html).
func leftPending(s wire.ShowOutput) string {
	for _, v := range s.Versions {
		if slices.Contains(v.Labels, rota.Pending) && !slices.Contains(v.Labels, rota.Current) {
			return v.VersionId
		}
	}
	return ""
}

// explain says what to do about the refusals that AWS words.
func (o rotateOptions) explain(err error, name string) error {
	var api *apiError
	switch {
	case !errors.As(err, &api):
		return err
	case strings.HasPrefix(api.Message, "No Lambda rotation function ARN"):
		return fmt.Errorf("%w (name a rotator: rota rotate %s --rotator NAME)", err, name)
	case strings.HasPrefix(api.Message, "A previous rotation isn't complete"):
		return fmt.Errorf("%w (rota show %s says how far it came; rota rotate %s --anew gives it up and begins another)", err, name, name)
	case strings.HasPrefix(api.Message, "The admin secret "), strings.HasPrefix(api.Message, "the admin secret ") && strings.Contains(api.Message, " cannot be used"):
		return fmt.Errorf("%w (store it with: rota put ADMIN; or name another: rota rotate %s --set admin=ADMIN, where --set admin= names none)", err, name)
	case !strings.HasPrefix(api.Message, "Secrets Manager cannot invoke the specified Lambda function"):
		return err
	case o.function != "":
		return fmt.Errorf("%w (rota function ls lists the functions)", err)
	case o.rotator != "":
		return fmt.Errorf("%w (is there a rotator %s? rota has: %s)", err, o.rotator, strings.Join(rotatorNames(), ", "))
	}
	return err
}

// rotatorNames are the rotators of this program.
func rotatorNames() (names []string) {
	catalog, err := rotators.Catalog()
	if err != nil {
		return nil // the server says it better
	}
	for _, r := range catalog.All() {
		names = append(names, r.Descriptor().Name)
	}
	slices.Sort(names)
	return names
}

// functionARN is a function in the secret's account and region, unless it is
// named by its ARN.
func functionARN(secretARN, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	var region, account string
	if p := strings.SplitN(secretARN, ":", 7); len(p) == 7 {
		region, account = p[3], p[4]
	}
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}
