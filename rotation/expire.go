package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// expire ends the credential of the version and proves that it is dead. It
// does nothing, successfully, where the version is in use again, is gone or
// was ended already; early is ErrNotYet.
func (j *job) expire(ctx context.Context, version string) (rota.CredentialState, error) {
	return j.expireVersion(ctx, version, false)
}

func (j *job) expireVersion(ctx context.Context, version string, nextRotation bool) (rota.CredentialState, error) {
	rows, err := j.openRows(ctx, version)
	if err != nil {
		return "", err
	}
	at, labelled := j.ending(version)
	if !labelled && len(rows) == 0 {
		j.note("nothing is to be ended")
		return j.ended(ctx, version)
	}
	if !nextRotation {
		if err := j.early(at, labelled, rows); err != nil {
			return "", err
		}
	}
	for _, c := range rows {
		if c.State == rota.Held {
			return "", fmt.Errorf("the ending is held by hand: %w", ErrNotYet)
		}
	}
	value, err := j.optional(ctx, version, "")
	if err != nil {
		return "", err
	}
	if value.IsZero() {
		return j.expireEmpty(ctx, version)
	}
	return j.expireValue(ctx, version, value)
}

// early refuses before the time that the label and the ledger say; they say
// the same unless somebody took the label away.
func (j *job) early(at time.Time, labelled bool, rows []rota.Credential) error {
	check := func(at time.Time) error {
		if at.IsZero() {
			return fmt.Errorf("it ends at the next rotation: %w", ErrNotYet)
		}
		if at.After(j.Now()) {
			return fmt.Errorf("it ends at %s: %w", at.UTC().Format(time.RFC3339), ErrNotYet)
		}
		return nil
	}
	if labelled {
		return check(at)
	}
	for _, c := range rows {
		if c.State != rota.Superseded {
			continue // it began already
		}
		if err := check(c.NotBefore); err != nil {
			return err
		}
	}
	return nil
}

// ended is what is known of a version that waits for no end.
func (j *job) ended(ctx context.Context, version string) (rota.CredentialState, error) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return "", err
	}
	state := rota.Live
	for _, c := range rows {
		if c.Version == version && (c.State == rota.NotProven || (c.State == rota.ProvenDead && state == rota.Live)) {
			state = c.State
		}
	}
	return state, nil
}

// expireEmpty ends what a version without a value may have left: minted
// credentials under its name. A chosen value was never set. Where the ledger
// names a credential all the same, its value is gone: it is revoked if that
// takes no value, and there is nothing to prove it with.
func (j *job) expireEmpty(ctx context.Context, version string) (rota.CredentialState, error) {
	if err := j.sweep(ctx, j.at(version), "", "made for a rotation that was given up"); err != nil {
		return "", err
	}
	rows, err := j.openRows(ctx, version)
	if err != nil {
		return "", err
	}
	state := rota.ProvenDead
	for i, c := range rows {
		rows[i].State, rows[i].Evidence = rota.ProvenDead, "nothing is alive under its name"
		if c.Principal == "" {
			continue
		}
		if err := j.revokeLost(ctx, c); err != nil {
			return "", err
		}
		state = rota.NotProven
		rows[i].State, rows[i].Evidence = state, "the version is gone, and with it the value that would be tried"
	}
	err = j.together(ctx, func() error {
		for _, c := range rows {
			if err := j.home.Ledger.Record(ctx, c, rota.Value{}); err != nil {
				return err
			}
		}
		// The label goes last: with it goes the empty version, once nothing of
		// it waits for its end.
		return j.mark(ctx, version, "")
	})
	return state, err
}

