package storetest

import (
	"context"
	"encoding/json"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// Policies is a store.Policies that reads as much of a document as the
// store's rules need: JSON with "Principal": "*" is public, and one that
// denies everybody locks its author out.
type Policies struct{}

// CheckPolicy reads a document.
func (Policies) CheckPolicy(_ context.Context, p store.PolicySetup) (store.PolicyCheck, error) {
	var doc struct{ Effect, Principal string }
	if json.Unmarshal([]byte(p.Document), &doc) != nil {
		return store.PolicyCheck{}, rota.E(rota.MalformedPolicy, "This policy has invalid syntax.")
	}
	all := doc.Principal == "*"
	return store.PolicyCheck{Public: all && doc.Effect == "Allow", LocksOut: all && doc.Effect == "Deny"}, nil
}

// CheckIdentity reads an identity policy in a word: "full", "deny", "other".
func (Policies) CheckIdentity(_, document string) (store.IdentityCheck, error) {
	switch document {
	case "full", "deny", "other":
		return store.IdentityCheck{FullAccess: document == "full", Denies: document == "deny"}, nil
	}
	return store.IdentityCheck{}, rota.E(rota.MalformedPolicy, "This policy has invalid syntax.")
}

func (q request) replicas() (out []store.ReplicaRegion) {
	for _, r := range q.Replicas {
		out = append(out, store.ReplicaRegion{Region: r["Region"], KMSKeyID: r["KmsKeyId"]})
	}
	return out
}

// replicas tells of each region in a line.
func replicas(list []rota.Replica) []string {
	if list == nil {
		return nil
	}
	out := []string{}
	for _, r := range list {
		line := r.Region + " " + string(r.Status)
		if r.KMSKeyID != "" {
			line += " " + r.KMSKeyID
		}
		if r.Message != "" {
			line += ": " + r.Message
		}
		if !r.Accessed.IsZero() {
			line += " " + r.Accessed.Format("2006-01-02")
		}
		out = append(out, line)
	}
	return out
}

func findings(list []store.PolicyFinding) []string {
	out := []string{}
	for _, f := range list {
		out = append(out, f.CheckName+": "+f.Message)
	}
	return out
}

func policyAnswer(o store.ResourcePolicyOutput, err error) (answer, error) {
	return answer{"ARN": o.ARN, "Name": o.Name, "ResourcePolicy": o.Document}, err
}

var regionOperations = map[string]func(*asker, rota.Caller, request) (answer, error){
	"ReplicateSecretToRegions": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.ReplicateSecretToRegions(a.T.Context(), c, store.ReplicateInput{SecretID: q.SecretId, Regions: q.replicas(), Overwrite: q.Overwrite})
		return answer{"ARN": o.ARN, "ReplicationStatus": replicas(o.Replicas)}, err
	},
	"RemoveRegionsFromReplication": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.RemoveRegionsFromReplication(a.T.Context(), c, q.SecretId, q.Regions)
		return answer{"ARN": o.ARN, "ReplicationStatus": replicas(o.Replicas)}, err
	},
	"StopReplicationToReplica": func(a *asker, c rota.Caller, q request) (answer, error) {
		arn, err := a.StopReplicationToReplica(a.T.Context(), c, q.SecretId)
		return answer{"ARN": arn}, err
	},
	"GetResourcePolicy": func(a *asker, c rota.Caller, q request) (answer, error) {
		return policyAnswer(a.GetResourcePolicy(a.T.Context(), c, q.SecretId))
	},
	"PutResourcePolicy": func(a *asker, c rota.Caller, q request) (answer, error) {
		return policyAnswer(a.PutResourcePolicy(a.T.Context(), c, store.PutResourcePolicyInput{SecretID: q.SecretId, Document: q.Policy, BlockPublic: q.BlockPublic}))
	},
	"DeleteResourcePolicy": func(a *asker, c rota.Caller, q request) (answer, error) {
		return policyAnswer(a.DeleteResourcePolicy(a.T.Context(), c, q.SecretId))
	},
	"ValidateResourcePolicy": func(a *asker, c rota.Caller, q request) (answer, error) {
		o, err := a.ValidateResourcePolicy(a.T.Context(), c, q.SecretId, q.Policy)
		return answer{"ValidationErrors": findings(o)}, err
	},
}
