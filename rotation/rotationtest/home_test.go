package rotationtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// calm lets nothing fail.
type calm struct{}

func (calm) At(string) rotationtest.Fault { return rotationtest.None }
func (calm) Stop()                        {}
func (calm) Stopped() bool                { return false }

const token = "33333333-3333-4333-8333-333333333333"

// labels is "v1[AWSPREVIOUS] v2[AWSCURRENT]".
func labels(h *rotationtest.Home) string {
	var out []string
	for version, l := range h.Secret("s").Stages {
		out = append(out, fmt.Sprint(version, l))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// The rules and messages are those of
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func TestTheHomeMovesLabelsAsTheServiceDoes(t *testing.T) {
	for _, c := range []struct {
		name            string
		label, from, to string
		code            rota.Code
		want            string
	}{
		{"a free label is attached", "mine", "", "v1", "", "v1[AWSPREVIOUS mine] v2[AWSCURRENT] v3[AWSPENDING x]"},
		{"a label moves where its holder is named", "x", "v3", "v1", "", "v1[AWSPREVIOUS x] v2[AWSCURRENT] v3[AWSPENDING]"},
		{"a label does not move where its holder is not named", "x", "", "v1", rota.InvalidParameter, ""},
		{"a label does not move where another version is named", "x", "v2", "v1", rota.InvalidParameter, ""},
		{"a label is removed", "x", "v3", "", "", "v1[AWSPREVIOUS] v2[AWSCURRENT] v3[AWSPENDING]"},
		{"a label is put where it is", "x", "", "v3", "", "v1[AWSPREVIOUS] v2[AWSCURRENT] v3[AWSPENDING x]"},
		{"nothing to do is refused", "x", "", "", rota.InvalidParameter, ""},
		{"a version that does not exist is not found", "x", "v3", "v9", rota.NotFound, ""},
		{"AWSCURRENT cannot be removed", rota.Current, "v2", "", rota.InvalidParameter, ""},
		{"AWSCURRENT drags AWSPREVIOUS, and the version without a label is gone", rota.Current, "v2", "v3", "", "v2[AWSPREVIOUS] v3[AWSCURRENT AWSPENDING x]"},
		{"AWSCURRENT swaps with AWSPREVIOUS on the way back", rota.Current, "v2", "v1", "", "v1[AWSCURRENT] v2[AWSPREVIOUS] v3[AWSPENDING x]"},
		{"a version that loses its last label is gone", rota.Previous, "v1", "", "", "v2[AWSCURRENT] v3[AWSPENDING x]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := rotationtest.NewHomeOnAWS(calm{})
			h.Create("s", "v1", rota.StringValue("one"))
			h.PutByHand("s", "v2", rota.StringValue("two"))
			if err := h.Begin("s", "v3", token); err != nil {
				t.Fatal(err)
			}
			h.MoveByHand("s", "x", "v3")
			before := labels(h)
			err := h.UpdateVersionStage(t.Context(), "s", c.label, c.from, c.to)
			if c.code != "" {
				if !errors.Is(err, c.code) {
					t.Errorf("got %v, want %s", err, c.code)
				}
				c.want = before
			} else if err != nil {
				t.Fatal(err)
			}
			if got := labels(h); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheHomeHasTheQuotaOfLabels(t *testing.T) {
	h := rotationtest.NewHome(calm{})
	h.Create("s", "v1", rota.StringValue("one"))
	for i := range rota.MaxLabels {
		err := h.UpdateVersionStage(t.Context(), "s", fmt.Sprint("l", i), "", "v1")
		if last := i == rota.MaxLabels-1; last != errors.Is(err, rota.LimitExceeded) {
			t.Errorf("label %d: %v", i+2, err)
		}
	}
}

func TestAPlaceholderIsFilledOnceAndOnlyByItsRotation(t *testing.T) {
	h := rotationtest.NewHome(calm{})
	h.Create("s", "v1", rota.StringValue("one"))
	if err := h.Begin("s", "v2", token); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := h.Get(ctx, "s", "v2", rota.Pending); !errors.Is(err, rota.NotFound) {
		t.Errorf("a placeholder is read with %v", err)
	}
	if err := h.Put(ctx, "s", "v2", rota.StringValue("two"), ""); !errors.Is(err, rota.AccessDenied) {
		t.Errorf("a put without the rotation token is answered %v", err)
	}
	for range 2 {
		if err := h.Put(ctx, "s", "v2", rota.StringValue("two"), token); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Put(ctx, "s", "v2", rota.StringValue("other"), token); !errors.Is(err, rota.Exists) {
		t.Errorf("another value under the same token is answered %v", err)
	}
	if v, err := h.Get(ctx, "s", "v2", rota.Pending); err != nil || !v.Equal(rota.StringValue("two")) {
		t.Errorf("the pending value cannot be read: %v", err)
	}
	if _, err := h.Get(ctx, "s", "v2", rota.Current); !errors.Is(err, rota.NotFound) {
		t.Errorf("a version under a label that it has not is read with %v", err)
	}
	if err := h.Begin("s", "v3", token); !errors.Is(err, rota.InvalidRequest) {
		t.Errorf("a second rotation is answered %v", err)
	}
}
