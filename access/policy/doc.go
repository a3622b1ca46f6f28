// Package policy reads IAM policy documents and decides requests by them, as
// IAM does. It is pure functions on text and values: no store, no protocol,
// no clock.
//
//	admin, err := policy.ParseIdentity("admin", `{"Version": "2012-10-17", "Statement":
//		{"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
//	…
//	d := policy.Evaluate(&policy.Request{
//		Principal: caller, // policy.ParsePrincipal
//		Action:    "secretsmanager:GetSecretValue",
//		Resource:  "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf",
//		Time:      now,
//		Context:   []policy.Attribute{{Key: policy.VersionStage, Value: "AWSCURRENT"}},
//	}, []*policy.Policy{admin}, secretPolicy)
//	if err := d.Err(&request); err != nil { … } // AWS's own sentence
//
// # Parsing
//
// A document is read once, strictly, and compiled; evaluating it allocates
// next to nothing. What the evaluator does not know it refuses then, and
// never ignores: a member, operator, condition key, principal or value that
// is misspelt or unknown, a member that is in an object twice, a list of
// nothing, an operator that can never hold for its key. A [Problem] says the
// statement, its Sid, the member, and what to write instead. A [rota.Error]
// with the code [rota.MalformedPolicy] carries it; for a resource policy that
// AWS would refuse too, the message is AWS's.
//
// Some of what AWS takes is refused here, because it cannot mean anything:
// condition keys that this server can never know, such as aws:SourceVpce or
// aws:PrincipalOrgID ([Keys] lists those it can); keys of several values
// without ForAllValues or ForAnyValue; empty lists; operators in other letters.
//
// # Deciding
//
// A Deny that applies wins. Then, within an account, one Allow is enough, in a
// policy of the principal or in that of the resource; across accounts it
// takes both. A resource policy that names an account, by its id or as
// arn:aws:iam::ACCOUNT:root, does not allow anything to its users and roles:
// it leaves that to their own policies. The root user of an account may do
// there what nothing denies.
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
//
// A session may have a policy of its own, which only limits it. Permissions
// boundaries and the policies of an organization do not exist here.
//
// # Where AWS's pages are silent
//
// The reading that grants less is taken, and a vector in testdata says so:
//
//   - An operator without ForAllValues or ForAnyValue on a key that has
//     several values in the request, such as the VersionStages of
//     PutSecretValue: to allow, every value has to match; to deny, one is enough.
//   - A variable that has no value in the request and no default matches
//     nothing. Where the match is negated (StringNotEquals, NotResource), an
//     Allow does not apply and a Deny does.
//   - The value of a variable is literal: an asterisk in it is no wildcard.
//   - A session's policy limits what a resource policy grants, too, even one
//     that names the session itself.
//   - Deny with NotPrincipal leaves a caller out only if it lists all that the
//     caller is: the user and the account; the session, the role and the account.
//   - A value that is not of the operator's type (a tag that is no number)
//     does not match; a negated operator holds for it.
//
// # Values
//
// Nothing here sees a secret value. Explanations show condition values of the
// request, such as tags and descriptions, to whoever may ask for them.
package policy
