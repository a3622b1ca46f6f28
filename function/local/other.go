//go:build !linux

package local

import (
	"context"
	"errors"

	"github.com/rotahq/rota/function/invoke"
)

// Keep does nothing on this system.
func Keep() {}

// Process is a running function; there are none on this system.
type Process struct{}

// Start refuses.
func (Host) Start(Spec) (*Process, error) {
	return nil, errors.New("local functions run on Linux only; register it as a remote one")
}

// Invoke does nothing.
func (*Process) Invoke(context.Context, []byte) (invoke.Outcome, bool) {
	return invoke.Outcome{}, false
}

// Do does nothing.
func (*Process) Do(context.Context, invoke.Request) (invoke.Outcome, bool) {
	return invoke.Outcome{}, false
}

// End does nothing.
func (*Process) End() []string { return nil }

// Delegated finds nothing on this system.
func Delegated() string { return "" }

// Shield does nothing on this system.
func Shield() error { return nil }
