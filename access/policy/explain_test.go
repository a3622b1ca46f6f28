package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

func TestAnExplanationSaysWhatMissed(t *testing.T) {
	for _, c := range []struct {
		name, statement, why string // a statement without Effect
	}{
		{"applies", `"Principal":"*","Action":"*","Resource":"*"`, "applies"},
		{"the account is a delegation", `"Principal":{"AWS":"123456789012"},"Action":"*","Resource":"*"`, "applies, but grants nothing by itself: it names only the account, which leaves the decision to the identity-based policies"},
		{"another principal", `"Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"*","Resource":"*"`, "Principal does not name " + somebody},
		{"another action", `"Principal":"*","Action":"rota:*","Resource":"*"`, `Action does not cover "secretsmanager:GetSecretValue"`},
		{"an action left out", `"Principal":"*","NotAction":"secretsmanager:*","Resource":"*"`, `NotAction leaves "secretsmanager:GetSecretValue" out`},
		{"another resource", `"Principal":"*","Action":"*","Resource":"arn:aws:secretsmanager:*:*:secret:x"`, `Resource does not cover "` + secret + `"`},
		{"a resource left out", `"Principal":"*","Action":"*","NotResource":"*"`, `NotResource leaves "` + secret + `" out`},
		{"a variable without a value", `"Principal":"*","Action":"*","Resource":"arn:aws:secretsmanager:*:*:secret:${aws:RequestTag/Team}"`, "Resource: the request has no value for the variable ${aws:RequestTag/Team}"},
		{"a key that is not there", `"Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/x":["a","b"]}}`, `Condition StringEquals aws:RequestTag/x does not hold: the request has no such key, the policy says "a", "b"`},
		{"the first condition that does not hold", `"Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"ada"},"ForAnyValue:StringLike":{"secretsmanager:VersionStage":["X*"]}}`, `Condition ForAnyValue:StringLike secretsmanager:VersionStage does not hold: the request has "AWSCURRENT", "mine", the policy says "X*"`},
		{"a time as it would be written", `"Principal":"*","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-01"}}`, `Condition DateLessThan aws:CurrentTime does not hold: the request has "2026-11-23T10:00:00Z", the policy says "2026-01-01"`},
		{"a value that hangs on a variable", `"Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:username":"${aws:RequestTag/x}"}}`, `Condition StringNotEquals aws:username does not hold: the request has "ada", the policy says "${aws:RequestTag/x}" (no value for ${aws:RequestTag/x})`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Asked{Time: time.Unix(1795428000, 0), Context: map[string]any{"secretsmanager:VersionStage": []any{"AWSCURRENT", "mine"}}}.request(t)
			p := attached(t, `{"Version":"2012-10-17","Statement":{"Sid":"S","Effect":"Allow",`+c.statement+`}}`)
			_, verdicts := policy.Explain(r, nil, p)
			want := policy.Verdict{Policy: "resource", By: policy.ResourcePolicy, Statement: 1, Sid: "S", Effect: "Allow", Applies: strings.HasPrefix(c.why, "applies"), Why: c.why}
			if len(verdicts) != 1 || verdicts[0] != want {
				t.Errorf("got  %+v\nwant %+v", verdicts, want)
			}
		})
	}
}

func TestAnExplanationOfNotPrincipalAndOfAnotherAccount(t *testing.T) {
	p := attached(t, `{"Statement":[
		{"Effect":"Deny","NotPrincipal":{"AWS":["999999999999","arn:aws:iam::999999999999:user/eve"]},"Action":"*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"*","Resource":"*"}]}`)
	r := Asked{Principal: "arn:aws:iam::999999999999:user/eve"}.request(t)
	_, verdicts := policy.Explain(r, nil, p)
	want := []string{
		"NotPrincipal leaves arn:aws:iam::999999999999:user/eve out",
		"applies; it names only the account, so an identity-based policy has to allow it too",
	}
	if len(verdicts) != 2 || verdicts[0].Why != want[0] || verdicts[1].Why != want[1] {
		t.Errorf("%+v", verdicts)
	}
}

