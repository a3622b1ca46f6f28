package server

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const (
	public  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	private = `{"Version":"2012-10-17", "Statement": {"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	lockOut = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"` + principal + `"},"Action":"secretsmanager:*","Resource":"*"}]}`
)

var policyTests = map[string]operationTest{
	"GetResourcePolicy": func(t *testing.T, ctx Ctx, c *client) {
		out := must(c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: c.name}))
		equal(t, "ARN", *out.ARN, *c.arn)
		if out.ResourcePolicy != nil {
			t.Errorf("a policy %q that nobody put", *out.ResourcePolicy)
		}
		must(c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: c.name, ResourcePolicy: aws.String(private)}))
		out = must(c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: c.arn}))
		equal(t, "the policy, to the last space", aws.ToString(out.ResourcePolicy), private)
		equal(t, "name", *out.Name, *c.name)
	},
	"PutResourcePolicy": func(t *testing.T, ctx Ctx, c *client) {
		put := func(text string, block bool) error {
			_, err := c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: c.name, ResourcePolicy: &text, BlockPublicPolicy: &block})
			return err
		}
		out := must(c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: c.name, ResourcePolicy: aws.String(public)}))
		equal(t, "ARN", *out.ARN, *c.arn)
		equal(t, "name", *out.Name, *c.name)
		equal(t, "public, and blocked", code(put(public, true)), "PublicPolicyException")
		equal(t, "private, and blocked", code(put(private, true)), "<nil>")
		equal(t, "no policy", code(put(`{"Statement": 1}`, false)), "MalformedPolicyDocumentException")
		equal(t, "what the evaluator would ignore", code(put(strings.Replace(private, `"Resource"`, `"Condition":{"StringEquals":{"aws:Moon":"full"}},"Resource"`, 1), false)), "MalformedPolicyDocumentException")
		equal(t, "too long", code(put(private+strings.Repeat(" ", 20481-len(private)), false)), "ValidationException")
		equal(t, "as long as may be", code(put(private+strings.Repeat(" ", 20480-len(private)), false)), "<nil>")
		equal(t, "empty", code(put("", false)), "ValidationException")
		got := must(c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: c.name}))
		equal(t, "what is kept", strings.TrimSpace(*got.ResourcePolicy), private)
	},
	"DeleteResourcePolicy": func(t *testing.T, ctx Ctx, c *client) {
		must(c.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: c.name, ResourcePolicy: aws.String(private)}))
		for range 2 { // the second finds none
			out := must(c.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: c.name}))
			equal(t, "ARN", *out.ARN, *c.arn)
			equal(t, "name", *out.Name, *c.name)
		}
		got := must(c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: c.name}))
		equal(t, "what is left", aws.ToString(got.ResourcePolicy), "")
	},
	"ValidateResourcePolicy": func(t *testing.T, ctx Ctx, c *client) {
		check := func(text string) (names string) {
			out := must(c.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{SecretId: c.name, ResourcePolicy: &text}))
			for _, e := range out.ValidationErrors {
				names += *e.CheckName
				if aws.ToString(e.ErrorMessage) == "" {
					t.Errorf("%s says nothing", names)
				}
			}
			equal(t, "passed", out.PolicyValidationPassed, names == "")
			return names
		}
		equal(t, "private", check(private), "")
		equal(t, "public", check(public), "REFLEXIVE_PRINCIPAL_CHECK")
		equal(t, "one that locks its author out", check(lockOut), "CALLER_LOCKOUT_CHECK")
		for what, condition := range map[string]string{
			"by the clock":      `{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`,
			"by the connection": `{"Bool":{"aws:SecureTransport":"false"}}`,
		} {
			text := statement("Deny", []string{"*"}, `,"Principal":"*","Condition":`+condition)
			equal(t, "one that locks its author out "+what, check(text), "CALLER_LOCKOUT_CHECK")
		}
		equal(t, "one that its author can delete", check(strings.Replace(lockOut, ":*", ":PutResourcePolicy", 1)), "")
		a := send(t, c.request(t, "secretsmanager.ValidateResourcePolicy", `{"ResourcePolicy":`+quoted(private)+`}`))
		equal(t, "the answer without a secret", a.body, `{"PolicyValidationPassed":true,"ValidationErrors":[]}`)
		out := must(c.ValidateResourcePolicy(ctx, &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: aws.String(lockOut)}))
		equal(t, "locked out of any secret", out.PolicyValidationPassed, false)
		got := must(c.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: c.name}))
		equal(t, "what is kept", aws.ToString(got.ResourcePolicy), "")
	},
}
