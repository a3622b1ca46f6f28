package session

import (
	"encoding/json"
	"time"

	"github.com/rotahq/rota"
)

// The bounds of Request.
const (
	// DefaultDuration is that of a request that names none.
	DefaultDuration = time.Hour
	// MaxDuration is AWS's for the credentials of a user
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html).
	MaxDuration = 36 * time.Hour
	// MaxPolicyCharacters is AWS's for a session policy
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
	MaxPolicyCharacters = 2048
)

// Request is what temporary credentials are to be.
type Request struct {
	// Principal is the ARN of the user or role that they act as. It must exist
	// and be enabled.
	Principal string

	// Policy is a session policy in IAM's JSON, of up to MaxPolicyCharacters:
	// the credentials may do what it allows and the principal's own policies
	// allow too. "" is no limit but the principal's, and is refused with a
	// Claim. [Allow] writes one.
	Policy string

	// Claim, if it is held, binds them to one rotation: a call that writes to
	// the claimed secret is accepted only while the number is the secret's, and
	// reading a value does not make them a reader of it.
	Claim rota.Claim

	// Duration is how long they hold: at least a second, at most MaxDuration;
	// 0 is DefaultDuration. They end on a whole second, never later than asked.
	Duration time.Duration

	// Name says which instance of the principal this is, in audit records and
	// for readers: up to 64 of the characters of a role session's name. May be "".
	Name string
}

// Credentials are temporary credentials. The id alone is no secret; Secret and
// Token cannot print themselves.
type Credentials struct {
	AccessKeyID string     // ASIA…
	Secret      rota.Value // the secret access key
	Token       rota.Value // to be sent as X-Amz-Security-Token
	Expires     time.Time  // UTC
}

// FunctionRole is the ARN of the role that rotation functions run as. The first
// start makes it, without keys and with a policy for what rotation functions do
// to any secret; each of its sessions should be limited to the secrets that it
// is for.
func FunctionRole(account string) string {
	return "arn:aws:iam::" + account + ":role/rota-function"
}

// Allow writes a policy that allows the actions, such as
// "secretsmanager:PutSecretValue", on the resources, which are ARNs or "*", and
// nothing else. What stands in an ARN is meant literally only if it has no
// "*", "?" or "${", as no ARN of a secret has.
func Allow(actions []string, resources ...string) string {
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	b, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"Allow", actions, resources}}})
	if err != nil {
		return "" // strings always encode
	}
	return string(b)
}
