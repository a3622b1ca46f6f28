package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completeName lists the secrets that begin with what was typed, for the
// shell (rota completion --help). It is silent where it cannot.
func (g *global) completeName(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
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
	secrets, err := c.list(ctx, typed)
	if err != nil {
		return nil, no
	}
	var names []string
	for _, s := range secrets {
		names = append(names, s.Name)
	}
	return names, no
}
