package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// door is a provider in memory: it has one password, and accepts a new one at
// once or only after a while.
type door struct {
	mu         sync.Mutex
	open, next string
	slow       bool
}

func (d *door) set(password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next = password; !d.slow {
		d.open = password
	}
}

func (d *door) accepts(password string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return password == d.open
}

func (d *door) setSlow(_ context.Context, on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.slow = on; !on && d.next != "" {
		d.open = d.next
	}
	return nil
}

func (d *door) provider() conformance.Provider {
	return conformance.Provider{
		Accepts: func(_ context.Context, v rota.Value) (conformance.Verdict, error) {
			if d.accepts(string(v.Reveal())) {
				return conformance.Accepted, nil
			}
			return conformance.Refused, nil
		},
		Slow: d.setSlow,
	}
}

// sample is a rotation function that sets a password, right as it stands, and
// wrong in one way with a defect.
type sample struct {
	door   *door
	defect string
}

func (f sample) has(defect string) bool { return f.defect == defect }

func (f sample) handle(ctx context.Context, at conformance.Endpoint, event []byte) error {
	var e rota.Event
	if err := json.Unmarshal(event, &e); err != nil {
		return err
	}
	c := sdk(at)
	s, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	if !aws.ToBool(s.RotationEnabled) && !f.has("does not look whether rotation is on") {
		return errors.New("rotation is off")
	}
	labels := s.VersionIdsToStages[e.ClientRequestToken]
	if slices.Contains(labels, "AWSCURRENT") {
		if f.has("knows no finished rotation") {
			return errors.New("the version is AWSCURRENT")
		}
		return nil
	}
	if !slices.Contains(labels, "AWSPENDING") && !f.has("does not look for AWSPENDING") {
		return errors.New("the version is not AWSPENDING")
	}
	pending, perr := f.get(ctx, c, e, e.ClientRequestToken)
	if perr != nil && e.Step != rota.CreateSecret {
		if f.has("takes a missing value for work that is done") {
			return nil
		}
		return perr
	}
	switch e.Step {
	case rota.CreateSecret:
		return f.create(ctx, c, e, pending, perr)
	case rota.SetSecret:
		if !f.has("does not set") {
			f.door.set(pending)
		}
		return nil
	case rota.TestSecret:
		return f.test(ctx, c, e, s, pending)
	case rota.FinishSecret:
		if f.has("does not move AWSCURRENT") {
			return nil
		}
		err := f.move(ctx, c, e, s)
		if err != nil && f.has("moves AWSCURRENT again when that is refused") {
			if s, err = c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID}); err == nil {
				err = f.move(ctx, c, e, s)
			}
		}
		return err
	}
	if f.has("takes any step") {
		return nil
	}
	return errors.New("unknown step")
}

func (f sample) create(ctx context.Context, c *secretsmanager.Client, e rota.Event, pending string, perr error) error {
	var missing *types.ResourceNotFoundException
	switch {
	case perr != nil && !errors.As(perr, &missing):
		return perr
	case pending != "" && !f.has("makes a value every time"):
		return nil
	}
	in := &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretID, ClientRequestToken: &e.ClientRequestToken, SecretString: aws.String("canary-" + newID()), VersionStages: []string{"AWSPENDING"},
	}
	switch f.defect {
	case "makes no new value":
		current, err := f.get(ctx, c, e, "")
		if err != nil {
			return err
		}
		in.SecretString = &current
	case "shows a value in binary":
		in.SecretString, in.SecretBinary = nil, []byte(*in.SecretString)
	case "names no label":
		in.VersionStages = nil
	}
	_, err := c.PutSecretValue(ctx, in)
	return err
}

func (f sample) test(ctx context.Context, c *secretsmanager.Client, e rota.Event, s *secretsmanager.DescribeSecretOutput, pending string) error {
	switch f.defect {
	case "moves AWSCURRENT in testSecret":
		return f.move(ctx, c, e, s)
	case "tests nothing", "does not set":
		return nil
	case "cannot test alone":
		if current, err := f.get(ctx, c, e, ""); err != nil || current == pending {
			return errors.New("nothing was created")
		}
	case "shows the value", "shows a value in binary":
		return fmt.Errorf("trying %s", pending)
	}
	if !f.door.accepts(pending) {
		if f.has("shows what is refused") {
			return fmt.Errorf("refused: %s", pending)
		}
		return errors.New("refused")
	}
	return nil
}

