// Command rota rotates secrets: it is the server, and the client that talks
// to it. Results go to standard output, everything else to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/rotation"
)

func main() {
	local.Keep() // a process between rota and a function is this program too
	if startedByLambda() {
		bootstrap()
	}
	os.Exit(run(untilStopped(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams are where a command reads and writes: results to out, everything
// else to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func (s streams) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.err, "rota: "+format+"\n", args...)
}

// run is the program; it returns the exit code. more are rotators that serve
// has besides the catalog's.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, more ...rotation.Rotator) int {
	g := &global{streams: streams{stdin, stdout, stderr}, rotators: more}
	root := &cobra.Command{
		Use:   "rota",
		Short: "rota rotates secrets, and proves that the old ones are dead",
		Long: `rota rotates secrets: passwords, API keys, tokens.

It stores them behind the API of AWS Secrets Manager, rotates each on its
schedule through createSecret, setSecret, testSecret and finishSecret, and then
ends the old credential on purpose and proves that it is dead.

Try it:   rota demo
Run it:   rota serve` + "\n" + exitHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q; see: rota --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	g.flags(root)
	root.AddCommand(
		g.serve(), g.demo(), g.put(), g.get(), g.ls(), g.status(), g.show(), g.tag(), g.rotate(), g.expire(), g.function(), g.audit(), g.principal(), g.policy(), g.doctor(), g.version(),
	)
	g.cobraVerbs(root, args)
	g.completeFlags(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see: %s --help", err, c.CommandPath())
	})
	err := root.ExecuteContext(ctx)
	if unread(err) {
		return exitUnread
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if err == nil {
		return exitOK
	}
	g.fail(err)
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
