// Package function invokes rotation functions: rota's own handler in
// process today; local processes and the Lambda Invoke API have their place
// behind the same interface.
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
}

// Invoker invokes a rotation function and waits for it. The context's
// deadline is the step's.
type Invoker interface {
	Invoke(ctx context.Context, c Call) (rotation.Result, error)
}
