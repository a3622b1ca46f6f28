package function

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/local"
)

// Sessions issues the credentials that a function's process works with.
type Sessions interface {
	// Session issues temporary credentials that the policy limits. Whatever
	// they write to the claimed secret is refused once the claim is lost.
	Session(ctx context.Context, r SessionRequest) (local.Session, error)
}

// SessionRequest is what the credentials of one process are to be.
type SessionRequest struct {
	Account  string
	Function string // its name
	Policy   string // IAM's JSON
	Claim    rota.Claim
	Duration time.Duration
}

// What a rotation function may do to the secret that it rotates, and to its
// admin secret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html).
var (
	ownActions   = []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
	adminActions = []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}
)

// sessionPolicy lets a function touch the one secret and read its admin
// secret, if it has one.
func sessionPolicy(secretARN, adminARN string) string {
	type statement struct {
		Effect   string
		Action   []string
		Resource string
	}
	statements := []statement{
		{"Allow", ownActions, secretARN},
		{"Allow", []string{"secretsmanager:GetRandomPassword"}, "*"},
	}
	if adminARN != "" {
		statements = append(statements, statement{"Allow", adminActions, adminARN})
	}
	b, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	if err != nil {
		return "" // strings always encode; a session with a claim is refused without a policy
	}
	return string(b)
}
