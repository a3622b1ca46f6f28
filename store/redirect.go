package store

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// tagPrefix begins the tags that steer rotation.
const tagPrefix = "rota:"

// origin is what decided where a secret's credential is sent, when an
// operation found it.
type origin struct {
	secret   rota.Secret
	document string // its resource policy
	current  string // the version
}

func (it *item) origin() (o origin, err error) {
	o = origin{secret: it.row.Secret, current: it.labels[rota.Current]}
	if o.secret.Tags, err = it.tx.Tags(it.row.Key); err != nil {
		return o, err
	}
	o.document, err = it.tx.Policy(it.row.Key)
	return o, err
}

// mayRedirect is asked before anything is saved: who changes a secret's
// rotator, address or admin secret by another operation than RotateSecret has
// the credential sent elsewhere, and must be allowed to RotateSecret too. The
// rotation itself is not asked. Whether the caller may is judged by the
// secret as it was.
func (it *item) mayRedirect() error {
	if it.was == nil || it.mine || it.action == awsActions+"RotateSecret" {
		return nil
	}
	is, err := it.origin()
	if err != nil {
		return err
	}
	was := *it.was
	if !it.redirected(was, is) {
		return nil
	}
	on := resourceOf(was.secret, was.secret.Tags, was.document, it.id)
	if err := allowed(it.c, awsActions+"RotateSecret", on, unseen(it.c, it.id, it.id)); err != nil {
		return err
	}
	it.was = &is
	return nil
}

func (it *item) redirected(was, is origin) bool {
	if !maps.Equal(steering(was.secret.Tags), steering(is.secret.Tags)) {
		return true
	}
	a, b := was.secret, is.secret
	if was.current == is.current && a.Type == b.Type && a.Rotation.Function == b.Rotation.Function && slices.Equal(a.Rotation.Metadata, b.Rotation.Metadata) {
		return false
	}
	if it.cfg.Functions == nil {
		return a.Type != b.Type || a.Rotation.Function != b.Rotation.Function || !slices.Equal(a.Rotation.Metadata, b.Rotation.Metadata)
	}
	return it.reach(was) != it.reach(is)
}

// reach asks with the value as far as it can be read: one that cannot be
// opened differs from all that can.
func (it *item) reach(o origin) string {
	s := Setup{Secret: o.secret}
	if v, ok, err := it.tx.Version(it.row.Key, o.current); err == nil && ok {
		if s.Current, err = it.unseal(it.row, v); err != nil {
			return "unreadable"
		}
	}
	return it.cfg.Functions.Reach(s)
}

// steering are the tags that steer rotation.
func steering(tags []rota.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		if strings.HasPrefix(t.Key, tagPrefix) {
			out[t.Key] = t.Value
		}
	}
	return out
}

const msgAdmin = "The admin secret %s cannot be used: it does not exist, or it does not serve this secret (its tag rota:serves), or the two values do not fit each other. Whoever owns it can tell."

// concealed is the answer to who names an admin secret that he may not
// describe: what is wrong with it would tell whether it exists, and of it.
func (x *session) concealed(err error, admin string) error {
	if err == nil || admin == "" || x.c.Trusted() || !errors.Is(err, rota.InvalidParameter) {
		return err
	}
	const describe = awsActions + "DescribeSecret"
	on := unseen(x.c, admin, admin)
	row, found := x.seek(admin)
	switch {
	case found == nil:
		if on, found = x.resource(row); found != nil {
			return found
		}
	case !errors.Is(found, rota.NotFound):
		return err
	}
	if x.c.Ask(describe, on) != nil {
		return rota.E(rota.InvalidParameter, msgAdmin, admin)
	}
	return err
}
