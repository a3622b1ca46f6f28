package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) principalPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "what a principal may do: put, get and delete its policies",
		Long: `policy manages the identity policies of a principal, in IAM's JSON: up to 20, each
with a name. One of which the server does not understand every part is refused.
` + principalHelp + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.policyPut(), g.policyGet(), g.policyDelete())
	return cmd
}

var principalAndPolicy = wants(2, "a principal and the name of a policy")

// maxDocument is more than any policy has.
const maxDocument = 1 << 17

// readDocument reads a policy from a file or standard input.
func (g *global) readDocument(file string) (string, error) {
	in := g.in
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the policy: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	} else if terminal(g.in) {
		g.say("type the policy, then Ctrl-D on a line of its own")
	}
	b, err := io.ReadAll(io.LimitReader(in, maxDocument))
	if err != nil {
		return "", fmt.Errorf("read the policy: %w", err)
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", usage("there is no policy on standard input; pipe one in, or name a file with --file")
	}
	return string(b), nil
}

func (g *global) policyPut() *cobra.Command {
	var file string
	var force bool
	cmd := &cobra.Command{
		Use:   "put PRINCIPAL POLICY",
		Short: "give a principal a policy, or replace the one of that name",
		Long: `put gives a principal a policy, from a file or standard input. It counts at once.

  rota principal policy put app read <<'END'
  {"Version": "2012-10-17", "Statement": {"Effect": "Allow",
   "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
   "Resource": "arn:aws:secretsmanager:*:*:secret:app/*"}}
  END
` + principalHelp + exitHelp,
		Args:              principalAndPolicy,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			document, err := g.readDocument(file)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			in := wire.PutPrincipalPolicyInput{Principal: args[0], PolicyName: args[1], PolicyDocument: document, Force: force}
			if err := c.own(cmd.Context(), "PutPrincipalPolicy", in, nil); err != nil {
				return err
			}
			g.say("put the policy %s of %s", args[1], args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "read the policy from this file instead of standard input")
	forceFlag(cmd, &force)
	return cmd
}

func (g *global) policyGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get PRINCIPAL POLICY",
		Short: "print a policy as it was put",
		Long: `get prints a policy as it was put. rota principal show lists the names.
` + principalHelp + exitHelp,
		Args:              principalAndPolicy,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := g.describePrincipal(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, d := range p.Policies {
				if d.PolicyName != args[1] {
					continue
				}
				if g.json {
					return g.print(d)
				}
				_, err := fmt.Fprintln(g.out, strings.TrimSuffix(d.PolicyDocument, "\n"))
				return err
			}
			return &exitError{exitMissing, fmt.Errorf("%s has no policy %s; see: rota principal show %s", args[0], args[1], args[0])}
		},
	}
}

func (g *global) policyDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "delete PRINCIPAL POLICY",
		Short: "take a policy from a principal",
		Long: `delete takes a policy from a principal, at once.
` + principalHelp + exitHelp,
		Args:              principalAndPolicy,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			in := wire.DeletePrincipalPolicyInput{Principal: args[0], PolicyName: args[1], Force: force}
			if err := c.own(cmd.Context(), "DeletePrincipalPolicy", in, nil); err != nil {
				return err
			}
			g.say("deleted the policy %s of %s", args[1], args[0])
			return nil
		},
	}
	forceFlag(cmd, &force)
	return cmd
}
