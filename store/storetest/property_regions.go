package storetest

import (
	"fmt"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// regionMoves are what the player does with replicas.
var regionMoves = map[string]func(p *player, at picture) (func(), error){
	"replicate": func(p *player, _ picture) (func(), error) {
		_, err := p.ReplicateSecretToRegions(p.T.Context(), Caller, store.ReplicateInput{
			SecretID: "s", Regions: []store.ReplicaRegion{{Region: p.elsewhere()}}, Overwrite: p.r.IntN(2) == 0,
		})
		return nil, err
	},
	"remove a region": func(p *player, _ picture) (func(), error) {
		_, err := p.RemoveRegionsFromReplication(p.T.Context(), Caller, "s", []string{p.elsewhere()})
		return nil, err
	},
	"promote": func(p *player, _ picture) (func(), error) {
		_, err := p.StopReplicationToReplica(p.T.Context(), In(p.elsewhere()), "s")
		return nil, err
	},
	"put elsewhere": func(p *player, _ picture) (func(), error) {
		v := p.token()
		return nil, p.Put(In(p.elsewhere()), "s", v, "elsewhere "+v)
	},
	"read elsewhere": func(p *player, _ picture) (func(), error) {
		_, err := p.GetSecretValue(p.T.Context(), In(p.elsewhere()), store.GetSecretValueInput{SecretID: "s"})
		return nil, err
	},
	"put a policy": func(p *player, _ picture) (func(), error) {
		_, err := p.PutResourcePolicy(p.T.Context(), Caller, store.PutResourcePolicyInput{SecretID: "s", Document: fmt.Sprintf(`{"n": %d}`, p.n)})
		return nil, err
	},
}

func (p *player) elsewhere() string { return []string{There, Elsewhere}[p.r.IntN(2)] }

// copied is what a replica must have in common with its primary.
type copied struct {
	Labels   map[string]string
	Versions map[string]string // what can be seen of each, and its value
	Tags     []rota.Tag
	Policy   string
	Rotation rota.Rotation
}

func (p *player) copied(k rota.Key) (c copied) {
	p.T.Helper()
	c.Versions = map[string]string{}
	p.Must(p.Hooks.View(p.T.Context(), func(tx store.Tx) (err error) {
		row, _, err := tx.Secret(k)
		if err != nil {
			return err
		}
		c.Rotation = row.Rotation
		if c.Labels, err = tx.Labels(k); err != nil {
			return err
		}
		if c.Tags, err = tx.Tags(k); err != nil {
			return err
		}
		if c.Policy, err = tx.Policy(k); err != nil {
			return err
		}
		vs, err := tx.Versions(k)
		for _, v := range vs {
			c.Versions[v.ID] = fmt.Sprint(v.Seq, v.Kind, v.Created)
		}
		return err
	}))
	for id := range c.Versions {
		if len(p.log)%10 != 0 && id != c.Labels[rota.Current] {
			continue // not looked at each time
		}
		out, err := p.GetSecretValue(p.T.Context(), In(k.Region), store.GetSecretValueInput{SecretID: "s", VersionID: id})
		if rota.CodeOf(err) == rota.DecryptionFailed {
			p.T.Errorf("%s in %s does not open", id, k.Region)
		}
		if want, ok := p.values[id]; ok && err == nil && string(out.Value.Reveal()) != want {
			p.T.Errorf("%s in %s is %q, want %q", id, k.Region, out.Value.Reveal(), want)
		}
	}
	return c
}

// inStep compares every replica with its primary, and what the primary tells
// of them with what is there.
func (p *player) inStep(at picture) {
	p.T.Helper()
	var rows []store.ReplicaRow
	var there [2]store.SecretRow
	p.Must(p.Hooks.View(p.T.Context(), func(tx store.Tx) (err error) {
		for i, region := range []string{There, Elsewhere} {
			if there[i], _, err = tx.SecretByName(Account, region, "s"); err != nil {
				return err
			}
		}
		rows, err = tx.Replicas(p.key)
		return err
	}))
	told := map[string]bool{}
	for _, r := range rows {
		if r.Status != rota.ReplicaInSync && r.Status != rota.ReplicaFailed {
			p.T.Errorf("%s is %s after the commit", r.Region, r.Status)
		}
		told[r.Region] = r.Status == rota.ReplicaInSync
	}
	if (len(rows) > 0) != (at.Secret.PrimaryRegion == Region) {
		p.T.Errorf("the primary region is %q with %d regions", at.Secret.PrimaryRegion, len(rows))
	}
	if len(rows) > 0 && at.Secret.Deleted() {
		p.T.Error("a primary is scheduled for deletion")
	}
	for i, region := range []string{There, Elsewhere} {
		if replica := there[i].PrimaryRegion == Region; replica != told[region] {
			p.T.Errorf("%s: a replica is there: %v, and the primary tells of one: %v", region, replica, told[region])
		}
		if !told[region] {
			continue
		}
		if diff := cmp.Diff(p.copied(p.key), p.copied(there[i].Key)); diff != "" {
			p.T.Errorf("%s is not in step (-primary +replica):\n%s", region, diff)
		}
		if _, err := p.Task(p.T.Context(), there[i].Key); rota.CodeOf(err) != rota.NotFound {
			p.T.Errorf("the replica in %s has work: %v", region, err)
		}
	}
}
