package main

import "fmt"

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // the operation failed
	exitUsage       = 2   // the command line is wrong
	exitNoReach     = 3   // the server cannot be reached
	exitMissing     = 4   // no such secret or version
	exitFound       = 5   // function test: the function breaks a rule
	exitInterrupted = 130 // as shells have it
	exitUnread      = 141 // nobody reads the output, as shells have it
)

const exitHelp = `
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 server not reached,
4 no such secret or version, 130 interrupted. With --json an error is one line on
standard error: {"code":…,"error":…}.`

// exitError carries an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage is what is wrong with a command line, and what would be right.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}
