package rotation

import (
	"context"
	"fmt"
	"maps"

	"github.com/rotahq/rota"
)

// sweep revokes what the provider minted under the request's name besides
// the one to keep, and records each: that it lives, and that it is listed no
// more. Nobody has the secret part of such a credential, so the list is the
// proof. Until then the row says live: if the rotation is given up meanwhile,
// it is ended with the rest.
//
// It is for minted credentials only. Where rota chose the value, everything
// under the name is that one value, and there is nothing besides.
func (j *job) sweep(ctx context.Context, req Request, keep, why string) error {
	if _, mints := j.rotator.(Minter); !mints {
		return nil
	}
	l := j.rotator.(Lister)
	found, err := l.List(ctx, req)
	if err != nil {
		return fmt.Errorf("list %s: %w", req.Name, err)
	}
	revoked := map[string]bool{}
	for _, f := range found {
		if f.ID == keep {
			continue
		}
		c := j.row(req.Token, Identity{Provider: j.plan.Identity.Provider, Principal: f.ID, ID: f.ID}, rota.Live)
		c.Metadata, c.Evidence = map[string]string{listedAs: req.Name}, why
		maps.Copy(c.Metadata, f.Metadata)
		if err := j.home.Ledger.Record(ctx, c, rota.Value{}); err != nil {
			return err
		}
		if err := l.Revoke(ctx, req, f.ID); err != nil {
			return fmt.Errorf("revoke %s: %w", req.Name, err)
		}
		revoked[f.ID] = true
		j.note("revoked a credential %s", why)
	}
	if len(revoked) > 0 {
		again, err := l.List(ctx, req)
		if err != nil {
			return fmt.Errorf("list %s: %w", req.Name, err)
		}
		for _, a := range again {
			if revoked[a.ID] {
				return fmt.Errorf("revoke %s: the provider still lists it: %w", req.Name, ErrNotYet)
			}
		}
	}
	return j.swept(ctx, req.Token, keep)
}

// listedAs is the metadata of a row whose credential was found by its name:
// only for such a one is it a proof to be listed no more.
const listedAs = "rota name"

// swept closes the rows of what sweep revoked, now or before a crash: what
// is not listed any more is not found again, but its row is.
func (j *job) swept(ctx context.Context, version, keep string) error {
	rows, err := j.home.Ledger.Credentials(ctx, j.arn)
	if err != nil {
		return err
	}
	for _, c := range rows {
		alive := c.State == rota.Live || c.State.Open()
		if c.Version != version || !alive || c.Metadata[listedAs] == "" || c.ProviderID == keep {
			continue
		}
		c.State, c.Evidence = rota.ProvenDead, c.Evidence+"; revoked, and no longer listed"
		if err := j.home.Ledger.Record(ctx, c, rota.Value{}); err != nil {
			return err
		}
	}
	return nil
}
