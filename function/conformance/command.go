package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

// exitRefused is how a command says that the provider refuses a value.
const exitRefused = 1

// commandTimeout is how long a command may take to answer.
const commandTimeout = 30 * time.Second

// AcceptsCommand asks a command: it gets the value on standard input and ends
// with 0 if the provider accepts it, 1 if it refuses it, and anything else (2)
// where it does not know. command is a line for the shell.
func AcceptsCommand(command string) func(context.Context, rota.Value) (Verdict, error) {
	return func(ctx context.Context, v rota.Value) (Verdict, error) {
		_, err := shell(ctx, command, v.Reveal())
		var exit *exec.ExitError
		switch {
		case err == nil:
			return Accepted, nil
		case errors.As(err, &exit) && exit.ExitCode() == exitRefused:
			return Refused, nil
		case errors.As(err, &exit) && exit.ExitCode() < 126: // 126 and 127: the shell could not run it
			return Unknown, nil
		}
		return Unknown, fmt.Errorf("the command of --accepts: %w", err)
	}
}

// ListCommand asks a command that writes the ids of what lives, one a line.
func ListCommand(command string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		out, err := shell(ctx, command, nil)
		if err != nil {
			return nil, fmt.Errorf("the command of --list: %w", err)
		}
		var ids []string
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); line != "" {
				ids = append(ids, line)
			}
		}
		return ids, nil
	}
}

// SlowCommand tells a command on standard input "on" or "off".
func SlowCommand(command string) func(context.Context, bool) error {
	return func(ctx context.Context, on bool) error {
		word := "off\n"
		if on {
			word = "on\n"
		}
		if _, err := shell(ctx, command, []byte(word)); err != nil {
			return fmt.Errorf("the command of --slow: %w", err)
		}
		return nil
	}
}

// ResetCommand takes the first value from a command's standard output.
func ResetCommand(command string) func(context.Context) (rota.Value, error) {
	return func(ctx context.Context) (rota.Value, error) {
		out, err := shell(ctx, command, nil)
		if err != nil {
			return rota.Value{}, fmt.Errorf("the command of --reset: %w", err)
		}
		return rota.StringValue(strings.TrimSuffix(string(out), "\n")), nil
	}
}

// shell runs a line. What the command says of itself stays out of the error:
// it could hold the value.
func shell(ctx context.Context, line string, in []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Stdin = bytes.NewReader(in)
	cmd.WaitDelay = time.Second // a child may hold the pipe
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("no answer: %w", ctx.Err())
	}
	return out, err
}
