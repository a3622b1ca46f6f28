package wire

import "time"

// The shapes of rota's own operations (rota.<Operation>). They travel as
// plain JSON with RFC 3339 times; nothing in them is secret. Times that have
// no value are left out.

// StatusInput asks for all secrets (rota.Status). It has no members.
type StatusInput struct{}

// StatusOutput is every secret with its rotation.
type StatusOutput struct {
	Secrets   []SecretStatus
	ClockHeld string `json:",omitempty"` // why scheduled starts and endings wait
}

// SecretStatus is one line of rota status.
type SecretStatus struct {
	Name             string
	ARN              string
	State            string     // idle, rotating, testing, resolving, retrying, off, deleted, by hand
	Detail           string     `json:",omitempty"` // why it waits or what failed last
	Attempt          int        `json:",omitempty"`
	LastRotated      *time.Time `json:",omitempty"`
	Next             *time.Time `json:",omitempty"` // when the engine looks at it next
	OverlapOpenUntil *time.Time `json:",omitempty"` // the last of those that have a time and are not held
	OverlapOpen      int        `json:",omitempty"` // old credentials that still wait for their end
	OverlapHeld      int        `json:",omitempty"` // of these, held by a person
	NotProven        int        `json:",omitempty"` // endings that were given up without a proof
}

// ShowInput asks for one secret (rota.Show). AfterJournal leaves out the
// journal entries up to that number.
type ShowInput struct {
	SecretId     string
	AfterJournal int64 `json:",omitempty"`
	MaxJournal   int   `json:",omitempty"` // 0: 50
	// RotationLambdaARN asks for the plan as it would be with this function.
	RotationLambdaARN string `json:",omitempty"`
}

// ShowOutput is one secret with all that rota knows of it.
type ShowOutput struct {
	SecretStatus
	Rotator     string     `json:",omitempty"` // the function
	Plan        *ShownPlan `json:",omitempty"` // nil for a function that is not rota's own
	Problem     string     `json:",omitempty"` // why it cannot be rotated as it is
	Versions    []ShownVersion
	Credentials []ShownCredential
	Journal     []ShownEntry // oldest first
	Readers     []ShownReader
}

// ShownPlan is how a secret would be rotated.
type ShownPlan struct {
	Rotator  string
	Settings []ShownSetting // in force
	// Capacity is how many credentials may live at once, 0 for many. With 1
	// there is a gap: from the moment that the new one is set the old one is
	// refused, to whoever reads the secret before the rotation has finished.
	Capacity             int
	RevocationLagSeconds float64 `json:",omitempty"` // how long an ended credential may still be accepted
	CannotDetect         string  `json:",omitempty"` // why a credential that rota lost could go unnoticed
}

// ShownSetting is a setting of a rotation, with where it comes from.
type ShownSetting struct{ Name, Value, From string }

// ShownVersion is a version with its labels.
type ShownVersion struct {
	VersionId string
	Labels    []string `json:",omitempty"`
	Created   time.Time
	Empty     bool `json:",omitempty"` // the placeholder of a rotation
}

// ShownCredential is a row of the credential ledger.
type ShownCredential struct {
	VersionId  string
	Rotator    string
	Provider   string
	Principal  string `json:",omitempty"`
	ProviderId string `json:",omitempty"`
	State      string
	Policy     string     `json:",omitempty"`
	NotBefore  *time.Time `json:",omitempty"`
	Deadline   *time.Time `json:",omitempty"`
	Attempts   int        `json:",omitempty"`
	Evidence   string     `json:",omitempty"`
	Created    time.Time
	Changed    time.Time
}

// ShownEntry is a journal entry.
type ShownEntry struct {
	Number       int64
	VersionId    string `json:",omitempty"`
	Claim        int64
	Attempt      int
	Step         string
	Started      time.Time
	Milliseconds int64
	Outcome      string
	Cause        string `json:",omitempty"`
	Next         string `json:",omitempty"`
}

// ShownReader is who fetched a version.
type ShownReader struct {
	VersionId string
	Principal string
	Instance  string `json:",omitempty"`
	First     time.Time
	Last      time.Time
	Grade     string
}

// ExpireInput changes when an old credential ends (rota.Expire). Exactly one
// of Now, Hold, Until and Resume is given. VersionId may be left out when the
// secret has one open overlap.
type ExpireInput struct {
	SecretId  string
	VersionId string     `json:",omitempty"`
	Now       bool       `json:",omitempty"`
	Hold      bool       `json:",omitempty"`
	Resume    bool       `json:",omitempty"`
	Until     *time.Time `json:",omitempty"`
}

// ExpireOutput is the ledger row after the change.
type ExpireOutput struct{ Credential ShownCredential }

// ExplainPolicyInput asks what the policies say of a request that somebody
// could send (rota.ExplainPolicy). Principal is an ARN, or the name of a user
// of the account; Action is as a policy writes it. Without SecretId it is
// about no secret. Context has what else is known of the request, by
// condition key: aws:SourceIp and the like.
type ExplainPolicyInput struct {
	Principal string
	Action    string
	SecretId  string              `json:",omitempty"`
	Context   map[string][]string `json:",omitempty"`
}

// ExplainPolicyOutput is the decision, with what every statement says.
type ExplainPolicyOutput struct {
	Principal  string
	Action     string
	Resource   string // ARN; of a secret that does not exist, the one that it would have
	Allowed    bool
	Reason     string           // which statement decides
	Denial     string           `json:",omitempty"` // what the principal would be told
	Statements []ShownStatement // identity policies first, then the session's, then the secret's
}

// ShownStatement is what one statement says of the request.
type ShownStatement struct {
	Policy    string
	By        string // identity-based policy, session policy, resource-based policy
	Statement int    // counted from 1
	Sid       string `json:",omitempty"`
	Effect    string
	Applies   bool
	Decides   bool
	Why       string // why it applies, or the first element that does not
}
