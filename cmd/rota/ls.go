package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (g *global) ls() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "list the secrets",
		Long: `ls lists the secrets, those scheduled for deletion too.
` + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ls takes one prefix; see: rota ls --help")
			}
			return nil
		},
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			secrets, err := c.list(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if g.json {
				return g.print(secrets)
			}
			rows := [][]string{{"NAME", "ROTATION", "CHANGED"}}
			for _, s := range secrets {
				rotation := "off"
				if s.RotationEnabled {
					rotation = "on"
				}
				if s.DeletedDate != 0 {
					rotation = "deleted"
				}
				changed := time.UnixMilli(int64(s.LastChangedDate * 1000))
				rows = append(rows, []string{s.Name, rotation, when(&changed)})
			}
			return g.table(rows)
		},
	}
}

// listed is an entry of ListSecrets, as far as ls shows it. Dates are seconds
// since 1970, as AWS has them.
type listed struct {
	Name, ARN       string
	RotationEnabled bool
	LastChangedDate float64
	DeletedDate     float64 `json:",omitempty"`
}

// list lists the secrets whose names begin with prefix, by name.
func (c *client) list(ctx context.Context, prefix string) ([]listed, error) {
	all := []listed{}
	in := map[string]any{"IncludePlannedDeletion": true, "MaxResults": 100, "SortBy": "name", "SortOrder": "asc"}
	for {
		var page struct {
			SecretList []listed
			NextToken  string
		}
		if err := c.aws(ctx, "ListSecrets", in, &page); err != nil {
			return nil, err
		}
		for _, s := range page.SecretList {
			if strings.HasPrefix(s.Name, prefix) {
				all = append(all, s)
			}
		}
		if page.NextToken == "" {
			return all, nil
		}
		in["NextToken"] = page.NextToken
	}
}
