// Command rota rotates secrets: it is the server, and the client that talks
// to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
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

// The exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // the operation failed
	exitUsage   = 2 // the command line is wrong
	exitNoReach = 3 // the server cannot be reached
	exitMissing = 4 // no such secret, version or overlap
)

const exitHelp = `
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 server not reached,
4 no such secret, version or overlap.`

// exitError carries an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// run is the program.
func run(ctx context.Context, args []string, s streams) int {
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
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetArgs(args)
	g := &global{streams: s}
	g.flags(root)
	root.AddCommand(
		g.serve(), g.demo(), g.put(), g.get(), g.ls(), g.status(), g.show(), g.rotate(), g.expire(), g.version(),
	)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{exitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	err := root.ExecuteContext(ctx)
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
