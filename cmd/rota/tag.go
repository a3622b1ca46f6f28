package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) tag() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tag NAME KEY=VALUE...",
		Short: "set tags of a secret, or take them off",
		Long: `tag sets tags of a secret; KEY= takes one off. Tags rota:KEY are settings of its
rotation, which rota rotate --set sets without the prefix; rota:serves of an admin
secret says which secrets may use it: names separated by spaces, one that ends in /
stands for all that begin with it, @ alone for all.

  rota tag admin/db rota:serves=app/
  rota tag app/db team=
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("tag wants a secret name and at least one KEY=VALUE; see: %s --help", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			set, off, err := changes("tag", "", args[1:])
			if err != nil {
				return err
			}
			if len(set) > 0 && len(off) > 0 {
				return usage("tag sets tags or takes some off: do one after the other, so that nothing is half done if one is refused")
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			operation, in := "TagResource", map[string]any{"SecretId": args[0], "Tags": set}
			if len(off) > 0 {
				operation, in = "UntagResource", map[string]any{"SecretId": args[0], "TagKeys": off}
			}
			if err := c.aws(cmd.Context(), operation, in, nil); err != nil {
				return err
			}
			if g.json {
				done := struct{ Set, TakenOff []string }{[]string{}, append([]string{}, off...)}
				for _, t := range set {
					done.Set = append(done.Set, t.Key)
				}
				return g.print(done)
			}
			did := "set"
			if len(off) > 0 {
				did = "taken off"
			}
			g.say("%s: %s", strings.Join(args[1:], ", "), did)
			return nil
		},
	}
	return cmd
}

// changes are the tags of KEY=VALUE texts, with a prefix before each key, and
// the keys of those without a value, which are taken off.
func changes(flag, prefix string, texts []string) (set []wire.Tag, off []string, err error) {
	parsed, err := parseTags(flag, texts)
	for _, t := range parsed {
		key, value := prefix+t["Key"], t["Value"]
		if value == "" {
			off = append(off, key)
			continue
		}
		set = append(set, wire.Tag{Key: key, Value: &value})
	}
	for _, t := range set {
		if err == nil && slices.Contains(off, t.Key) {
			err = usage("%s sets %s and takes it off: name it once", flag, strings.TrimPrefix(t.Key, prefix))
		}
	}
	return set, off, err
}
