package rota

import (
	"strings"
	"time"
)

// Label is a staging label: it points at one version of a secret, and at
// most one at a time.
type Label = string

// The labels that AWS moves by itself
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).
const (
	Current  Label = "AWSCURRENT"
	Pending  Label = "AWSPENDING"
	Previous Label = "AWSPREVIOUS"
)

// MaxLabels is the quota of labels over all versions of a secret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxLabels = 20

const (
	endsPrefix = "rota-ends-"
	endsLayout = "20060102T150405Z"
	endsNext   = "next"
)

// EndsLabel is the durable intent to end the credential of a version: the
// label keeps the version from being purged, in both homes, and carries the
// time. A zero time means at the next rotation. Fractions of a second are
// rounded up, so that the label never says earlier than was decided.
func EndsLabel(version string, at time.Time) Label {
	when := endsNext
	if !at.IsZero() {
		when = at.UTC().Add(time.Second - time.Nanosecond).Truncate(time.Second).Format(endsLayout)
	}
	id := version
	if len(id) > 8 {
		id = id[:8]
	}
	return endsPrefix + when + "-" + id
}

// ParseEndsLabel reads a label made by EndsLabel. A zero time with ok means
// at the next rotation.
func ParseEndsLabel(l Label) (at time.Time, ok bool) {
	rest, found := strings.CutPrefix(l, endsPrefix)
	if !found {
		return time.Time{}, false
	}
	when, id, found := strings.Cut(rest, "-")
	if !found || id == "" {
		return time.Time{}, false
	}
	if when == endsNext {
		return time.Time{}, true
	}
	at, err := time.Parse(endsLayout, when)
	if err != nil || at.Format(endsLayout) != when { // Parse takes fractions of a second too
		return time.Time{}, false
	}
	return at, true
}

// IsEndsLabel reports whether l was made by EndsLabel.
func IsEndsLabel(l Label) bool { _, ok := ParseEndsLabel(l); return ok }
