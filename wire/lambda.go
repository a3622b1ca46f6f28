package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rotahq/rota"
)

// ServiceLambda is what requests to the Lambda Invoke API are signed for.
const ServiceLambda = "lambda"

// The paths of the Invoke API
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
const (
	InvokePrefix = "/2015-03-31/functions/"
	InvokeSuffix = "/invocations"
)

// The types of an invocation: one that waits for the answer, one that does not,
// and the question whether it would be allowed.
const (
	RequestResponse = "RequestResponse"
	EventInvocation = "Event"
	DryRun          = "DryRun"
)

// The headers of the Invoke API.
const (
	HeaderInvocationType  = "X-Amz-Invocation-Type"
	HeaderLogType         = "X-Amz-Log-Type"
	HeaderFunctionError   = "X-Amz-Function-Error"
	HeaderClientContext   = "X-Amz-Client-Context"
	HeaderLogResult       = "X-Amz-Log-Result"
	HeaderExecutedVersion = "X-Amz-Executed-Version"
)

// lambdaRows is the table of errors of the Invoke API, whose names and
// statuses are other than those of Secrets Manager. What is not in it is the
// framework's, which is the same everywhere, with Lambda's status 403.
var lambdaRows = map[rota.Code]row{
	rota.NotFound:         {"ResourceNotFoundException", 404, modelled, "Function not found"},
	rota.AccessDenied:     {"AccessDeniedException", 403, modelled, "You do not have sufficient access to perform this action."},
	rota.InvalidParameter: {"InvalidParameterValueException", 400, framework, "One of the parameters in the request is not valid."},
	rota.InvalidRequest:   {"InvalidParameterValueException", 400, framework, "One of the parameters in the request is not valid."},
	rota.Validation:       {"ValidationException", 400, framework, "The input fails to satisfy the constraints specified by the service."},
	rota.Serialization:    {"InvalidRequestContentException", 400, framework, "The request body could not be parsed as JSON."},
	rota.TooLarge:         {"RequestTooLargeException", 413, framework, "The request payload exceeded the Invoke request body JSON input quota."},
	rota.Throttled:        {"TooManyRequestsException", 429, framework, "Rate Exceeded."},
	rota.UnknownOperation: {"UnknownOperationException", 404, framework, "The operation is not known."},
}

func lambdaRow(err error) row {
	code := rota.CodeOf(err)
	if r, ok := lambdaRows[code]; ok {
		return r
	}
	if r, ok := rows[code]; ok && r.member == framework {
		r.status = http.StatusForbidden
		return r
	}
	return row{"ServiceException", http.StatusInternalServerError, modelled, "The Lambda service encountered an internal error."}
}

// WriteLambdaError answers a request to the Invoke API with an error. The
// error it returns is of writing only.
func WriteLambdaError(w http.ResponseWriter, requestID string, err error) error {
	r := lambdaRow(err)
	who := "User"
	if r.status >= http.StatusInternalServerError {
		who = "Server"
	}
	body, merr := json.Marshal(map[string]string{r.member: r.textOf(err), "Type": who})
	if merr != nil {
		return merr
	}
	h := w.Header()
	h.Set("X-Amzn-Errortype", r.name)
	var e *rota.Error
	if r.status == http.StatusTooManyRequests && errors.As(err, &e) {
		h.Set("Retry-After", strconv.Itoa(lambdaRetry))
	}
	return WriteLambda(w, r.status, requestID, body)
}

// lambdaRetry is when to come back where all processes are taken, in seconds.
const lambdaRetry = 1

// WriteLambda answers a request to the Invoke API. The error it returns is of
// writing only.
func WriteLambda(w http.ResponseWriter, status int, requestID string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Cache-Control", "no-store")
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if status == http.StatusNoContent {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// LambdaErrorName is Lambda's name of an error, for records.
func LambdaErrorName(err error) string { return lambdaRow(err).name }
