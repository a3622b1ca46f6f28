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

	// Claim binds the caller to one rotation: a write to the claimed secret
	// is accepted only while the number is still the secret's.
	Claim Claim
}

// Claim is the right to work on one secret's rotation, test or expiry. The
// number only grows; the zero Claim is none.
type Claim struct {
	Secret Key
	Number int64
}

// Held reports whether there is a claim.
func (c Claim) Held() bool { return c.Number != 0 }
