package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// cobraVerbs are the verbs that cobra brings, help and completion, with the
// exit codes of all others: by themselves they end well whatever they are asked.
func (g *global) cobraVerbs(root *cobra.Command, args []string) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run = nil
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				of, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usage("there is no command %q; see: rota --help", strings.Join(args, " "))
				}
				return of.Help()
			}
		case "completion":
			cmd.Long = strings.TrimRight(cmd.Long, "\n") + "\n" + exitHelp
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				return usage("completion wants one of the shells %s; see: rota completion --help", strings.Join(shellNames(cmd), ", "))
			}
			for _, shell := range cmd.Commands() {
				shell.Long, shell.Args = strings.TrimRight(shell.Long, "\n")+"\n"+exitHelp, none
			}
		}
	}
}

func shellNames(completion *cobra.Command) (names []string) {
	for _, shell := range completion.Commands() {
		names = append(names, shell.Name())
	}
	return names
}
