package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

// state is what a rotation that is refused must leave as it was.
func (c *client) state(t *testing.T, id string) string {
	t.Helper()
	d := must(c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id}))
	return fmt.Sprint(*d.LastChangedDate, d.VersionIdsToStages, aws.ToString(d.RotationLambdaARN), string(must(json.Marshal(d.Tags))), d.RotationRules)
}

func TestARotationThatIsRefusedChangesNothing(t *testing.T) {
	tag := func(k, v string) []wire.Tag { return []wire.Tag{{Key: k, Value: &v}} }
	for what, one := range map[string]struct {
		running bool // an attempt is under way
		in      wire.RotateInput
		want    string
	}{
		"an admin secret that is not there": {false, wire.RotateInput{Tags: tag("rota:admin", "nope"), RotationLambdaARN: function0}, "the admin secret nope cannot be used"},
		"a setting that no rotator has":     {false, wire.RotateInput{Tags: tag("rota:none", "x"), RotationLambdaARN: function0}, "rota:none"},
		"a setting without a function":      {false, wire.RotateInput{Tags: tag("rota:expire", "immediately")}, "No Lambda rotation function"},
		"a schedule, giving up an attempt": {
			true, wire.RotateInput{GiveUpVersionId: pendingID, RotationRules: &wire.RotationRulesType{ScheduleExpression: "rate(1 hour)"}}, "rate(1 hour)",
		},
		"a setting while an attempt is under way": {true, wire.RotateInput{Tags: tag("rota:expire", "immediately")}, "A previous rotation isn't complete"},
		"another attempt than the one there is":   {true, wire.RotateInput{TagKeys: []string{"rota:expire"}, GiveUpVersionId: newID()}, "AWSPENDING"},
	} {
		for _, recorded := range []bool{true, false} {
			t.Run(what, func(t *testing.T) {
				c := newClient(t)
				if !recorded {
					c.Audit = nil
				}
				id := *c.rotatable(t)
				must(c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &id, Tags: []types.Tag{{Key: aws.String("rota:expire"), Value: aws.String("after 1h")}}}))
				if one.running {
					must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
						SecretId: &id, RotationLambdaARN: aws.String(function0), ClientRequestToken: aws.String(pendingID),
					}))
				}
				before := c.state(t, id)
				one.in.SecretId, one.in.ClientRequestToken = id, newID()
				body, err := json.Marshal(one.in)
				if err != nil {
					t.Fatal(err)
				}
				a := send(t, c.request(t, "rota.Rotate", string(body)))
				if a.status != 400 || !strings.Contains(a.text, one.want) {
					t.Errorf("got %d %s", a.status, a.body)
				}
				if after := c.state(t, id); after != before {
					t.Errorf("before\n%s\nafter\n%s", before, after)
				}
				if !recorded {
					return
				}
				if got := of(c.records(t), a); len(got) != 1 || got[0].EventName != "Rotate" || got[0].ErrorCode != a.typ {
					t.Errorf("its records are %+v", got)
				}
			})
		}
	}
}

func TestARotationAsAWholeIsRecordedAsTheCallsThatItIsMadeOf(t *testing.T) {
	c := newClient(t)
	id := *c.rotatable(t)
	must(c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &id, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}))
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: &id, RotationLambdaARN: aws.String(function0), ClientRequestToken: aws.String(pendingID),
	}))
	token := newID()
	a := send(t, c.request(t, "rota.Rotate", `{"SecretId":"`+id+`","Tags":[{"Key":"rota:expire","Value":"immediately"}],"TagKeys":["team"],`+
		`"GiveUpVersionId":"`+pendingID+`","ClientRequestToken":"`+token+`","RotationRules":{"ScheduleExpression":"rate(10 days)","Duration":"2h"}}`))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var names []string
	for _, r := range of(c.records(t), a) {
		names = append(names, r.EventSource+" "+r.EventName+" "+r.ErrorCode)
	}
	want := []string{
		"secretsmanager.amazonaws.com TagResource ", "secretsmanager.amazonaws.com UntagResource ",
		"secretsmanager.amazonaws.com UpdateSecretVersionStage ", "secretsmanager.amazonaws.com RotateSecret ",
	}
	if !slices.Equal(names, want) {
		t.Errorf("it is recorded as\n%q, want\n%q", names, want)
	}
	d := must(c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id}))
	if len(d.Tags) != 1 || *d.Tags[0].Key != "rota:expire" || *d.RotationRules.ScheduleExpression != "rate(10 days)" || *d.RotationRules.Duration != "2h" {
		t.Errorf("the tags are %v and the rules %v", d.Tags, d.RotationRules)
	}
	if s := c.show(t, wire.ShowInput{SecretId: id}); labelled(s, rota.Pending) != token {
		t.Errorf("the attempt is %s, want %s", labelled(s, rota.Pending), token)
	}
}
