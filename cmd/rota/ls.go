package main

import (
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
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ls takes one prefix; see: rota ls --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			type secret struct {
				Name, ARN       string
				RotationEnabled bool
				LastChangedDate float64
				DeletedDate     float64 `json:",omitempty"`
			}
			all := []secret{}
			in := map[string]any{"IncludePlannedDeletion": true, "MaxResults": 100, "SortBy": "name", "SortOrder": "asc"}
			for {
				var page struct {
					SecretList []secret
					NextToken  string
				}
				if err := c.aws(cmd.Context(), "ListSecrets", in, &page); err != nil {
					return err
				}
				for _, s := range page.SecretList {
					if len(args) == 0 || strings.HasPrefix(s.Name, args[0]) {
						all = append(all, s)
					}
				}
				if page.NextToken == "" {
					break
				}
				in["NextToken"] = page.NextToken
			}
			if g.json {
				return g.print(all)
			}
			rows := [][]string{{"NAME", "ROTATION", "CHANGED"}}
			for _, s := range all {
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
