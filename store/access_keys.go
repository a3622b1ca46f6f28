package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// MostKeys is how many access keys a principal can have: two, as in IAM, so
// that one can be made before the other goes
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MostKeys = 2

// AccessKey is an access key without its secret half.
type AccessKey struct {
	ID        string
	Principal string // ARN
	Inactive  bool
	Created   time.Time
	Used      time.Time // about, up to a minute late; zero: never
}

// NewAccessKey is an access key with its secret half. This is the only time
// that the secret is told.
type NewAccessKey struct {
	AccessKey
	Secret rota.Value
}

// IAM's sentences
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html).
const (
	msgTooManyKeys = "Cannot exceed quota for AccessKeysPerUser: %d"
	msgNoKey       = "The Access Key with id %s cannot be found."
)

// CreateAccessKey makes an access key. A principal has at most MostKeys,
// inactive ones counted: LimitExceeded. Each call makes another key.
func (s *Store) CreateAccessKey(ctx context.Context, c rota.Caller, principal string) (out NewAccessKey, err error) {
	err = s.principal(ctx, c, "CreateAccessKey", principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil {
			return err
		}
		have, err := x.tx.AccessKeys(row.ARN)
		if err != nil {
			return err
		}
		if len(have) >= MostKeys {
			return rota.E(rota.LimitExceeded, msgTooManyKeys, MostKeys)
		}
		out, err = x.newKey(row.ARN)
		return err
	})
	return out, err
}

// newKey makes a key for a principal.
func (x *session) newKey(arn string) (k NewAccessKey, err error) {
	id, err := randomID(x.cfg.Rand, "AKIA")
	if err != nil {
		return k, err
	}
	var secret [30]byte // 40 characters, as AWS's are
	if _, err := io.ReadFull(x.cfg.Rand, secret[:]); err != nil {
		return k, fmt.Errorf("read randomness: %w", err)
	}
	return x.putKey(arn, id, rota.StringValue(base64.StdEncoding.EncodeToString(secret[:])))
}

// putKey seals a key and keeps it. No key takes the place of another.
func (x *session) putKey(arn, id string, secret rota.Value) (k NewAccessKey, err error) {
	if _, taken, err := x.tx.AccessKey(id); err != nil || taken {
		if err == nil {
			err = rota.E(rota.Internal, "an access key with the new id %s is there already", id)
		}
		return k, err
	}
	row := AccessKeyRow{ID: id, Principal: arn, Created: x.now}
	if row.Blob, row.SealKey, err = x.cfg.Sealer.SealAccessKey(x.cfg.Account, id, secret); err != nil {
		return k, err
	}
	return NewAccessKey{shownKey(row), secret}, x.tx.PutAccessKey(row)
}

// ListAccessKeys lists the keys of a principal, the oldest first.
func (s *Store) ListAccessKeys(ctx context.Context, c rota.Caller, principal string) (out []AccessKey, err error) {
	err = s.view(ctx, c, ownActions+"ListAccessKeys", principal, func(x *session) error {
		_, row, err := x.askedPrincipal(principal)
		if err != nil {
			return err
		}
		keys, err := x.tx.AccessKeys(row.ARN)
		out = []AccessKey{}
		for _, k := range keys {
			out = append(out, shownKey(k))
		}
		return err
	})
	return out, err
}

// SetAccessKey makes a key of a principal active or inactive. While it is
// inactive neither it nor temporary credentials that it asked for are
// accepted, from the return of this call on. It may be repeated. The last key
// of the last administrator stays active unless force says so.
func (s *Store) SetAccessKey(ctx context.Context, c rota.Caller, principal, id string, active, force bool) error {
	return s.accessKey(ctx, c, "UpdateAccessKey", principal, id, func(x *session, k AccessKeyRow) error {
		if k.Inactive != active {
			return nil
		}
		k.Inactive = !active
		return x.keepAdministrator(force, func() error { return x.tx.PutAccessKey(k) })
	})
}

// DeleteAccessKey removes a key of a principal: from the return of this call
// on neither it nor temporary credentials that it asked for are accepted. The
// last key of the last administrator is not deleted unless force says so.
func (s *Store) DeleteAccessKey(ctx context.Context, c rota.Caller, principal, id string, force bool) error {
	return s.accessKey(ctx, c, "DeleteAccessKey", principal, id, func(x *session, k AccessKeyRow) error {
		return x.keepAdministrator(force, func() error { return x.tx.DeleteAccessKey(k.ID) })
	})
}

// accessKey is an operation that changes a key. A key of somebody else is not
// found.
func (s *Store) accessKey(ctx context.Context, c rota.Caller, op, principal, id string, f func(*session, AccessKeyRow) error) error {
	return s.principal(ctx, c, op, principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil {
			return err
		}
		keys, err := x.tx.AccessKeys(row.ARN)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(keys, func(k AccessKeyRow) bool { return k.ID == id })
		if i < 0 {
			return rota.E(rota.NotFound, msgNoKey, shortID(id))
		}
		return f(x, keys[i])
	})
}

// shortID is what of an unknown id may be repeated: it may be a secret half
// that was put in the wrong place.
func shortID(id string) string {
	if len(id) > 4 {
		return id[:4] + "…"
	}
	return id
}

func shownKey(k AccessKeyRow) AccessKey {
	return AccessKey{ID: k.ID, Principal: k.Principal, Inactive: k.Inactive, Created: k.Created, Used: k.Used}
}
