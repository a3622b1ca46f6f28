package rota

import "time"

// ReplicaStatus is how far the copying of a secret to a region came.
type ReplicaStatus string

// The states, as AWS names them
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicationStatusType.html).
const (
	ReplicaInProgress ReplicaStatus = "InProgress"
	ReplicaInSync     ReplicaStatus = "InSync"
	ReplicaFailed     ReplicaStatus = "Failed" // there is no copy; Message says why
)

// Replica is the copy of a secret in another region, as its primary tells of
// it. A copy has the name, the suffix and the internal id of its primary.
type Replica struct {
	Region   string
	KMSKeyID string // as given for this region; empty for the default key
	Status   ReplicaStatus
	Message  string
	Accessed time.Time // 00:00 UTC of the day of the last read in that region, or zero
}

// IsReplica reports whether the secret is the copy of one in another region.
func (s Secret) IsReplica() bool { return s.PrimaryRegion != "" && s.PrimaryRegion != s.Region }