// revokeLost revokes a minted credential of which only the ledger row is
// left, unless a version that is in use has its id.
func (j *job) revokeLost(ctx context.Context, c rota.Credential) error {
	_, mints := j.rotator.(Minter)
	if !mints || c.ProviderID == "" {
		return nil
	}
	used, err := j.inUse(ctx, c.Version, Identity{Provider: c.Provider, Principal: c.Principal, ID: c.ProviderID})
	if used || err != nil {
		return err
	}
	if err := j.rotator.(Lister).Revoke(ctx, j.at(c.Version), c.ProviderID); err != nil {
		return fmt.Errorf("revoke the old credential: %w", err)
	}
	return nil
}

func (j *job) expireValue(ctx context.Context, version string, value rota.Value) (rota.CredentialState, error) {
	req := j.at(version)
	id, err := j.rotator.Identify(req, value)
	if err != nil {
		return "", err
	}
	// What is compared is the credential, under the claim and right before
	// the effect: a version that is in use may hold the same one.
	overwritten, err := j.inUse(ctx, version, id)
	if errors.Is(err, errSameCredential) {
		same := err
		j.note("not ended: %v", same)
		return rota.Live, j.settle(ctx, version, value, rota.Live, same.Error())
	}
	if err != nil {
		return "", err
	}
	if err := j.record(ctx, version, value, rota.Ending, "the ending began"); err != nil {
		return "", err
	}
	end := j.endChosen
	if _, mints := j.rotator.(Minter); mints {
		end = j.endMinted
	}
	dead, err := end(ctx, req, id, value, overwritten)
	if err != nil {
		return "", err
	}
	state, evidence, err := j.prove(ctx, req, id, value, dead)
	if err != nil {
		return "", err
	}
	j.note("%s: %s", state, evidence)
	return state, j.settle(ctx, version, value, state, evidence)
}

// settle takes the ending label off the version and records what became of
// its credential.
func (j *job) settle(ctx context.Context, version string, value rota.Value, state rota.CredentialState, evidence string) error {
	return j.together(ctx, func() error {
		if err := j.mark(ctx, version, ""); err != nil {
			return err
		}
		return j.record(ctx, version, value, state, evidence)
	})
}

// endMinted revokes the credential, what else was minted under the name of
// its version, and what a late first attempt left beside the one in use.
func (j *job) endMinted(ctx context.Context, req Request, id Identity, _ rota.Value, overwritten bool) (dead error, err error) {
	switch {
	case overwritten:
		j.note("its id has another secret by now: only the proof is left")
	case id.ID != "":
		if _, err := j.control(ctx, id); err != nil {
			return nil, err
		}
		if err := j.rotator.(Lister).Revoke(ctx, req, id.ID); err != nil {
			return nil, fmt.Errorf("revoke the old credential: %w", err)
		}
	}
	if err := j.sweep(ctx, req, id.ID, "made by an attempt that did not finish"); err != nil {
		return nil, err
	}
	if j.plan.Identity.ID == "" {
		return nil, nil // which one is in use cannot be told
	}
	current := j.at(j.secret.VersionOf(rota.Current))
	return nil, j.sweep(ctx, current, j.plan.Identity.ID, "made by an attempt that did not finish")
}

// endChosen makes the old value useless, if it is not: a principal whose
// password is another one by now may have it from a version that is not to
// be ended yet. dead is the answer to a value that is dead already.
func (j *job) endChosen(ctx context.Context, req Request, id Identity, value rota.Value, overwritten bool) (dead error, err error) {
	err = j.rotator.Try(ctx, req, value)
	switch {
	case errors.Is(err, ErrDead):
		return err, nil
	case err != nil && !errors.Is(err, ErrRefused):
		return nil, fmt.Errorf("try the old credential: %w", err)
	}
	if overwritten {
		j.note("its principal has another password by now: only the proof is left")
		if err == nil {
			return nil, j.mend(ctx, value)
		}
		return nil, nil
	}
	if _, err := j.control(ctx, id); err != nil {
		return nil, err
	}
	if l, ok := j.rotator.(Lister); ok { // the provider gave it an id
		found, err := l.List(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", req.Name, err)
		}
		for _, f := range found {
			if err := l.Revoke(ctx, req, f.ID); err != nil {
				return nil, fmt.Errorf("revoke the old credential: %w", err)
			}
		}
	}
	if err := j.rotator.(Chooser).End(ctx, req, value); err != nil {
		return nil, fmt.Errorf("end the old credential: %w", err)
	}
	return nil, nil
}

