package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) functionLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the functions that are registered",
		Long:  "ls lists the functions that are registered in the region, by name.\n" + exitHelp,
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.ListFunctionsOutput
			if err := c.own(cmd.Context(), "ListFunctions", wire.ListFunctionsInput{}, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			rows := [][]string{{"NAME", "KIND", "TIME-OUT", "WHAT IT IS"}}
			for _, f := range out.Functions {
				what := strings.Join(f.Command, " ")
				if f.Remote != nil {
					what = f.Remote.FunctionName
				}
				rows = append(rows, []string{f.FunctionName, f.Kind, seconds(f.TimeoutSeconds), what})
			}
			return g.table(rows)
		},
	}
}
