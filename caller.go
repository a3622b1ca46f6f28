package rota

// Caller is on whose behalf an operation runs. Every method of the store
// takes one, so that access and audit cannot be gone around.
type Caller struct {
	Principal string // ARN
	Account   string // where bare names resolve
	Region    string
	RequestID string
	Source    string // network address, or the part of rota that acts ("engine")
	Instance  string // which instance of the principal reads, when it says so
	AccessKey string // id of the key that signed; "" for a part of rota itself, which is trusted

	// May refuses what the caller is not allowed to do, with an AccessDenied
	// that is for the caller to read. The store asks it about everything that
	// it returns or changes, with the secret as it is in the same transaction;
	// see Ask.
	May func(action string, on Resource) error

	// Claim binds the caller to one rotation: a write to the claimed secret
	// is accepted only while the number is still the secret's.
	Claim Claim
}

// Trusted reports whether the caller is a part of rota itself, such as the
// engine, which is not asked what it may: no key signed for it.
func (c Caller) Trusted() bool { return c.May == nil && c.AccessKey == "" }

// Ask asks whether the caller may. Who signed with a key may do nothing where
// it was forgotten to say what: that a May is missing must not open anything.
func (c Caller) Ask(action string, on Resource) error {
	switch {
	case c.May != nil:
		return c.May(action, on)
	case c.Trusted():
		return nil
	}
	return E(Internal, "nobody said what the caller with the key %s may do", c.AccessKey)
}

// Resource is what a caller wants to act on, with all that policies can say
// of it.
type Resource struct {
	// ARN is the secret's; "*" for what is about no secret or about all. Of a
	// secret that does not exist it is the one that the name would have, with
	// ?????? in the place of the six characters that nobody chose yet.
	ARN   string
	Asked string // how the request names it: a name or an ARN; "" for "*"

	// Of a secret that exists.
	Tags          []Tag
	Type          string
	Function      string // RotationLambdaARN
	PrimaryRegion string // its own, unless it is a replica
	Policy        string // the document of its resource policy; "" if it has none
}

// Everything is the resource of operations that are about no secret, or about
// all of them.
func Everything() Resource { return Resource{ARN: "*"} }

// Claim is the right to work on one secret's rotation, test or expiry. The
// number only grows; the zero Claim is none.
type Claim struct {
	Secret Key
	Number int64
}

// Held reports whether there is a claim.
func (c Claim) Held() bool { return c.Number != 0 }