// prove lets the provider refuse the old credential, unless it did so
// before: one refusal is enough, and more could trip a lockout. The current
// one must be accepted: an address that refuses everything proves nothing.
func (j *job) prove(ctx context.Context, req Request, id Identity, value rota.Value, dead error) (rota.CredentialState, string, error) {
	checks, known, err := j.home.Ledger.ProviderCheck(ctx, id.Provider)
	if err != nil {
		return "", "", err
	}
	if known && !checks {
		return rota.NotProven, "the provider accepts random values: a proof from it is void", nil
	}
	control, err := j.control(ctx, id)
	if err != nil {
		return "", "", err
	}
	if dead == nil {
		dead = j.rotator.Try(ctx, req, value)
	}
	switch {
	case dead == nil:
		return "", "", fmt.Errorf("the provider still accepts the old credential: %w", ErrNotYet)
	case errors.Is(dead, ErrDead) && !control:
		return rota.NotProven, "refused at " + id.Provider + ", but the current credential is for another address: nothing shows that this one accepts any", nil
	case errors.Is(dead, ErrDead):
		return rota.ProvenDead, "refused: " + j.clean(dead).Error(), nil
	case errors.Is(dead, ErrRefused):
		return "", "", fmt.Errorf("refused, but not with the answer that means dead (%s): %w", j.rotator.Descriptor().Dead, dead)
	}
	return "", "", fmt.Errorf("try the old credential: %w", dead)
}

// control lets the provider accept the current credential, if it is for the
// same address as the one that ends. It comes before each effect, since an
// old credential must not end while the current one does not work: it may be
// the last that does. And it comes before the proof.
func (j *job) control(ctx context.Context, id Identity) (same bool, err error) {
	if j.plan.Identity.Provider != id.Provider {
		return false, nil
	}
	if err := j.rotator.Try(ctx, j.req, j.req.Current); err != nil {
		return true, fmt.Errorf("the control failed, the provider does not accept the current credential: %w", err)
	}
	return true, nil
}

var errSameCredential = errors.New("the same credential is in use")

// inUse compares a credential with every version that is AWSCURRENT,
// AWSPENDING or held. The same credential is errSameCredential; overwritten
// means that its place, the same principal and id, has another password
// there.
func (j *job) inUse(ctx context.Context, version string, id Identity) (overwritten bool, err error) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return false, err
	}
	using := map[string]string{}
	for _, c := range rows {
		if c.State == rota.Held {
			using[c.Version] = "a held version"
		}
	}
	for _, l := range []rota.Label{rota.Current, rota.Pending} {
		if v := j.secret.VersionOf(l); v != "" {
			using[v] = l
		}
	}
	for v, what := range using {
		if v == version {
			continue
		}
		value, err := j.optional(ctx, v, "")
		if err != nil {
			return false, err
		}
		if value.IsZero() {
			continue
		}
		other, err := j.rotator.Identify(j.at(v), value)
		if err != nil {
			return false, fmt.Errorf("compare with version %s: %w", v, err)
		}
		if other.SameCredential(id) {
			return false, fmt.Errorf("%w by %s", errSameCredential, what)
		}
		overwritten = overwritten || other.SamePlace(id)
	}
	return overwritten, nil
}

// openRows are the ledger rows of a version that may still be alive.
func (j *job) openRows(ctx context.Context, version string) ([]rota.Credential, error) {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return nil, err
	}
	var open []rota.Credential
	for _, c := range rows {
		if c.Version == version && c.State.Open() {
			open = append(open, c)
		}
	}
	return open, nil
}
