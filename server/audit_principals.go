package server

import (
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/wire"
)

// requestedOfPrincipals is requested for the operations on principals. An
// access key id that nobody has may be a secret half in the wrong place: only
// what begins like an id is told.
func requestedOfPrincipals(m *audit.Members, in any) {
	switch in := in.(type) {
	case wire.CreatePrincipalInput:
		m.Text("principal", in.Principal)
	case wire.DescribePrincipalInput:
		m.Text("principal", in.Principal)
	case wire.ListPrincipalsInput:
		m.Number("maxResults", int64(in.MaxResults))
	case wire.ChangePrincipalInput:
		m.Text("principal", in.Principal)
		m.Flag("force", in.Force)
	case wire.CreateAccessKeyInput:
		m.Text("principal", in.Principal)
	case wire.ListAccessKeysInput:
		m.Text("principal", in.Principal)
	case wire.UpdateAccessKeyInput:
		m.Text("principal", in.Principal)
		m.Text("accessKeyId", idOrNothing(in.AccessKeyId))
		m.Text("status", in.Status)
		m.Flag("force", in.Force)
	case wire.DeleteAccessKeyInput:
		m.Text("principal", in.Principal)
		m.Text("accessKeyId", idOrNothing(in.AccessKeyId))
		m.Flag("force", in.Force)
	case wire.PutPrincipalPolicyInput:
		m.Text("principal", in.Principal)
		m.Text("policyName", in.PolicyName)
		m.Text("policyDocument", in.PolicyDocument)
		m.Flag("force", in.Force)
	case wire.DeletePrincipalPolicyInput:
		m.Text("principal", in.Principal)
		m.Text("policyName", in.PolicyName)
		m.Flag("force", in.Force)
	case wire.GetSessionTokenInput:
		m.Number("durationSeconds", in.DurationSeconds)
		m.Text("policy", in.Policy)
		m.Text("sessionName", in.SessionName)
	}
}

// idOrNothing is an id as IAM's are: 16 to 128 letters and digits.
func idOrNothing(id string) string {
	if len(id) < 16 || len(id) > 128 || id[:2] != "AK" {
		return ""
	}
	for _, c := range id {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return id
}

// answeredOfPrincipals is answered for them: ids, never a secret half nor a
// token.
func answeredOfPrincipals(e *audit.Event, out any) {
	switch out := out.(type) {
	case wire.PrincipalOutput:
		if !e.ReadOnly {
			e.Response.Text("arn", out.Principal.Arn)
			e.Response.Text("principalId", out.Principal.PrincipalId)
		}
	case wire.CreateAccessKeyOutput:
		e.Response.Text("principal", out.Principal)
		e.Response.Text("accessKeyId", out.AccessKeyId)
	case wire.GetSessionTokenOutput:
		e.Response.Text("accessKeyId", out.AccessKeyId)
		e.Response.Time("expiration", out.Expiration)
	}
}
