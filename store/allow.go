package store

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/rotahq/rota"
)

// Every operation is authorised here, where the secret is found: what the
// caller's May is asked about is the secret as it is in the same transaction,
// and no way to a secret leads around it. A session that ends well without
// having asked is an error (session.ends).

// The prefixes of actions, as policies write them.
const (
	awsActions = "secretsmanager:"
	ownActions = "rota:"
)

// actionOf is the action of an operation. What has none is a part of the
// engine's work, and nobody is allowed to ask for it.
func actionOf(op string) string {
	switch {
	case strings.HasPrefix(op, ownActions):
		return op
	case op != "" && op[0] >= 'A' && op[0] <= 'Z':
		return awsActions + op
	}
	return ""
}

// begins refuses the engine's own work to everybody else.
func (x *session) begins() error {
	if !x.c.Trusted() && x.action == "" {
		return &rota.Error{Code: rota.AccessDenied, Message: "Only rota itself may do this."}
	}
	return nil
}

// ends is the net under every operation: an answer that nobody was asked
// about does not leave.
func (x *session) ends() error {
	if !x.c.Trusted() && !x.asked {
		return rota.E(rota.Internal, "The operation %s was not authorised.", x.action)
	}
	return nil
}

// permit authorises an operation that is about no secret, or about all.
func permit(c rota.Caller, op string) error {
	return c.Ask(actionOf(op), rota.Everything())
}

// mayAll authorises the session's operation on no secret, or on all.
func (x *session) mayAll() error {
	x.asked = true
	return permit(x.c, x.op)
}

// mayAct authorises an action on what the request calls x.id, of which only
// that may be known.
func (x *session) mayAct(action string, on rota.Resource) error {
	x.asked = true
	return x.c.Ask(action, on)
}

// may authorises an action on a secret; id is how it was found.
func (x *session) may(action string, row SecretRow, id string) error {
	x.asked = true
	if x.c.Trusted() {
		return nil
	}
	on, err := x.resource(row)
	if err != nil {
		return err
	}
	return allowed(x.c, action, on, unseen(x.c, id, x.id))
}

func resourceOf(s rota.Secret, tags []rota.Tag, document, asked string) rota.Resource {
	return rota.Resource{
		ARN: s.ARN(), Asked: asked, Tags: tags, Type: s.Type, Function: s.Rotation.Function,
		PrimaryRegion: cmp.Or(s.PrimaryRegion, s.Region), Policy: document,
	}
}

// allowed asks about a secret that exists. Who would be denied if it did not
// exist is told what he would be told then: the reason must not say that it
// does.
func allowed(c rota.Caller, action string, on, hidden rota.Resource) error {
	denied := c.Ask(action, on)
	if denied == nil {
		return nil
	}
	if as := c.Ask(action, hidden); as != nil {
		return as
	}
	return denied
}

// noSuffix stands for the six characters of an ARN that nobody has chosen.
const noSuffix = "??????"

// unseen is what can be said of a secret by its id alone.
func unseen(c rota.Caller, id, asked string) rota.Resource {
	on := rota.Resource{ARN: id, Asked: asked}
	if !strings.HasPrefix(id, "arn:") {
		on.ARN = rota.Secret{Key: rota.Key{Account: c.Account, Region: c.Region}, Name: id, Suffix: noSuffix}.ARN()
		return on
	}
	if p := strings.SplitN(id, ":", 7); len(p) == 7 {
		if _, suffix := cutSuffix(p[6]); suffix == "" {
			on.ARN += "-" + noSuffix
		}
	}
	return on
}

// find returns the secret that the caller means, if the session's operation
// on it is allowed. Denial comes before not-found.
func (x *session) find(id string) (SecretRow, error) {
	row, err := x.seek(id)
	return row, x.answer(row, err, id)
}

// answer authorises what was sought, found or not.
func (x *session) answer(row SecretRow, err error, id string) error {
	switch {
	case err == nil:
		return x.may(x.action, row, id)
	case errors.Is(err, rota.NotFound):
		if denied := x.mayAct(x.action, unseen(x.c, id, x.id)); denied != nil {
			return denied
		}
	}
	return err
}

// findEver also finds, by ARN, a secret that was deleted with force or
// purged; of the latter only key, name and suffix are left.
func (x *session) findEver(id string) (SecretRow, error) {
	row, err := x.seek(id)
	if errors.Is(err, rota.NotFound) {
		row, err = x.seekGone(id)
	}
	return row, x.answer(row, err, id)
}

// seekGone finds by ARN what has lost its name.
func (x *session) seekGone(id string) (row SecretRow, err error) {
	r, err := parseID(x.c, id)
	if err == nil && r.suffix == "" {
		err = rota.E(rota.NotFound, msgNotFound)
	}
	if err != nil {
		return row, err
	}
	row, ok, err := x.tx.SecretByARN(r.account, r.region, r.name, r.suffix)
	if ok || err != nil {
		return row, err
	}
	t, ok, err := x.tx.TombstoneByARN(r.account, r.region, r.name, r.suffix)
	if !ok && err == nil {
		err = rota.E(rota.NotFound, msgNotFound)
	}
	row.Key, row.Name, row.Suffix = t.Key, t.Name, t.Suffix
	return row, err
}

// Resource is what a policy can say of a secret, for who explains policies,
// and what it can say of one that must not be known to exist. Of a secret that
// does not exist, and of none (""), both are the same. It is authorised as
// rota:ExplainPolicy.
func (s *Store) Resource(ctx context.Context, c rota.Caller, secretID string) (on, hidden rota.Resource, err error) {
	err = s.view(ctx, c, ownActions+"ExplainPolicy", secretID, func(x *session) error {
		if secretID == "" {
			on, hidden = rota.Everything(), rota.Everything()
			return x.mayAll()
		}
		row, err := x.find(secretID)
		if err != nil && !errors.Is(err, rota.NotFound) {
			return err
		}
		on, hidden = unseen(x.c, secretID, secretID), unseen(x.c, secretID, secretID)
		if err != nil {
			return nil
		}
		on, err = x.resource(row)
		return err
	})
	return on, hidden, err
}

// resource is a secret as policies see it.
func (x *session) resource(row SecretRow) (on rota.Resource, err error) {
	tags, err := x.tx.Tags(row.Key)
	if err != nil {
		return on, err
	}
	document, err := x.tx.Policy(row.Key)
	return resourceOf(row.Secret, tags, document, x.id), err
}
