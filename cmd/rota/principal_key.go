package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) principalKey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "make, list, disable, rotate and delete access keys",
		Long: `key manages the access keys of a principal. There are at most two, so that a new
one can be in use everywhere before the old one goes:

  rota principal key rotate app --to app.credentials    # makes the second
  rota principal key ls app                             # is the old one still used?
  rota principal key disable app AKIA...                # can be undone
  rota principal key delete app AKIA...

The secret half of a key is told once, when it is made.
` + principalHelp + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.keyCreate(), g.keyLs(), g.keyRotate(), g.keyUpdate("disable", wire.KeyInactive), g.keyUpdate("enable", wire.KeyActive), g.keyDelete())
	return cmd
}

const toHelp = `
The key goes to standard output, in the format of the AWS credentials file, or to
the file --to, which only you can read.
`

func toFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "to", "", "write the key to this file (mode 0600), in the format of the AWS credentials file")
}

func (g *global) keyCreate() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "create PRINCIPAL",
		Short: "make an access key",
		Long: `create makes an access key. Its secret half is told this one time.

  rota principal key create app --to app.credentials
  AWS_SHARED_CREDENTIALS_FILE=app.credentials aws --endpoint-url ... secretsmanager list-secrets
` + toHelp + principalHelp + exitHelp,
		Args:              onePrincipal,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := g.makeKey(cmd.Context(), args[0], to)
			return err
		},
	}
	toFlag(cmd, &to)
	return cmd
}

// makeKey makes a key and tells it.
func (g *global) makeKey(ctx context.Context, principal, to string) (wire.CreateAccessKeyOutput, error) {
	var out wire.CreateAccessKeyOutput
	c, err := g.client()
	if err != nil {
		return out, err
	}
	file, err := newKeyFile(to)
	if err != nil {
		return out, err
	}
	defer file.discard()
	if err := c.own(ctx, "CreateAccessKey", wire.CreateAccessKeyInput{Principal: principal}, &out); err != nil {
		return out, err
	}
	k := newKey{id: out.AccessKeyId, secret: out.SecretAccessKey.Value, region: c.keys.region}
	switch {
	case file != nil:
		if err := file.write(k); err != nil {
			return out, err
		}
		g.say("made the key %s of %s and wrote it to %s", k.id, out.Principal, to)
	case g.json:
		return out, g.print(out)
	default:
		if _, err := fmt.Fprint(g.out, k.credentials()); err != nil {
			return out, err
		}
		g.say("made the key %s of %s; its secret half is not told again", k.id, out.Principal)
	}
	return out, nil
}

func (g *global) keyLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [PRINCIPAL]",
		Short: "list the keys of a principal; without a name, your own",
		Long: `ls lists the access keys of a principal, and when each was used last, up to a
minute late.
` + principalHelp + exitHelp,
		Args:              atMostOne,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := g.keys(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if g.json {
				return g.print(keys)
			}
			rows := [][]string{{"KEY", "STATUS", "CREATED", "USED"}}
			for _, k := range keys {
				rows = append(rows, []string{k.AccessKeyId, strings.ToLower(k.Status), when(&k.Created), when(k.LastUsed)})
			}
			return g.table(rows)
		},
	}
}

func (g *global) keys(ctx context.Context, principal string) ([]wire.ShownKey, error) {
	c, err := g.client()
	if err != nil {
		return nil, err
	}
	var out wire.ListAccessKeysOutput
	err = c.own(ctx, "ListAccessKeys", wire.ListAccessKeysInput{Principal: principal}, &out)
	return out.AccessKeys, err
}

func (g *global) keyRotate() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "rotate PRINCIPAL",
		Short: "make a second key, and say what to do about the first",
		Long: `rotate makes a second key for a principal that has one. Put it where the first one
is in use; once that one is not used any more (rota principal key ls), delete it.

  rota principal key rotate app --to app.credentials
  rota principal key rotate rota-admin --to rota-data/credentials   # the CLI's own
` + toHelp + principalHelp + exitHelp,
		Args:              onePrincipal,
		ValidArgsFunction: g.completePrincipal,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := g.keys(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch len(before) {
			case 0:
				return fmt.Errorf("%s has no key to rotate: rota principal key create %s", args[0], args[0])
			case 1:
			default:
				return fmt.Errorf("%s has two keys already, %s and %s: delete the one that is not used first: rota principal key delete %s KEY",
					args[0], before[0].AccessKeyId, before[1].AccessKeyId, args[0])
			}
			if _, err := g.makeKey(cmd.Context(), args[0], to); err != nil {
				return err
			}
			old := before[0]
			used := "with no use on record yet"
			if old.LastUsed != nil {
				used = "used " + when(old.LastUsed)
			}
			g.say("the old key %s, %s, still counts; when it is not used any more: rota principal key delete %s %s", old.AccessKeyId, used, args[0], old.AccessKeyId)
			return nil
		},
	}
	toFlag(cmd, &to)
	return cmd
}

var principalAndKey = wants(2, "a principal and the id of a key")

func (g *global) keyUpdate(verb, status string) *cobra.Command {
	var force bool
	short, long := "accept an access key again", "enable accepts a key again that was disabled.\n"
	if verb == "disable" {
		short, long = "refuse an access key, for now", `disable refuses a key, and temporary credentials that were made with it, at once and
until it is enabled again.
`
	}
	cmd := &cobra.Command{
		Use:               verb + " PRINCIPAL KEY",
		Short:             short,
		Long:              long + principalHelp + exitHelp,
		Args:              principalAndKey,
		ValidArgsFunction: g.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			in := wire.UpdateAccessKeyInput{Principal: args[0], AccessKeyId: args[1], Status: status, Force: force}
			if err := c.own(cmd.Context(), "UpdateAccessKey", in, nil); err != nil {
				return err
			}
			g.say("%sd the key %s of %s", verb, args[1], args[0])
			return nil
		},
	}
	if verb == "disable" {
		forceFlag(cmd, &force)
	}
	return cmd
}

func (g *global) keyDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "delete PRINCIPAL KEY",
		Short: "remove an access key, for good",
		Long: `delete removes a key. It is refused from then on, and so are temporary credentials
that were made with it.
` + principalHelp + exitHelp,
		Args:              principalAndKey,
		ValidArgsFunction: g.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			in := wire.DeleteAccessKeyInput{Principal: args[0], AccessKeyId: args[1], Force: force}
			if err := c.own(cmd.Context(), "DeleteAccessKey", in, nil); err != nil {
				return err
			}
			g.say("deleted the key %s of %s", args[1], args[0])
			return nil
		},
	}
	forceFlag(cmd, &force)
	return cmd
}

// completeKey completes a principal, then one of its keys.
func (g *global) completeKey(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return g.completePrincipal(cmd, args, typed)
	}
	var ids []string
	keys, _ := g.keys(cmd.Context(), args[0]) // silent where it cannot
	for _, k := range keys {
		if strings.HasPrefix(k.AccessKeyId, typed) {
			ids = append(ids, k.AccessKeyId)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
