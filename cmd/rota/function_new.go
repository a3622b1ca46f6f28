package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function/scaffold"
)

func (g *global) functionNew() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "write a rotation function to begin with, with its test",
		Long: `new writes a small rotation function, its test and a README into a new folder. It
rotates a key of an outside API, is right as it stands, and passes rota function
test; what it knows of the API is in one file, for you to change.

  rota function new --lang python rotate-keys
  cd rotate-keys && python3 -m unittest

It writes into no folder that has something in it.
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("new wants one folder; see: %s --help", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(scaffold.Languages(), language) {
				return usage("--lang is one of %s", strings.Join(scaffold.Languages(), ", "))
			}
			if there, err := os.ReadDir(args[0]); err == nil && len(there) > 0 {
				return fmt.Errorf("%s already exists and is not empty: name a new folder", args[0])
			}
			files, err := scaffold.Write(args[0], language, moduleVersion())
			if err != nil {
				return err
			}
			if language == "go" && moduleVersion() == unpublished {
				g.say("this build of rota has no version that go mod could fetch: in %s run go mod edit -replace github.com/rotahq/rota=CHECKOUT, with the folder of your checkout", args[0])
			}
			if g.json {
				return g.print(struct {
					Folder, Language string
					Files            []string
				}{args[0], language, files})
			}
			for _, f := range files {
				if _, err := fmt.Fprintln(g.out, filepath.Join(args[0], f)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&language, "lang", "", "one of "+strings.Join(scaffold.Languages(), ", "))
	return cmd
}

// moduleVersion is rota's version for a go.mod. A build that is no release has
// none that could be asked for: then it is one to replace.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") && !strings.Contains(info.Main.Version, "+") {
		return info.Main.Version
	}
	return unpublished
}

const unpublished = "v0.0.0"
