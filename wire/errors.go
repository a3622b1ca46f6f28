package wire

import (
	"errors"
	"net/http"

	"github.com/rotahq/rota"
)

// row is how one [rota.Code] looks on the wire.
type row struct {
	name   string // AWS's __type
	status int
	member string // the member with the text: AWS uses two
	text   string // when the error has no message of its own
}

// The member is Message for what the service model declares and for
// AccessDeniedException, and message for what the framework in front of it
// answers. Clients read both.
const (
	modelled  = "Message"
	framework = "message"
)

// rows is the one table of errors. AWS answers every mistake of a client with
// status 400, a secret that is not there and a refused caller too
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html).
//
// ClaimLost and Busy are rota's own. Both are InvalidRequestException, as
// AWS's "A previous rotation isn't complete." is, and not the 500 that SDKs
// send again at once: a lost claim never comes back, and a busy secret is not
// free again within an SDK's few hundred milliseconds.
var rows = map[rota.Code]row{
	rota.NotFound:           {"ResourceNotFoundException", 400, modelled, "Secrets Manager can't find the specified secret."},
	rota.Exists:             {"ResourceExistsException", 400, modelled, "A resource with the ID you requested already exists."},
	rota.InvalidParameter:   {"InvalidParameterException", 400, modelled, "The parameter name or value is invalid."},
	rota.InvalidRequest:     {"InvalidRequestException", 400, modelled, "A parameter value is not valid for the current state of the resource."},
	rota.InvalidNextToken:   {"InvalidNextTokenException", 400, modelled, "The NextToken value is invalid."},
	rota.LimitExceeded:      {"LimitExceededException", 400, modelled, "The request failed because it would exceed one of the Secrets Manager quotas."},
	rota.MalformedPolicy:    {"MalformedPolicyDocumentException", 400, modelled, "This policy has invalid syntax."},
	rota.PublicPolicy:       {"PublicPolicyException", 400, modelled, "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the secret."},
	rota.PreconditionNotMet: {"PreconditionNotMetException", 400, modelled, "The request failed because you did not complete all the prerequisite steps."},
	rota.EncryptionFailed:   {"EncryptionFailure", 400, modelled, "Secrets Manager can't encrypt the protected secret text using the provided KMS key."},
	rota.DecryptionFailed:   {"DecryptionFailure", 400, modelled, "Secrets Manager can't decrypt the protected secret text using the provided KMS key."},
	rota.Internal:           {"InternalServiceError", 500, modelled, "An error occurred on the server side."},

	rota.ClaimLost: {"InvalidRequestException", 400, modelled, "This rotation attempt is over: another one works on the secret now. Stop here; the newer attempt does what is left."},
	rota.Busy:      {"InvalidRequestException", 400, modelled, "A rotation, test or expiry of this secret is running. Try again when it is over."},

	rota.Validation:            {"ValidationException", 400, framework, "The input fails to satisfy the constraints specified by the service."},
	rota.AccessDenied:          {"AccessDeniedException", 400, modelled, "You do not have sufficient access to perform this action."},
	rota.Throttled:             {"ThrottlingException", 400, framework, "Rate exceeded"},
	rota.Serialization:         {"SerializationException", 400, framework, "The request body can not be read."},
	rota.UnknownOperation:      {"UnknownOperationException", 400, framework, "The operation is not known."},
	rota.TooLarge:              {"RequestEntityTooLargeException", 413, framework, "The request body is too large."},
	rota.InvalidSignature:      {"InvalidSignatureException", 400, framework, wrongSignature},
	rota.IncompleteSignature:   {"IncompleteSignatureException", 400, framework, "The request signature does not conform to AWS standards."},
	rota.MissingAuthentication: {"MissingAuthenticationTokenException", 400, framework, "Missing Authentication Token"},
	rota.UnrecognizedClient:    {"UnrecognizedClientException", 400, framework, "The security token included in the request is invalid."},
	rota.ExpiredToken:          {"ExpiredTokenException", 400, framework, "The security token included in the request is expired"},
}

// EncodeError returns the status and JSON of an error. Of a [rota.Error] only
// the message goes out; its operation, secret, hint and cause stay inside. An
// error without a known code, and any internal one, is InternalServiceError
// with one fixed text, whatever it says.
func EncodeError(err error) (status int, body []byte) {
	r := rowOf(err)
	body = append(make([]byte, 0, 256), '{')
	body = appendText(appendName(body, "__type"), r.name)
	body = appendText(appendName(body, r.member), r.textOf(err))
	return r.status, append(body, '}')
}

func rowOf(err error) row {
	if r, ok := rows[rota.CodeOf(err)]; ok {
		return r
	}
	return rows[rota.Internal]
}

func (r row) textOf(err error) string {
	var e *rota.Error
	if r.status != http.StatusInternalServerError && errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return r.text
}

// ErrorText is the text of an error as [EncodeError] sends it.
func ErrorText(err error) string { return rowOf(err).textOf(err) }

// ErrorName is AWS's name of an error, as in the Errors of a
// BatchGetSecretValue response. It is InternalServiceError where [EncodeError]
// says so.
func ErrorName(err error) string {
	return rowOf(err).name
}
