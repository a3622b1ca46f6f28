package session

import (
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

// Identity is who called, with all that the policies' evaluation has to know.
// It never changes.
type Identity struct {
	Principal policy.Principal
	ID        string           // the principal's own, for aws:userid
	Policies  []*policy.Policy // attached to the principal
	Session   *Session         // nil for an access key of the principal itself
	context   []policy.Attribute
}

// Session is what temporary credentials are limited to.
type Session struct {
	Name    string
	Policy  *policy.Policy // nil: no limit but the principal's policies
	Claim   rota.Claim
	Issued  time.Time // for aws:TokenIssueTime
	Expires time.Time
}

// Context is what conditions of policies can ask of the caller. It must not
// be changed.
func (i *Identity) Context() []policy.Attribute { return i.context }

// in is the identity in a session.
func (i *Identity) in(s *Session) *Identity {
	issued := policy.Attribute{Key: policy.TokenIssueTime, Value: s.Issued.Format(time.RFC3339)}
	return &Identity{i.Principal, i.ID, i.Policies, s, append(slices.Clip(i.context), issued)}
}

// Key is a key that may sign requests now.
type Key struct {
	Secret   rota.Value
	Token    rota.Value // the session token that belongs to it; the zero Value for a key without one
	Expires  time.Time  // zero: never
	Caller   rota.Caller
	Identity *Identity
}
