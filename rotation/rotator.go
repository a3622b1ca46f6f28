package rotation

import (
	"context"
	"io"
	"time"

	"github.com/rotahq/rota"
)

// Rotator knows one kind of credential at one kind of provider. It never
// sees a label, a version or a schedule: the handler owns the protocol.
//
// A rotator is also a Chooser or a Minter, and maybe a Lister; together they
// make the three kinds of design:
//
//	mints                  Minter + Lister   the provider generates the value
//	chooses                Chooser           rota generates the value and sets it
//	chooses, id assigned   Chooser + Lister  rota generates the value, the provider
//	                                         gives it an id, found again by name
//
// Every method may be called again with the same request after a crash at
// any point; what happened already must succeed and change nothing. Errors
// never carry a value, a response body or a connection string.
type Rotator interface {
	// Descriptor says what the rotator is. It is constant.
	Descriptor() Descriptor

	// Plan checks the settings and the fields of req.Current (and of the
	// admin secret, if one is named) and says how this secret will be
	// rotated. It calls no provider. Its error is permanent and lists every
	// problem (ProblemsOf); of which secret and rotator, the caller says.
	Plan(req Request) (Plan, error)

	// Identify names the credential that v holds. It calls no provider.
	Identify(req Request, v rota.Value) (Identity, error)

	// Try uses the credential of v once, and changes nothing. nil: the
	// provider accepts it. ErrDead: the exact answer that means it will never
	// be accepted again as it is (a proof). ErrRefused: a clear no that is not
	// that answer. Anything else (unreachable, throttled, garbage): unknown.
	Try(ctx context.Context, req Request, v rota.Value) error

	// Spoil returns v with its secret part replaced by a random one of the
	// same shape: the provider must refuse it, otherwise its acceptance of
	// any other value proves nothing.
	Spoil(req Request, v rota.Value) (rota.Value, error)
}

// Chooser is a rotator for which rota generates the value.
type Chooser interface {
	Rotator

	// Choose makes the next value from req.Current and req.Rand. It calls no
	// provider: the value is stored before anything is set.
	Choose(req Request) (rota.Value, error)

	// Set makes the provider accept req.Pending. It may use req.Current,
	// req.Previous and req.Admin; it must refuse when they do not name the
	// same resource. The handler has tried req.Pending before and calls Set
	// only if it is not accepted yet.
	Set(ctx context.Context, req Request) error

	// End makes the credential of old useless, without dropping the
	// principal, who may own objects and grants: its password becomes one
	// that nobody knows. Ended already is success.
	End(ctx context.Context, req Request, old rota.Value) error
}

// Minter is a rotator for which the provider generates the value.
type Minter interface {
	Rotator

	// Mint makes a new credential named req.Name at the provider and returns
	// the whole value. The handler has listed the name just before, removed
	// what it found and never retries a Mint without listing again. A
	// duplicate name is an error.
	Mint(ctx context.Context, req Request) (rota.Value, error)
}

// Lister finds and revokes credentials by the name that rota gave them.
type Lister interface {
	// List returns what the provider holds under exactly req.Name.
	List(ctx context.Context, req Request) ([]Listed, error)

	// Revoke ends the credential with the provider's id. Gone is success.
	Revoke(ctx context.Context, req Request, id string) error
}

// Listed is one credential as the provider lists it.
type Listed struct {
	ID       string
	Metadata map[string]string // what the provider tells: created, expires
}

// Request is what a rotator is given. Values that do not exist are zero.
type Request struct {
	SecretARN string
	Token     string // the version being made
	Name      string // its name at the provider: "rota-" and 32 hex digits of a hash of ARN and token
	Settings  Settings
	Current   rota.Value
	Previous  rota.Value
	Pending   rota.Value
	Admin     Admin
	Rand      io.Reader
	Now       time.Time
}

// Admin is the admin secret of a request; its Value is zero if there is none
// or where nothing may be read yet.
type Admin struct {
	ARN   string
	Value rota.Value
}

// Named reports whether the secret names an admin secret.
func (a Admin) Named() bool { return a.ARN != "" }

// Identity names a credential. What is ended is a credential, not a version:
// two versions may hold the same one.
type Identity struct {
	Provider  string     // account and address, within which Principal means something
	Principal string     // who logs in: a user name, or a key's own id
	ID        string     // the provider's id of what Revoke ends; "" where the principal lives on
	Secret    rota.Value // the part that must not be known; compared, never shown
}

// SamePrincipal reports whether both log in as the same principal.
func (a Identity) SamePrincipal(b Identity) bool {
	return a.Provider == b.Provider && a.Principal == b.Principal
}

// SamePlace reports whether the provider keeps only one of the two: setting
// one overwrote the other. Two keys of one principal have an id each, and
// live side by side.
func (a Identity) SamePlace(b Identity) bool { return a.SamePrincipal(b) && a.ID == b.ID }

// SameCredential reports whether both are one and the same credential.
func (a Identity) SameCredential(b Identity) bool {
	return a.SamePlace(b) && a.Secret.Equal(b.Secret)
}

// Plan is how one secret will be rotated.
type Plan struct {
	Identity Identity
	// Capacity is how many credentials the provider lets live at once for
	// this secret: 1, 2, or 0 for many. With 1 setting the new one kills the
	// old one: there is no overlap, and a gap between set and finish.
	Capacity int
	// Lane is what may hang or be throttled together: provider account and
	// address. Opaque.
	Lane string
	// Propagation is how long an accepted change may take to show.
	Propagation Propagation
	// RevocationLag is how long a revoked credential may still be accepted.
	RevocationLag time.Duration
	// CannotDetect says why an orphan could go unnoticed at this provider;
	// empty where it can be listed or cannot exist.
	CannotDetect string
}

// Propagation says when a new credential counts as accepted.
type Propagation struct {
	Successes int           // in a row; at least 1
	Interval  time.Duration // between two tries
	Within    time.Duration // of the first try; then the attempt ends with "not yet"
}

// Descriptor is what a rotator is, for settings, help and docs.
type Descriptor struct {
	Name     string // "postgres": the function is rota-<Name>
	Type     string // the Type of a secret that selects it, if it has one
	Title    string
	Docs     string  // the provider's own documentation
	Fields   []Field // of the secret's JSON value
	Admin    []Field // of the admin secret's, where they are others
	Settings []Setting
	// Dead is the exact answer that means a credential is dead, in words.
	Dead string
	// Semantics is what a person should know: what is revoked when.
	Semantics string
}

// Field is a member of a JSON value.
type Field struct {
	Name     string
	Required bool
	Secret   bool
	Address  bool // where the credential is sent, and how guarded: a change is authorised as RotateSecret
	Help     string
}

// Setting is one setting of a rotator besides those that all have
// (rotator, strategy, expire, admin). Name is in kebab-case: the tag is
// rota:<name>, the metadata key its camelCase, the environment variable
// ROTA_<UPPER_SNAKE>.
type Setting struct {
	Name    string
	Default string
	Help    string
	// Check refuses a value that the rotator could not use; nil accepts all.
	Check func(string) error
}
