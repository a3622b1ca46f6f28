package rota

// Step is what a rotation function is asked to do. The first four are AWS's
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
type Step string

// The steps in their order.
const (
	CreateSecret Step = "createSecret" // make the new value, labelled AWSPENDING
	SetSecret    Step = "setSecret"    // make the provider accept it
	TestSecret   Step = "testSecret"   // prove that it works
	FinishSecret Step = "finishSecret" // move AWSCURRENT

	// ExpireSecret is rota's fifth step: end the credential of the version
	// that the event names. Functions that do not know it are never sent it.
	ExpireSecret Step = "expireSecret"

	// ResolveSecret is rota's way out of an attempt that is given up: the
	// handler finishes if the pending value works, otherwise sets the current
	// value back. It is sent only to rota's own handler.
	ResolveSecret Step = "resolveSecret"
)

// Event is the payload of one invocation of a rotation function
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html#rotate-secrets_lambda-functions-code).
// For ExpireSecret the ClientRequestToken is the version whose credential
// ends.
type Event struct {
	Step               Step   `json:"Step"`
	SecretID           string `json:"SecretId"`
	ClientRequestToken string `json:"ClientRequestToken"`
	RotationToken      string `json:"RotationToken,omitempty"`
}