func TestADecisionHasAReasonAndAnError(t *testing.T) {
	r := Asked{}.request(t)
	root := Asked{Principal: "arn:aws:iam::123456789012:root"}.request(t)
	allow := identity(t, `{"Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}`)
	deny := attached(t, `{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`)
	for _, c := range []struct {
		name     string
		r        *policy.Request
		identity []*policy.Policy
		resource *policy.Policy
		reason   string
		err      string
	}{
		{"allowed", r, []*policy.Policy{allow}, nil, `allowed by statement 1 ("All") of the identity-based policy identity`, ""},
		{"denied", r, []*policy.Policy{allow}, deny, "denied by statement 1 of the resource-based policy resource", "with an explicit deny in a resource-based policy"},
		{"not allowed", r, nil, nil, "denied: no identity-based policy allows it", "because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		{"root", root, nil, nil, "allowed: the root user of the account may do what is not denied", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := policy.Evaluate(c.r, c.identity, c.resource)
			if d.Reason() != c.reason {
				t.Errorf("reason %q, want %q", d.Reason(), c.reason)
			}
			err := d.Err(c.r)
			if c.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *rota.Error
			if !errors.As(err, &e) || e.Code != rota.AccessDenied || !strings.HasSuffix(e.Message, c.err) || !strings.Contains(e.Hint, c.reason) {
				t.Errorf("%v", err)
			}
		})
	}
}

// The list of AWS's page, and what is added to it, so that neither a key nor a
// name is lost.
func TestTheKeysAreThoseThatSecretsManagerDocuments(t *testing.T) {
	const documented = `
		aws:RequestTag/tag-key aws:ResourceTag/tag-key aws:TagKeys secretsmanager:AddReplicaRegions secretsmanager:BlockPublicPolicy
		secretsmanager:Description secretsmanager:ExternalSecretRotationRoleArn secretsmanager:ForceDeleteWithoutRecovery
		secretsmanager:ForceOverwriteReplicaSecret secretsmanager:KmsKeyArn secretsmanager:KmsKeyId secretsmanager:ModifyRotationRules
		secretsmanager:Name secretsmanager:RecoveryWindowInDays secretsmanager:ResourceTag/tag-key secretsmanager:RotateImmediately
		secretsmanager:RotationLambdaARN secretsmanager:SecretId secretsmanager:SecretPrimaryRegion secretsmanager:Type
		secretsmanager:VersionId secretsmanager:VersionStage secretsmanager:resource/AllowRotationLambdaArn secretsmanager:resource/Type`
	const global = `
		aws:CurrentTime aws:EpochTime aws:PrincipalAccount aws:PrincipalArn aws:PrincipalIsAWSService
		aws:PrincipalType aws:RequestedRegion aws:ResourceAccount aws:SecureTransport aws:SourceAccount aws:SourceArn aws:SourceIp
		aws:TokenIssueTime aws:UserAgent aws:ViaAWSService aws:userid aws:username`
	want := strings.Fields(documented + global)
	got := policy.Keys()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, name := range got {
		k, tag, err := policy.ParseKey(strings.ToUpper(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if back := k.String() + strings.ToLower(tag); back != name && name != "secretsmanager:ResourceTag/tag-key" {
			t.Errorf("%s is read as %s", name, back)
		}
	}
	for _, name := range []string{"", "aws:", "aws:SourceVpc", "aws:PrincipalOrgID", "aws:MultiFactorAuthPresent", "secretsmanager:ResourceTag", "s3:prefix", "aws:PrincipalTag/team", "aws:RequestTag/" + strings.Repeat("x", 129)} {
		if _, _, err := policy.ParseKey(name); !errors.Is(err, rota.MalformedPolicy) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
