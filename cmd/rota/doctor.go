package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function/lambda"
)

func (g *global) doctor() *cobra.Command {
	var onAWS bool
	var region, profile, function string
	cmd := &cobra.Command{
		Use:   "doctor --aws",
		Short: "find what was left undone on AWS, and say what to run",
		Long: `doctor looks at the secrets that rota rotates in one account and region of AWS,
and at the schedules that it made, and says what was left undone:

  ending overdue           an old credential is not proven dead, long after its time
  ending without schedule  one is to end, and nothing will ask for it
  secret deleted           a secret is scheduled for deletion while credentials live
  schedule left            a schedule whose secret is gone
  rotation overdue         a rotation did not come, or does not finish

Each finding comes with the commands that mend it. doctor itself changes nothing.
It needs secretsmanager:ListSecrets, scheduler:ListSchedules and
scheduler:GetSchedule, with the credentials and region that the AWS CLI uses.

  rota doctor --aws
  rota doctor --aws --profile prod --region eu-west-1 --json

It ends with 1 where something was found.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !onAWS {
				return usage("doctor wants --aws; for a server see: rota status")
			}
			if function != "" && !strings.Contains(function, ":function:") {
				return usage("--function is the ARN of a rotation function, such as arn:aws:lambda:eu-west-1:123456789012:function:rota-rotation")
			}
			for _, name := range []string{"endpoint", "credentials", "data"} {
				if cmd.Flags().Changed(name) {
					return usage("doctor --aws looks at AWS with the AWS CLI's configuration: --%s is for a server of rota (SECRETS_MANAGER_ENDPOINT names another address)", name)
				}
			}
			var options []func(*config.LoadOptions) error
			if region != "" {
				options = append(options, config.WithRegion(region))
			}
			if profile != "" {
				options = append(options, config.WithSharedConfigProfile(profile))
			}
			secrets, scheduler, err := lambda.Clients(cmd.Context(), os.Getenv, options...)
			if err != nil {
				return err
			}
			report, err := lambda.Checkup{Secrets: secrets, Scheduler: scheduler, Now: time.Now(), Function: function}.Run(cmd.Context())
			if err != nil {
				return err
			}
			return g.diagnosis(report)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&onAWS, "aws", false, "look at AWS")
	f.StringVar(&region, "region", "", "the region; else as the AWS CLI has it")
	f.StringVar(&profile, "profile", "", "the profile of the AWS CLI's configuration")
	f.StringVar(&function, "function", "", "only the secrets of this rotation function (its ARN)")
	return cmd
}

// diagnosis prints a report, and fails where it has findings.
func (g *global) diagnosis(r lambda.Report) error {
	if g.json {
		if err := g.print(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			what := f.Kind + ": " + f.Secret
			if f.Version != "" {
				what += ", version " + f.Version
			}
			_, _ = fmt.Fprintf(g.out, "%s\n  %s\n", what, f.Problem)
			for _, line := range f.Run {
				_, _ = fmt.Fprintf(g.out, "  $ %s\n", line)
			}
		}
		g.say("looked at %d secrets and %d schedules", r.Secrets, r.Schedules)
	}
	switch len(r.Findings) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 thing to mend")
	}
	return fmt.Errorf("%d things to mend", len(r.Findings))
}
