package rotation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// labelled lists the versions that carry a label, in a fixed order, so that
// the same state always leads to the same calls.
func (j *job) labelled() []string {
	return slices.Sorted(maps.Keys(j.secret.Stages))
}

// ending reads the ending label of a version: zero is at the next rotation.
// A crash between two labels leaves both; the later one counts, so that
// nothing ends early.
func (j *job) ending(version string) (at time.Time, ok bool) {
	for _, l := range j.secret.Stages[version] {
		t, ends := rota.ParseEndsLabel(l)
		if !ends {
			continue
		}
		if t.IsZero() {
			return t, true
		}
		if t.After(at) {
			at = t
		}
		ok = true
	}
	return at, ok
}

// mark leaves a version with exactly this ending label, or with none. The
// new one is put before the older ones go: at no moment is the version
// without.
func (j *job) mark(ctx context.Context, version string, label rota.Label) error {
	labels := j.secret.Stages[version]
	if label != "" && !slices.Contains(labels, label) {
		if err := j.home.Secrets.UpdateVersionStage(ctx, j.arn, label, "", version); err != nil {
			return fmt.Errorf("label the ending of version %s: %w", version, err)
		}
	}
	var left []rota.Label
	for _, l := range labels {
		if !rota.IsEndsLabel(l) || l == label {
			left = append(left, l)
			continue
		}
		if err := j.home.Secrets.UpdateVersionStage(ctx, j.arn, l, version, ""); err != nil {
			return fmt.Errorf("remove the ending label of version %s: %w", version, err)
		}
	}
	if label != "" && !slices.Contains(left, label) {
		left = append(left, label)
	}
	stages := maps.Clone(j.secret.Stages)
	if stages[version] = left; len(left) == 0 {
		delete(stages, version)
	}
	j.secret.Stages = stages
	return nil
}
