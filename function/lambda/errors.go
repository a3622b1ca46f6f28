package lambda

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/rotahq/rota"
)

// codes are AWS's names of errors that the handler or this package acts on.
var codes = map[string]rota.Code{
	"ResourceNotFoundException": rota.NotFound,
	"ResourceExistsException":   rota.Exists,
	"InvalidParameterException": rota.InvalidParameter,
	"InvalidRequestException":   rota.InvalidRequest,
	"LimitExceededException":    rota.LimitExceeded,
	"DecryptionFailure":         rota.DecryptionFailed,
	"EncryptionFailure":         rota.EncryptionFailed,
	"AccessDeniedException":     rota.AccessDenied,
	"ThrottlingException":       rota.Throttled,
	"ConflictException":         rota.Exists,
}

// failed words an error of the SDK: AWS's own sentence, the call and the
// secret. What else the SDK tells (addresses, numbers of attempts) stays out.
func failed(call, secret string, err error) error {
	if err == nil {
		return nil
	}
	of := call
	if secret != "" {
		of += " " + secret
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		cause := err
		var op *smithy.OperationError
		if errors.As(err, &op) {
			cause = op.Err
		}
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: no answer in time: %w", of, cause)
		}
		return fmt.Errorf("%s: AWS cannot be asked: %w", of, cause)
	}
	code, ok := codes[api.ErrorCode()]
	if !ok {
		code = rota.Internal
	}
	e := &rota.Error{Code: code, Op: call, Secret: secret, Message: api.ErrorCode() + ": " + api.ErrorMessage()}
	if code == rota.AccessDenied {
		e.Hint = "the function's role lacks this permission, or the secret is not rotated by this function; docs/aws-lambda.md lists what the role needs"
	}
	return e
}
