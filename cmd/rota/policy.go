package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "ask what the policies say, and take one off that locks everybody out",
		Long: `policy is about who may do what: the policies of principals and of secrets, in
the language of AWS IAM.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.policyExplain(), g.policyDetach())
	return cmd
}

func (g *global) policyExplain() *cobra.Command {
	var context []string
	cmd := &cobra.Command{
		Use:   "explain PRINCIPAL ACTION [SECRET]",
		Short: "show whether a principal may do something, and which statement decides",
		Long: `explain prints the decision on a request that nobody sends, and what every
statement says of it: of the principal's policies, of the secret's own, and why
those that do not apply do not.

PRINCIPAL is an ARN, or the name of a user, or role/NAME. ACTION is as a policy
writes it; without a colon it is one of Secrets Manager's. Without SECRET it is
about no secret, as ListSecrets is.

What conditions look at comes from the secret (tags, type, function) and from
the principal. The rest is given with --context, as often as needed; what is not
given is not in the request, and aws:CurrentTime is now.

  rota policy explain app GetSecretValue prod/db
  rota policy explain role/deploy rota:Expire prod/db
  rota policy explain app GetSecretValue prod/db \
    --context aws:SourceIp=10.1.2.3 --context aws:SecureTransport=true

The exit code is 0 whatever the decision is; --json has it as Allowed. It takes
the right to rota:ExplainPolicy.
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && len(args) != 3 {
				return usage("explain wants a principal, an action and maybe a secret; see: %s --help", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 2 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return g.completeName(cmd, nil, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in := wire.ExplainPolicyInput{Principal: args[0], Action: args[1], Context: map[string][]string{}}
			if len(args) == 3 {
				in.SecretId = args[2]
			}
			if !strings.Contains(in.Action, ":") {
				in.Action = "secretsmanager:" + in.Action
			}
			for _, c := range context {
				key, value, ok := strings.Cut(c, "=")
				if !ok || key == "" {
					return usage("--context %q is not KEY=VALUE", c)
				}
				in.Context[key] = append(in.Context[key], value)
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.ExplainPolicyOutput
			if err := c.own(cmd.Context(), "ExplainPolicy", in, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			return g.explained(out)
		},
	}
	// Not a slice of words: a value may have a comma.
	cmd.Flags().StringArrayVar(&context, "context", nil, "KEY=VALUE of a condition key of the request; again for more")
	return cmd
}

func (g *global) explained(out wire.ExplainPolicyOutput) error {
	head := [][]string{{"principal", out.Principal}, {"action", out.Action}, {"resource", out.Resource}, {"decision", out.Reason}}
	if out.Denial != "" {
		head = append(head, []string{"the answer", out.Denial})
	}
	if err := g.table(head); err != nil || len(out.Statements) == 0 {
		return err
	}
	rows := [][]string{{"", "POLICY", "STATEMENT", "EFFECT", "WHY"}}
	for _, s := range out.Statements {
		mark, name := "", strconv.Itoa(s.Statement)
		if s.Decides {
			mark = "->"
		}
		if s.Sid != "" {
			name += " " + s.Sid
		}
		rows = append(rows, []string{mark, s.Policy, name, s.Effect, s.Why})
	}
	if _, err := fmt.Fprintln(g.out); err != nil {
		return err
	}
	return g.table(rows)
}