func (f sample) move(ctx context.Context, c *secretsmanager.Client, e rota.Event, s *secretsmanager.DescribeSecretOutput) error {
	for version, labels := range s.VersionIdsToStages {
		if slices.Contains(labels, "AWSCURRENT") {
			_, err := c.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &e.SecretID, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &version,
			})
			return err
		}
	}
	return errors.New("no version is AWSCURRENT")
}

func (f sample) get(ctx context.Context, c *secretsmanager.Client, e rota.Event, version string) (string, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &e.SecretID}
	if version != "" {
		in.VersionId = &version
	}
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	if out.SecretString == nil {
		return string(out.SecretBinary), nil
	}
	return *out.SecretString, nil
}

func sampleConfig(t *testing.T, defect string) conformance.Config {
	d := &door{open: "first-password"}
	c := config(t, "sample", conformance.InProcess(sample{d, defect}.handle))
	c.Value, c.Provider = rota.StringValue("first-password"), d.provider()
	return c
}

func TestARightFunctionHoldsEveryRuleThatCanBeAsked(t *testing.T) {
	report := run(t, sampleConfig(t, ""))
	for _, r := range report.Rules {
		want := conformance.Held
		if r.ID == "no-orphan" {
			want = conformance.NotChecked // this provider lists nothing
		}
		if r.Status != want {
			t.Errorf("rule %s: %s (%s), want %s", r.ID, r.Status, r.Reason, want)
		}
	}
	for _, c := range report.Cases {
		if c.Note != "" {
			t.Errorf("case %q: %s", c.Name, c.Note)
		}
	}
}

// TestEveryRuleIsFoundBrokenByAFunctionThatBreaksIt plays the cases whose name
// holds only; no-orphan is the naive function's.
func TestEveryRuleIsFoundBrokenByAFunctionThatBreaksIt(t *testing.T) {
	shown := map[string]bool{"no-orphan": true}
	for _, test := range []struct{ defect, only, rule string }{
		{"does not move AWSCURRENT", "none", "finishes"},
		{"makes a value every time", "every step twice", "one-pending-value"},
		{"makes a value every time", "killed after it was done", "retry-finishes"},
		{"does not set", "none", "current-works"},
		{"tests nothing", "refuses", "test-tests"},
		{"tests nothing", "slow", "waits-for-it"},
		{"makes no new value", "none", "new-value"},
		{"knows no finished rotation", "after the rotation", "repeatable"},
		{"takes a missing value for work that is done", "out of order", "in-order"},
		{"does not look for AWSPENDING", "left over", "only-pending"},
		{"does not look for AWSPENDING", "by hand while", "hand-wins"},
		{"moves AWSCURRENT again when that is refused", "forestalled", "hand-wins"},
		{"moves AWSCURRENT in testSecret", "none", "current-moves-last"},
		{"names no label", "none", "own-version"},
		{"cannot test alone", "RotateImmediately", "test-alone"},
		{"does not look whether rotation is on", "off", "off-means-off"},
		{"takes any step", "does not exist", "unknown-step"},
		{"shows the value", "none", "no-value-shown"},
		{"shows a value in binary", "none", "no-value-shown"},
	} {
		shown[test.rule] = true
		t.Run(test.rule+" by one that "+test.defect, func(t *testing.T) {
			c := sampleConfig(t, test.defect)
			c.Play = func(name string) bool { return strings.Contains(name, test.only) }
			report, err := conformance.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(report.Broken(), test.rule) {
				t.Errorf("broken are %q", report.Broken())
			}
			var text strings.Builder
			if err := report.JSON(&text); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text.String(), "canary-") {
				t.Errorf("the report holds a value:\n%s", text.String())
			}
			for _, f := range report.Findings {
				if f.Rule == test.rule && len(f.Trace) == 0 {
					t.Error("the finding has no trace")
				}
			}
		})
	}
	for _, r := range conformance.Rules() {
		if !shown[r.ID] {
			t.Errorf("no function breaks the rule %s", r.ID)
		}
	}
}

// TestAValueThatTheKitPutIsAValueToo: a function that shows it is found, and the
// trace does not hold it.
func TestAValueThatTheKitPutIsAValueToo(t *testing.T) {
	c := sampleConfig(t, "shows what is refused")
	const only = "AWSPENDING filled with a value that the provider refuses"
	c.Play = func(name string) bool { return name == only }
	report, err := conformance.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Case != only || f.Rule != "no-value-shown" {
			continue
		}
		for _, e := range f.Trace {
			if e.Step == string(rota.TestSecret) && e.Result != "failed: refused: [secret]" {
				t.Errorf("the trace says: %s", e.Result)
			}
		}
		return
	}
	t.Errorf("findings are only %+v", report.Findings)
}
