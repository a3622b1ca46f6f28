package wire

import (
	"strings"
	"testing"
)

func TestAListThatTheModelDoesNotLimitHasALimitAllTheSame(t *testing.T) {
	list := func(head, element string, n int) []byte {
		return []byte(`{"SecretId":"s",` + head + strings.Repeat(element+",", n-1) + element + `]}`)
	}
	for name, test := range map[string]struct {
		make          func() Input
		head, element string
		shown         string
	}{
		"tags":                 {func() Input { return &TagResourceInput{} }, `"Tags":[`, `{"Key":"k","Value":"v"}`, ""},
		"tagKeys":              {func() Input { return &UntagResourceInput{} }, `"TagKeys":[`, `"k"`, "'" + echo("["+strings.Repeat("k, ", maxElements)) + "' "},
		"addReplicaRegions":    {func() Input { return &ReplicateSecretToRegionsInput{} }, `"AddReplicaRegions":[`, `{"Region":"eu-west-1"}`, ""},
		"removeReplicaRegions": {func() Input { return &RemoveRegionsFromReplicationInput{} }, `"RemoveReplicaRegions":[`, `"eu-west-1"`, "'" + echo("["+strings.Repeat("eu-west-1, ", maxElements)) + "' "},
	} {
		if err := Decode(list(test.head, test.element, maxElements), test.make()); err != nil {
			t.Errorf("%d %s: %v", maxElements, name, err)
		}
		want := "1 validation error detected: Value " + test.shown + "at '" + name + "' failed to satisfy constraint: Member must have length less than or equal to 1000"
		for _, n := range []int{maxElements + 1, 3 * maxElements} {
			if err := Decode(list(test.head, test.element, n), test.make()); err == nil || err.Error() != want {
				t.Errorf("%d %s: %v, want %s", n, name, err, want)
			}
		}
	}
}
