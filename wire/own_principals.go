package wire

import (
	"encoding/json"
	"time"

	"github.com/rotahq/rota"
)

// The shapes of the operations on principals (rota.CreatePrincipal and the
// rest). Principal is an ARN, user/NAME, role/NAME, or NAME, which is a
// user's; left out, it is the caller's own. Force does what would leave nobody
// with full access.

// Disclosed is a value that its encoder writes, because somebody asked for it:
// the secret half of a key that was just made. It prints itself no more than
// any other value.
type Disclosed struct{ rota.Value }

// MarshalJSON writes the value.
func (d Disclosed) MarshalJSON() ([]byte, error) {
	return json.Marshal(string(d.Reveal()))
}

// UnmarshalJSON reads it.
func (d *Disclosed) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	d.Value = rota.StringValue(s)
	return nil
}

// The states of a principal and, with a capital, of an access key.
const (
	PrincipalEnabled  = "enabled"
	PrincipalDisabled = "disabled"
	KeyActive         = "Active"
	KeyInactive       = "Inactive"
)

// ShownPrincipal is a user or a role. ListPrincipals leaves out policies and
// keys.
type ShownPrincipal struct {
	Arn         string
	PrincipalId string
	State       string // enabled or disabled
	Created     time.Time
	Changed     time.Time
	Policies    []ShownPolicy `json:",omitempty"`
	AccessKeys  []ShownKey    `json:",omitempty"`
}

// ShownPolicy is an identity policy.
type ShownPolicy struct {
	PolicyName     string
	PolicyDocument string
	Changed        time.Time
}

// ShownKey is an access key without its secret half.
type ShownKey struct {
	AccessKeyId string
	Status      string // Active or Inactive
	Created     time.Time
	LastUsed    *time.Time `json:",omitempty"` // up to a minute late
}

// CreatePrincipalInput makes a principal (rota.CreatePrincipal).
type CreatePrincipalInput struct{ Principal string }

// DescribePrincipalInput shows one (rota.DescribePrincipal).
type DescribePrincipalInput struct {
	Principal string `json:",omitempty"`
}

// PrincipalOutput is a principal.
type PrincipalOutput struct{ Principal ShownPrincipal }

// ListPrincipalsInput lists all (rota.ListPrincipals), by ARN.
type ListPrincipalsInput struct {
	MaxResults int    `json:",omitempty"` // up to 100, which is what 0 means
	NextToken  string `json:",omitempty"`
}

// ListPrincipalsOutput is some of them. NextToken leads to the next.
type ListPrincipalsOutput struct {
	Principals []ShownPrincipal
	NextToken  string `json:",omitempty"`
}

// ChangePrincipalInput is for rota.EnablePrincipal, rota.DisablePrincipal and
// rota.DeletePrincipal.
type ChangePrincipalInput struct {
	Principal string
	Force     bool `json:",omitempty"`
}

// Done is the answer of an operation that has nothing to tell.
type Done struct{}

// CreateAccessKeyInput makes a key (rota.CreateAccessKey).
type CreateAccessKeyInput struct {
	Principal string `json:",omitempty"`
}

// CreateAccessKeyOutput is the key. The secret half is told this one time.
type CreateAccessKeyOutput struct {
	Principal       string // ARN
	AccessKeyId     string
	SecretAccessKey Disclosed
	Created         time.Time
}

// ListAccessKeysInput lists the keys of a principal (rota.ListAccessKeys).
type ListAccessKeysInput struct {
	Principal string `json:",omitempty"`
}

// ListAccessKeysOutput is them, the oldest first.
type ListAccessKeysOutput struct{ AccessKeys []ShownKey }

// UpdateAccessKeyInput makes a key Active or Inactive (rota.UpdateAccessKey).
type UpdateAccessKeyInput struct {
	Principal   string `json:",omitempty"`
	AccessKeyId string
	Status      string
	Force       bool `json:",omitempty"`
}

// DeleteAccessKeyInput removes a key (rota.DeleteAccessKey).
type DeleteAccessKeyInput struct {
	Principal   string `json:",omitempty"`
	AccessKeyId string
	Force       bool `json:",omitempty"`
}

// PutPrincipalPolicyInput gives a principal a policy or replaces the one of
// that name (rota.PutPrincipalPolicy).
type PutPrincipalPolicyInput struct {
	Principal      string
	PolicyName     string
	PolicyDocument string
	Force          bool `json:",omitempty"`
}

// DeletePrincipalPolicyInput takes one away (rota.DeletePrincipalPolicy).
type DeletePrincipalPolicyInput struct {
	Principal  string
	PolicyName string
	Force      bool `json:",omitempty"`
}

// GetSessionTokenInput asks for temporary credentials for the caller
// (rota.GetSessionToken), limited to what Policy allows, if it is given.
type GetSessionTokenInput struct {
	DurationSeconds int64  `json:",omitempty"` // 900 to 129600; 0: 3600
	Policy          string `json:",omitempty"` // a session policy in IAM's JSON
	SessionName     string `json:",omitempty"`
}

// GetSessionTokenOutput is the credentials. They are told this one time.
type GetSessionTokenOutput struct {
	AccessKeyId     string
	SecretAccessKey Disclosed
	SessionToken    Disclosed
	Expiration      time.Time
}
