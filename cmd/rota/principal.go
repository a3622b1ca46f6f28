package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

const principalHelp = `
A PRINCIPAL is NAME or user/NAME, role/NAME, or an ARN of the account.
`

func (g *global) principal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "principal",
		Short: "who may call: users and roles, their keys and policies",
		Long: `principal manages who may call the server. A principal is a user or a role of the
account; it may do what its policies, in IAM's JSON, allow; it signs with one of
at most two access keys, or with temporary credentials.

  rota principal create app
  rota principal policy put app read --file read.json
  rota principal key create app --to app.credentials

The first start made user/rota-admin, who may do everything and whose key is in
the file credentials of the data folder, and role/rota-function, which rotation
functions run as.
` + principalHelp + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		g.principalCreate(), g.principalLs(), g.principalShow(), g.principalDisable(), g.principalEnable(), g.principalDelete(),
		g.principalKey(), g.principalPolicy(), g.principalSession(), g.principalRecover(),
	)
	return cmd
}

// wants returns a check for exactly n arguments.
func wants(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s wants %s; see: %s --help", cmd.Name(), what, cmd.CommandPath())
		}
		return nil
	}
}

var onePrincipal = wants(1, "one principal")

func (g *global) principalCreate() *cobra.Command {
	return &cobra.Command{
		Use:   "create PRINCIPAL",
		Short: "make a user or a role, which may do nothing yet",
		Long: `create makes a user or a role. Give it a policy and a key:

  rota principal create app
  rota principal create role/deploy
  rota principal policy put app read --file read.json
  rota principal key create app --to app.credentials
` + principalHelp + exitHelp,
		Args: onePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.PrincipalOutput
			if err := c.own(cmd.Context(), "CreatePrincipal", wire.CreatePrincipalInput{Principal: args[0]}, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out.Principal)
			}
			g.say("made %s; it may do nothing until it has a policy: rota principal policy put %s NAME", out.Principal.Arn, args[0])
			return nil
		},
	}
}

func (g *global) principalLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the principals",
		Long: `ls lists all users and roles.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			all, err := c.principals(cmd.Context())
			if err != nil {
				return err
			}
			if g.json {
				return g.print(all)
			}
			rows := [][]string{{"PRINCIPAL", "STATE", "CREATED"}}
			for _, p := range all {
				rows = append(rows, []string{shortName(p.Arn), p.State, when(&p.Created)})
			}
			return g.table(rows)
		},
	}
}

// principals lists all of them.
func (c *client) principals(ctx context.Context) ([]wire.ShownPrincipal, error) {
	all, in := []wire.ShownPrincipal{}, wire.ListPrincipalsInput{}
	for {
		var page wire.ListPrincipalsOutput
		if err := c.own(ctx, "ListPrincipals", in, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Principals...)
		if in.NextToken = page.NextToken; in.NextToken == "" {
			return all, nil
		}
	}
}

// shortName is an ARN as a person types it.
func shortName(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

func (g *global) principalShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show [PRINCIPAL]",
		Short: "show a principal with its policies and keys; without a name, yourself",
		Long: `show shows a principal: its state, the names of its policies (rota principal policy
get prints one), its keys and when they were used last, up to a minute late.
` + principalHelp + exitHelp,
		Args:              atMostOne,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := g.describePrincipal(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if g.json {
				return g.print(p)
			}
			rows := [][]string{
				{"principal", p.Arn},
				{"id", p.PrincipalId},
				{"state", p.State},
				{"created", when(&p.Created)},
				{"changed", when(&p.Changed)},
			}
			for _, d := range p.Policies {
				rows = append(rows, []string{"policy", d.PolicyName + ", " + strconv.Itoa(len(d.PolicyDocument)) + " bytes, changed " + when(&d.Changed)})
			}
			for _, k := range p.AccessKeys {
				rows = append(rows, []string{"key", k.AccessKeyId + ", " + strings.ToLower(k.Status) + ", created " + when(&k.Created) + ", used " + when(k.LastUsed)})
			}
			return g.table(rows)
		},
	}
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("%s takes one principal; see: %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

func (g *global) describePrincipal(ctx context.Context, principal string) (wire.ShownPrincipal, error) {
	c, err := g.client()
	if err != nil {
		return wire.ShownPrincipal{}, err
	}
	var out wire.PrincipalOutput
	err = c.own(ctx, "DescribePrincipal", wire.DescribePrincipalInput{Principal: principal}, &out)
	return out.Principal, err
}

func (g *global) principalDisable() *cobra.Command {
	return g.changePrincipal("disable", "DisablePrincipal", "disabled", "refuse all keys and temporary credentials of a principal", `disable refuses every request of a principal, at once, until it is enabled again.
Its keys and policies stay.

  rota principal disable app
`)
}

func (g *global) principalEnable() *cobra.Command {
	return g.changePrincipal("enable", "EnablePrincipal", "enabled", "accept the keys of a disabled principal again", `enable accepts the active keys of a principal again, and temporary credentials
that have not expired.
`)
}

func (g *global) principalDelete() *cobra.Command {
	return g.changePrincipal("delete", "DeletePrincipal", "deleted", "remove a principal, its policies and its keys, for good", `delete removes a principal with its policies and keys. Nothing of it is accepted
any more, nor when another one of its name is made. To stop it for a while:
rota principal disable.
`)
}

// changePrincipal is a verb that does one thing to one principal.
func (g *global) changePrincipal(verb, operation, done, short, long string) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               verb + " PRINCIPAL",
		Short:             short,
		Long:              long + principalHelp + exitHelp,
		Args:              onePrincipal,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if err := c.own(cmd.Context(), operation, wire.ChangePrincipalInput{Principal: args[0], Force: force}, nil); err != nil {
				return err
			}
			g.say("%s %s", done, args[0])
			return nil
		},
	}
	if verb != "enable" {
		forceFlag(cmd, &force)
	}
	return cmd
}

// forceFlag is for what may take away the last administrator.
func forceFlag(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force", false, "do it even if nobody with full access and an active key is left")
}

// completePrincipal lists the principals that begin with what was typed.
func (g *global) completePrincipal(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	const no = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, no
	}
	c, err := g.client()
	if err != nil {
		return nil, no
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	all, err := c.principals(ctx)
	if err != nil {
		return nil, no
	}
	var names []string
	for _, p := range all {
		name := shortName(p.Arn)
		if bare := strings.TrimPrefix(name, "user/"); !strings.Contains(bare, "/") && !strings.HasPrefix(typed, "user/") {
			name = bare
		}
		if strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names, no
}
