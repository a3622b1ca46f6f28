package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
)

// ring is a provider in memory whose keys live until they are revoked.
type ring struct {
	mu   sync.Mutex
	live map[string]bool
}

func (r *ring) set(key string, live bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if delete(r.live, key); live {
		r.live[key] = true
	}
}

func (r *ring) keys(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.live)), nil
}

// keeper keeps the key before the current one, and revokes it in the rotation
// after: as it should before AWSCURRENT moves, or late, after it.
type keeper struct {
	ring *ring
	late bool
}

func (f keeper) handle(ctx context.Context, at conformance.Endpoint, event []byte) error {
	var e rota.Event
	if err := json.Unmarshal(event, &e); err != nil {
		return err
	}
	c := sdk(at)
	s, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	labels := s.VersionIdsToStages[e.ClientRequestToken]
	if slices.Contains(labels, "AWSCURRENT") {
		return nil
	}
	if !slices.Contains(labels, "AWSPENDING") {
		return errors.New("the version is not AWSPENDING")
	}
	if e.Step == rota.CreateSecret {
		key := "key-" + e.ClientRequestToken // by name: a retry makes the same one
		f.ring.set(key, true)
		_, err := c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &e.SecretID, ClientRequestToken: &e.ClientRequestToken, SecretString: &key, VersionStages: []string{"AWSPENDING"},
		})
		return err
	}
	if e.Step != rota.FinishSecret {
		return nil
	}
	previous, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &e.SecretID, VersionStage: aws.String("AWSPREVIOUS")})
	var missing *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	revoke := func() {
		if err == nil {
			f.ring.set(*previous.SecretString, false)
		}
	}
	if !f.late {
		revoke()
	}
	if err := (sample{}).move(ctx, c, e, s); err != nil {
		return err
	}
	revoke()
	return nil
}

// TestAKeyThatAFunctionKeepsUntilTheNextRotationIsNotLost: that is only seen
// where a rotation that fails has such a key to end.
func TestAKeyThatAFunctionKeepsUntilTheNextRotationIsNotLost(t *testing.T) {
	for name, late := range map[string]bool{"revoked before AWSCURRENT moves": false, "revoked after AWSCURRENT moved": true} {
		t.Run(name, func(t *testing.T) {
			r := &ring{live: map[string]bool{"first": true}}
			c := config(t, "keeper", conformance.InProcess(keeper{r, late}.handle))
			c.Value = rota.StringValue("first")
			c.Provider = conformance.Provider{List: r.keys, Accepts: func(ctx context.Context, v rota.Value) (conformance.Verdict, error) {
				if keys, _ := r.keys(ctx); slices.Contains(keys, string(v.Reveal())) {
					return conformance.Accepted, nil
				}
				return conformance.Refused, nil
			}}
			c.Play = func(name string) bool { return strings.HasPrefix(name, "finishSecret") }
			report, err := conformance.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if found := slices.Contains(report.Broken(), "no-orphan"); found != late {
				t.Errorf("broken are %q", report.Broken())
			}
		})
	}
}
