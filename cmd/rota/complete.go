package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
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

// paths are the flags that name a file or a folder: the shell completes them.
var paths = []string{
	"admin", "credentials", "data", "dir", "file", "folder", "function-cgroup", "junit", "payload", "policy", "tls-cert", "tls-key", "to", "value", "value-out",
}

// completeFlags offers what a flag can be, and no files for what is none.
func (g *global) completeFlags(cmd *cobra.Command) {
	offers := map[string]cobra.CompletionFunc{
		"rotator": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return rotatorNames(), cobra.ShellCompDirectiveNoFileComp
		},
		"schedule": cobra.FixedCompletions([]string{"rate(30 days)", "rate(12 hours)", "cron(0 3 ? * SUN *)"},
			cobra.ShellCompDirectiveNoFileComp),
		"stage":      g.completeVersion(func(v wire.ShownVersion) []string { return v.Labels }),
		"version-id": g.completeVersion(func(v wire.ShownVersion) []string { return []string{v.VersionId} }),
	}
	offer := func(f *pflag.Flag) {
		if _, done := cmd.GetFlagCompletionFunc(f.Name); done || f.Value.Type() == "bool" || slices.Contains(paths, f.Name) {
			return
		}
		what, ok := offers[f.Name]
		if !ok {
			what = cobra.NoFileCompletions
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, what) // fails for a flag that is not there, and for one that has it already
	}
	cmd.LocalFlags().VisitAll(offer)
	for _, sub := range cmd.Commands() {
		g.completeFlags(sub)
	}
}

// completeVersion offers something of each version of the secret that the
// command line names.
func (g *global) completeVersion(of func(wire.ShownVersion) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (found []string, _ cobra.ShellCompDirective) {
		const no = cobra.ShellCompDirectiveNoFileComp
		c, err := g.client()
		if err != nil || len(args) == 0 {
			return nil, no
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		var s wire.ShowOutput
		if c.own(ctx, "Show", wire.ShowInput{SecretId: args[0], MaxJournal: 1}, &s) != nil {
			return nil, no
		}
		for _, v := range s.Versions {
			for _, one := range of(v) {
				if !rota.IsEndsLabel(one) { // rota's own marks
					found = append(found, one)
				}
			}
		}
		return found, no
	}
}
