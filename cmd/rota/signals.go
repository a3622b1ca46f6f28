package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
)

// untilStopped ends with the first signal that asks the program to: its work
// then ends in good order. The second signal ends it at once, but for SIGHUP,
// which a terminal that closes sends more than once.
func untilStopped() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	context.AfterFunc(ctx, stop)
	// Who reads the output may go away, as head does. Then a write fails, and
	// what runs can clean up; otherwise the program would end where it is. It
	// is not ignored, since a function that rota starts would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	return ctx
}

func stopSignals() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) { // as nohup has it
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

// unread reports whether an error is that nobody reads the output any more,
// which needs no words.
func unread(err error) bool {
	var path *fs.PathError
	return errors.Is(err, syscall.EPIPE) && errors.As(err, &path) && path.Path == os.Stdout.Name()
}

// telling is a writer whose reader may go away.
type telling struct {
	io.Writer
	gone func() // called when nobody reads any more
}

func (t telling) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		t.gone()
	}
	return n, err
}
