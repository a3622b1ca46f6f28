package rota

import "time"

// CredentialState is where a credential is in its life.
type CredentialState string

// The states in their usual order.
const (
	Intended   CredentialState = "intended"    // recorded before any effect at the provider
	Live       CredentialState = "live"        // the provider accepts it, as far as rota knows
	Superseded CredentialState = "superseded"  // another one is current; its ending waits for its time
	Held       CredentialState = "held"        // a person holds its ending
	Ending     CredentialState = "ending"      // the ending began; the proof is still out
	ProvenDead CredentialState = "proven dead" // the provider refused it with the exact answer that means dead
	NotProven  CredentialState = "not proven"  // the bound for proving passed; Evidence says what was seen
)

// Open reports whether the credential may still be accepted by the provider
// and rota means to end it.
func (s CredentialState) Open() bool {
	return s == Superseded || s == Held || s == Ending
}

// Credential is one row of the ledger: a credential that rota meant to make,
// made, found as current, or must end. It outlives its version and its
// secret. Nothing in it is secret: Fingerprint is a keyed hash.
type Credential struct {
	ID          string
	Secret      Key
	SecretARN   string
	Version     string
	Rotator     string
	Provider    string            // account and address within which Principal means something
	Principal   string            // who logs in: user name, key id
	ProviderID  string            // the provider's own id of what is ended, if it has one
	Fingerprint string            // HMAC of the secret part under a key derived from the sealing key
	Metadata    map[string]string // what the provider told of it: created, expires
	State       CredentialState
	Lane        string
	Policy      string    // as fixed at finish; "" while live
	NotBefore   time.Time // the ending may not begin earlier; zero with Policy "next-rotation"
	Deadline    time.Time // the proof must be there by then, or the state becomes "not proven"
	Due         time.Time // when the engine looks at it next; zero: not by itself
	Attempts    int       // endings tried
	Evidence    string    // what was last seen, in the rotator's words
	Created     time.Time
	Changed     time.Time
}

// JournalEntry is one thing that was attempted on a secret, and what follows.
type JournalEntry struct {
	Seq      int64
	Secret   Key
	Token    string // the version that the step was about
	Claim    int64
	Attempt  int
	Step     string // a Step, or what else happened ("scheduled", "cancelled", …)
	Started  time.Time
	Duration time.Duration
	Outcome  string // "ok", "failed", "waiting", "note"
	Cause    string // why it happened or why it failed; never a value
	Next     string // what happens next
}

// The outcomes of a journal entry.
const (
	OutcomeOK      = "ok"
	OutcomeFailed  = "failed"
	OutcomeWaiting = "waiting"
	OutcomeNote    = "note"
)
