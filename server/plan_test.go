package server

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota/wire"
)

func settingOf(s wire.ShowOutput, name string) wire.ShownSetting {
	if s.Plan != nil {
		for _, one := range s.Plan.Settings {
			if one.Name == name {
				return one
			}
		}
	}
	return wire.ShownSetting{}
}

func TestThePlanIsShownBeforeAnythingHappens(t *testing.T) {
	c := newClient(t)
	id := *c.rotatable(t)
	if s := c.show(t, wire.ShowInput{SecretId: id}); s.Plan != nil || s.Problem != "" {
		t.Errorf("of a secret that nothing rotates: %+v, %s", s.Plan, s.Problem)
	}
	asked := wire.ShowInput{SecretId: id, RotationLambdaARN: function0}
	s := c.show(t, asked)
	if s.Plan == nil || s.Plan.Rotator != "model-keys" || s.Problem != "" || s.State != "by hand" || s.Rotator != "" {
		t.Fatalf("as it would be: %+v, %s", s, s.Problem)
	}
	equal(t, "nobody said when the old one ends", settingOf(s, "expire"), wire.ShownSetting{Name: "expire", Value: "after 24h", From: "default"})

	tag := func(k, v string) {
		must(c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &id, Tags: []types.Tag{{Key: &k, Value: &v}}}))
	}
	tag("rota:expire", "after 1h")
	equal(t, "now somebody did", settingOf(c.show(t, asked), "expire"), wire.ShownSetting{Name: "expire", Value: "after 1h", From: "tag rota:expire"})
	tag("rota:admin", "nope")
	s = c.show(t, asked)
	if s.Plan != nil || !strings.Contains(s.Problem, "the admin secret nope cannot be used") {
		t.Errorf("with an admin secret that is not there: %+v, %q", s.Plan, s.Problem)
	}
	must(c.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: &id, TagKeys: []string{"rota:admin"}}))
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: aws.String(function0), RotateImmediately: aws.Bool(false)}))
	if s := c.show(t, wire.ShowInput{SecretId: id}); s.Plan == nil {
		t.Errorf("once it is set up: %q", s.Problem)
	}
}

// TestWhatIsWrongWithAnAdminSecretIsShownToWhoMayDescribeIt: who may see the
// plan of a secret learns nothing of another one.
func TestWhatIsWrongWithAnAdminSecretIsShownToWhoMayDescribeIt(t *testing.T) {
	c := newClient(t)
	id := *c.rotatable(t)
	must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("admin/there"), SecretString: aws.String("x")}))
	ann := c.user(t, "ann", statement("Allow", []string{"rota:Show"}, ""))
	var answers []string
	for _, admin := range []string{"admin/there", "admin/none"} {
		must(c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &id, Tags: []types.Tag{{Key: aws.String("rota:admin"), Value: &admin}}}))
		a := ann.asks(t, region, "rota.Show", `{"SecretId":"`+id+`","RotationLambdaARN":"`+function0+`"}`)
		_, problem, _ := strings.Cut(a.body, `"Problem":`)
		problem, _, _ = strings.Cut(problem, ",\"")
		answers = append(answers, strings.ReplaceAll(problem, admin, "ADMIN"))
	}
	if answers[0] == "" || answers[0] != answers[1] {
		t.Errorf("of one that is there: %s\nof one that is not: %s", answers[0], answers[1])
	}
}
