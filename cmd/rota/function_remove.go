package main

import (
	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) functionRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Aliases: []string{"rm"},
		Short:   "remove a function",
		Long: `remove removes a function. Secrets that name it stay as they are; their rotations
fail until a function of that name is registered again.
` + exitHelp,
		Args: oneFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			if err := c.own(cmd.Context(), "DeleteFunction", wire.DeleteFunctionInput{FunctionName: args[0]}, nil); err != nil {
				return err
			}
			if !g.json {
				g.say("removed the function %s", args[0])
			}
			return nil
		},
	}
}
