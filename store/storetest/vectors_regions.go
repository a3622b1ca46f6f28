package storetest

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// Policies is a store.Policies that reads as much of a document as the
// store's rules need: JSON with "Principal": "*" is public, and one that
// denies everybody locks its author out. The statement may be the document.
type Policies struct{}

// documents are policies under the names that they have in the vectors. The
// spaces are there to come back.
var documents = map[string]string{
	"<policy>":                       ` {"Version": "2012-10-17",  "Statement": {"Effect": "Allow", "Principal": {"AWS": "` + Account + `"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}}`,
	"<another policy>":               `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + Account + `"},"Action":"secretsmanager:DescribeSecret","Resource":"*"}}`,
	"<public policy>":                `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`,
	"<policy that denies everybody>": `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`,
}

func document(name string) string {
	if d, ok := documents[name]; ok {
		return d
	}
	return name
}

// named puts the names of documents into JSON that has them.
func named(b []byte) []byte {
	for name, d := range documents {
		text, _ := json.Marshal(d) // text always encodes
		b = bytes.ReplaceAll(b, text, []byte(`"`+name+`"`))
	}
	return b
}

// CheckPolicy reads a document.
func (Policies) CheckPolicy(_ context.Context, p store.PolicySetup) (store.PolicyCheck, error) {
	type statement struct {
		Effect    string
		Principal any
	}
	var doc struct {
		statement
		Statement statement
	}
	if json.Unmarshal([]byte(p.Document), &doc) != nil {
		return store.PolicyCheck{}, rota.E(rota.MalformedPolicy, "This policy has invalid syntax.")
	}
	for _, s := range []statement{doc.statement, doc.Statement} {
		if s.Principal == "*" {
			return store.PolicyCheck{Public: s.Effect == "Allow", LocksOut: s.Effect == "Deny"}, nil
		}
	}
	return store.PolicyCheck{}, nil
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
