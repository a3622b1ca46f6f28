package rotation

import (
	"context"
	"errors"
	"fmt"

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
	label := j.endsLabel(version)
	if label == "" && len(rows) == 0 {
		j.note("ended already")
		return rota.ProvenDead, nil
	}
	for _, c := range rows {
		if c.State == rota.Held {
			return "", fmt.Errorf("the ending is held by hand: %w", ErrNotYet)
		}
	}
	if at, ok := rota.ParseEndsLabel(label); ok && !nextRotation {
		if at.IsZero() {
			return "", fmt.Errorf("it ends at the next rotation: %w", ErrNotYet)
		}
		if at.After(j.Now()) {
			return "", fmt.Errorf("it ends at %s: %w", at.Format("2006-01-02 15:04:05Z"), ErrNotYet)
		}
	}
	value, err := j.optional(ctx, version, "")
	if err != nil {
		return "", err
	}
	j.hide.add(value)
	if value.IsZero() {
		return j.expireEmpty(ctx, version, label, rows)
	}
	return j.expireValue(ctx, version, label, value)
}

// expireEmpty ends what a version without a value may have left: minted
// credentials under its name. A chosen value was never set.
func (j *job) expireEmpty(ctx context.Context, version, label string, rows []rota.Credential) (rota.CredentialState, error) {
	if err := j.revokeListed(ctx, j.at(version), "", "made for a rotation that was given up"); err != nil {
		return "", err
	}
	if err := j.unlabel(ctx, version, label); err != nil {
		return "", err
	}
	for _, c := range rows {
		c.State, c.Evidence = rota.ProvenDead, "nothing is alive under its name"
		if err := j.home.Ledger.Record(ctx, c, rota.Value{}); err != nil {
			return "", err
		}
	}
	return rota.ProvenDead, nil
}

func (j *job) expireValue(ctx context.Context, version, label string, value rota.Value) (rota.CredentialState, error) {
	req := j.at(version)
	id, err := j.rotator.Identify(req, value)
	if err != nil {
		return "", err
	}
	// What is compared is the credential, under the claim and right before
	// the effect: a version that is in use may hold the same one.
	overwritten, err := j.inUse(ctx, version, id)
	if errors.Is(err, errSameCredential) {
		if err := j.unlabel(ctx, version, label); err != nil {
			return "", err
		}
		j.note("not ended: %v", err)
		return rota.Live, j.record(ctx, version, value, rota.Live, err.Error())
	}
	if err != nil {
		return "", err
	}
	if err := j.record(ctx, version, value, rota.Ending, "the ending began"); err != nil {
		return "", err
	}
	if err := j.endCredential(ctx, req, id, value, overwritten); err != nil {
		return "", err
	}
	state, evidence, err := j.prove(ctx, req, id, value)
	if err != nil {
		return "", err
	}
	if err := j.unlabel(ctx, version, label); err != nil {
		return "", err
	}
	j.note("%s: %s", state, evidence)
	return state, j.record(ctx, version, value, state, evidence)
}

// endCredential is the effect at the provider.
func (j *job) endCredential(ctx context.Context, req Request, id Identity, value rota.Value, overwritten bool) error {
	if l, ok := j.rotator.(Lister); ok {
		if id.ID != "" {
			if err := l.Revoke(ctx, req, id.ID); err != nil {
				return fmt.Errorf("revoke the old credential: %w", err)
			}
		}
		if err := j.revokeListed(ctx, req, "", "made by an attempt that did not finish"); err != nil {
			return err
		}
		// And what a late first attempt left beside the one in use.
		current := j.at(j.secret.VersionOf(rota.Current))
		return j.revokeListed(ctx, current, j.plan.Identity.ID, "made by an attempt that did not finish")
	}
	if overwritten {
		j.note("its principal has another password by now: only the proof is left")
		return nil
	}
	if err := j.rotator.(Chooser).End(ctx, req, value); err != nil {
		return fmt.Errorf("end the old credential: %w", err)
	}
	return nil
}

// prove lets the provider refuse the old credential. The current one is
// tried first: an address that refuses everything proves nothing.
func (j *job) prove(ctx context.Context, req Request, id Identity, value rota.Value) (rota.CredentialState, string, error) {
	checks, known, err := j.home.Ledger.ProviderCheck(ctx, id.Provider)
	if err != nil {
		return "", "", err
	}
	if known && !checks {
		return rota.NotProven, "the provider accepts random values: a proof from it is void", nil
	}
	if j.plan.Identity.Provider == id.Provider {
		if err := j.rotator.Try(ctx, j.req, j.req.Current); err != nil {
			return "", "", fmt.Errorf("the control failed, the provider does not accept the current credential: %w", err)
		}
	}
	err = j.rotator.Try(ctx, req, value)
	switch {
	case err == nil:
		return "", "", errors.New("the provider still accepts the old credential")
	case errors.Is(err, ErrDead):
		return rota.ProvenDead, "refused: " + j.clean(err).Error(), nil
	case errors.Is(err, ErrRefused):
		return "", "", fmt.Errorf("refused, but not with the answer that means dead (%s): %w", j.rotator.Descriptor().Dead, err)
	}
	return "", "", fmt.Errorf("try the old credential: %w", err)
}

var errSameCredential = errors.New("the same credential is in use")

// inUse compares a credential with every version that is AWSCURRENT,
// AWSPENDING or held. The same credential is errSameCredential; overwritten
// means that the same principal has another password there.
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
		overwritten = overwritten || other.SamePrincipal(id)
	}
	return overwritten, nil
}

func (j *job) unlabel(ctx context.Context, version, label string) error {
	if label == "" {
		return nil
	}
	if err := j.home.Secrets.UpdateVersionStage(ctx, j.arn, label, version, ""); err != nil {
		return fmt.Errorf("remove the ending label of version %s: %w", version, err)
	}
	return nil
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
