package store

import (
	"context"
	"time"

	"github.com/rotahq/rota"
)

// Functions answers what the store's rules need to know of rotation
// functions and cannot know by themselves. It is handed in at Open.
type Functions interface {
	// CheckTag refuses a tag whose key starts with "rota:" and that no part
	// of rota knows, or whose value could never be used
	// (InvalidParameter). It is asked when the tag is set.
	CheckTag(key, value string) error

	// Check says whether the secret, as it would be after the change, can be
	// rotated, and what the queue must know of it. It is asked when rotation
	// is set up and at each later change of value, tags or metadata while
	// rotation is enabled. It calls no provider. A function that cannot be
	// invoked is AccessDenied with AWS's sentence; none named is
	// InvalidRequest with AWS's sentence; everything else InvalidParameter.
	// It runs inside the transaction of the change, so it must read other
	// secrets by Lookup and never by the store, which would wait for itself.
	Check(ctx context.Context, s Setup) (Assignment, error)

	// Reach is what decides where a rotation would send the credential, but
	// for the tags: function, type, metadata, address and admin secret. It is
	// compared, before and after a change, and never shown. Lookup is nil.
	Reach(s Setup) string
}

// Setup is a secret as Check is shown it.
type Setup struct {
	Secret  rota.Secret
	Current rota.Value // zero if the secret has no value
	// Lookup reads another secret of the same account and region, for the
	// admin secret: its description, tags and current value.
	Lookup func(id string) (rota.Secret, rota.Value, error)
	// Registered says whether a function of that name is registered.
	Registered func(name string) (bool, error)
}

// Assignment is what a Check finds: what the queue keeps of it, and what a
// person is shown.
type Assignment struct {
	Lane     string
	Capacity int      // 0: many
	Admin    rota.Key // zero if none

	Plan *Plan // nil for a function that is not rota's own: it does as it likes
}

// Plan is how a secret would be rotated, for a person to see before it is.
type Plan struct {
	Rotator       string
	Settings      []PlannedSetting // in force, by name
	RevocationLag time.Duration    // how long an ended credential may still be accepted
	CannotDetect  string           // why an orphan could go unnoticed; "" where it could not
}

// PlannedSetting is a setting with where it comes from.
type PlannedSetting struct{ Name, Value, From string }
