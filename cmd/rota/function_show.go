package main

import (
	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) functionShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "show how a function is invoked",
		Long:  "show shows a function. Of its environment only the names are shown.\n" + exitHelp,
		Args:  oneFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.GetFunctionOutput
			if err := c.own(cmd.Context(), "GetFunction", wire.GetFunctionInput{FunctionName: args[0]}, &out); err != nil {
				return err
			}
			return g.shows(out.Function)
		},
	}
}
