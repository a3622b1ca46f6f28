package rota

import (
	"cmp"
	"time"
)

// Key is the identity of a secret inside rota. ID is internal and never
// changes; a replica has the ID of its primary and a region of its own.
type Key struct {
	Account string // 12 digits
	Region  string
	ID      string
}

// Secret is everything about a secret but its values.
type Secret struct {
	Key
	Partition    string // of AWS, such as "aws-cn"; empty for "aws"
	Name         string
	Suffix       string // the six characters that end the ARN
	Description  string
	KMSKeyID     string // as given; empty for the default key
	Type         string // the provider file's type, as AWS's managed external secrets have one
	Created      time.Time
	Changed      time.Time
	Accessed     time.Time // 00:00 UTC of the day of the last read, or zero
	DeletionDate time.Time // zero unless scheduled for deletion
	Tags         []Tag     // in the order they were first set
	EverTagged   bool      // DescribeSecret shows [] once tags are gone again
	Rotation     Rotation

	// PrimaryRegion is empty unless the secret is replicated. It is the
	// secret's own region for a primary, and the primary's for a replica.
	PrimaryRegion string
	Replicas      []Replica // of a primary, in the order they were added

	// Stages maps version id to its labels, sorted by name. Versions without
	// a label are not in it.
	Stages map[string][]Label
}

// ARN is the secret's full ARN.
func (s Secret) ARN() string {
	return "arn:" + cmp.Or(s.Partition, "aws") + ":secretsmanager:" + s.Region + ":" + s.Account + ":secret:" + s.Name + "-" + s.Suffix
}

// Deleted reports whether the secret is scheduled for deletion.
func (s Secret) Deleted() bool { return !s.DeletionDate.IsZero() }

// VersionOf is the id of the version that carries the label, or "".
func (s Secret) VersionOf(l Label) string {
	for id, labels := range s.Stages {
		for _, have := range labels {
			if have == l {
				return id
			}
		}
	}
	return ""
}

// Tag returns the value of a tag.
func (s Secret) Tag(key string) (value string, ok bool) {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// Tag is a key with a value.
type Tag struct{ Key, Value string }

// Rotation is how a secret is rotated.
type Rotation struct {
	Configured bool // rotation was set up at some time; RotationEnabled is absent before
	Enabled    bool
	Function   string         // RotationLambdaARN
	Rules      Rules          // zero: only by hand
	Metadata   []MetadataItem // ExternalSecretRotationMetadata
	RoleARN    string         // ExternalSecretRotationRoleArn
	Last       time.Time      // LastRotatedDate
	Next       time.Time      // NextRotationDate: the latest moment of the next window
}

// Rules are RotationRules as given. AfterDays and Expression exclude each
// other in a request; after a rotation AWS shows AfterDays computed from the
// expression.
type Rules struct {
	AfterDays  int
	Expression string
	Duration   string
}

// IsZero reports whether no rule was given.
func (r Rules) IsZero() bool { return r == Rules{} }

// MetadataItem is one entry of ExternalSecretRotationMetadata.
type MetadataItem struct{ Key, Value string }

// Version is one immutable value of a secret, without the value.
type Version struct {
	ID       string
	Labels   []Label // sorted by name
	Created  time.Time
	Accessed time.Time // 00:00 UTC of the day of the last read, or zero
	Kind     Kind      // KindNone for the empty AWSPENDING placeholder
	KMSKeyID string    // as given when the value was stored; empty for the default key
	SealKey  string    // the sealing key that holds the value
}
