// Package function invokes rotation functions: rota's own handler in process,
// and functions of others as local processes or behind the Lambda Invoke API.
package function

import (
	"context"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Call is one invocation of a rotation function.
type Call struct {
	Function string      // RotationLambdaARN; "" where the secret's Type or tags select the rotator
	Caller   rota.Caller // bound to the claim: what the function writes is refused once the claim is lost
	Event    rota.Event
	Last     bool // no step of this claim follows
}

// Invoker invokes a rotation function and waits for it. The context's
// deadline is the step's.
type Invoker interface {
	Invoke(ctx context.Context, c Call) (rotation.Result, error)
}

// Ender is an Invoker that keeps something from step to step.
type Ender interface {
	// End gives back what the steps under a claim left, when no more will
	// follow. It may be called again, and for a claim that left nothing.
	End(claim rota.Claim)
}

// End ends what an invoker keeps for a claim, if it keeps anything.
func End(i Invoker, claim rota.Claim) {
	if e, ok := i.(Ender); ok {
		e.End(claim)
	}
}

// Teller is an Invoker that invokes other functions than rota's own too.
type Teller interface {
	// Foreign reports whether a function is not rota's own: it knows the four
	// steps of AWS and no other, and its success is judged by the labels.
	Foreign(function string) bool
}

// Foreign reports whether a function is not rota's own.
func Foreign(i Invoker, function string) bool {
	t, ok := i.(Teller)
	return ok && t.Foreign(function)
}
