package policy_test

import (
	"fmt"

	"github.com/rotahq/rota/access/policy"
)

func Example() {
	caller, _ := policy.ParsePrincipal("arn:aws:iam::123456789012:user/ada")
	own, err := policy.ParseIdentity("own-secrets", `{
		"Version": "2012-10-17",
		"Statement": [{
			"Sid": "Own",
			"Effect": "Allow",
			"Action": "secretsmanager:*",
			"Resource": "arn:aws:secretsmanager:*:*:secret:home/${aws:username}/*"
		}]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"home/ada/mail-AbCdEf", "home/bob/mail-GhIjKl"} {
		r := &policy.Request{Principal: caller, Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + name}
		d, verdicts := policy.Explain(r, []*policy.Policy{own}, nil)
		fmt.Println(d.Reason())
		fmt.Println(" ", verdicts[0].Why)
	}
	// Output:
	// allowed by statement 1 ("Own") of the identity-based policy own-secrets
	//   applies
	// denied: no identity-based policy allows it
	//   Resource does not cover "arn:aws:secretsmanager:eu-west-1:123456789012:secret:home/bob/mail-GhIjKl"
}

func ExampleParseResource() {
	_, err := policy.ParseResource("app/db", `{
		"Version": "2012-10-17",
		"Statement": [{"Sid": "Org", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/*"},
			"Action": "secretsmanager:GetSecretValue", "Resource": "*"}]}`)
	fmt.Println(err)
	// Output:
	// This resource policy contains an unsupported principal.: statement 1 ("Org"), Principal AWS: "arn:aws:iam::123456789012:user/*" is no principal (write "*" or {"AWS": […]} with account ids or the full ARNs of users, roles and sessions, without wildcards, or {"Service": […]})
}
