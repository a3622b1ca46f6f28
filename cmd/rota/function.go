package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

// function is the group of verbs on functions that are not rota's own.
func (g *global) function() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "function",
		Short: "rotate with functions that you have: commands, or functions on AWS Lambda",
		Long: `function registers rotation functions that are not rota's own, and invokes them.

A local function is a command on the server's machine that speaks the Lambda
Runtime API: a Go or Rust bootstrap, or Python or Node with a runtime client. It
is not changed for rota. The server must have been started with
--local-functions. A remote function is one behind the Lambda Invoke API.

  rota function add keys --command './bootstrap' --folder /opt/keys
  rota function invoke keys --payload event.json
  rota rotate app/key --function keys --schedule 'rate(30 days)'
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q; see: rota function --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.functionAdd(), g.functionLs(), g.functionShow(), g.functionRemove(), g.functionInvoke(),
		g.functionNew(), g.functionTest(), g.functionAccepts(), g.functionList(), g.functionSlow(), g.functionProvider())
	return cmd
}

// oneFunction wants exactly a function's name.
func oneFunction(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s wants one function name; see: %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

// shows is a function as a person reads it.
func (g *global) shows(f wire.ShownFunction) error {
	if g.json {
		return g.print(f)
	}
	rows := [][]string{{"name", f.FunctionName}, {"ARN", f.FunctionArn}, {"kind", f.Kind}, {"time-out", seconds(f.TimeoutSeconds)}}
	if r := f.Remote; r != nil {
		rows = append(rows, []string{"function", r.FunctionName}, []string{"region", orDash(r.Region)}, []string{"endpoint", or(r.Endpoint, "AWS")},
			[]string{"credentials", or(r.CredentialsSecretId, "the server's own on AWS, with rota serve --ambient-aws")})
	} else {
		rows = append(rows, []string{"command", strings.Join(f.Command, " ")}, []string{"folder", f.Folder}, []string{"handler", orDash(f.Handler)},
			[]string{"environment", orDash(strings.Join(f.Variables, " "))}, []string{"memory", strconv.Itoa(f.MemoryMB) + "MB"})
	}
	return g.table(append(rows, []string{"created", when(&f.Created)}, []string{"changed", when(&f.Changed)}))
}

func seconds(n int) string { return (time.Duration(n) * time.Second).String() }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
