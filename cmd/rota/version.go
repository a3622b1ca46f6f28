package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func (g *global) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long:  "version prints the version of rota, and what it was built with.\n" + exitHelp,
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			v := struct{ Version, Revision, Go string }{"unknown", "", runtime.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Version = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			if g.json {
				return g.print(v)
			}
			_, err := fmt.Fprintf(g.out, "rota %s %s %s\n", v.Version, v.Revision, v.Go)
			return err
		},
	}
}

// userAgent is how the command line names itself, in the audit log too.
func userAgent() string {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = strings.Trim(info.Main.Version, "()")
	}
	return "rota/" + version
}
