package policy

import (
	"slices"
	"strings"
)

// actions are what rota asks about, by service. A name of a policy that stands
// for none of them is a mistake, and one in a Deny would go unnoticed: AWS
// stores it, rota refuses it
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html).
var actions = map[string][]string{
	"secretsmanager": {
		"BatchGetSecretValue", "CancelRotateSecret", "CreateSecret", "DeleteResourcePolicy", "DeleteSecret", "DescribeSecret",
		"GetRandomPassword", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "ListSecrets", "PutResourcePolicy",
		"PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RestoreSecret", "RotateSecret",
		"StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage", "ValidateResourcePolicy",
	},
	"rota": {
		"CreateAccessKey", "CreatePrincipal", "DeleteAccessKey", "DeleteFunction", "DeletePrincipal", "DeletePrincipalPolicy",
		"DescribePrincipal", "DisablePrincipal", "EnablePrincipal", "Expire", "ExplainPolicy", "GetFunction", "GetSessionToken",
		"ListAccessKeys", "ListFunctions", "ListPrincipals", "PutFunction", "PutPrincipalPolicy", "Show", "Status", "UpdateAccessKey",
	},
	"lambda": {"InvokeFunction"},
}

// Actions lists what rota asks about, such as "secretsmanager:GetSecretValue",
// in order.
func Actions() (list []string) {
	for service, names := range actions {
		for _, name := range names {
			list = append(list, service+":"+name)
		}
	}
	slices.Sort(list)
	return list
}

// Action says whether rota asks about an action, such as
// "secretsmanager:GetSecretValue". Case does not matter, and there are no
// wildcards.
func Action(s string) bool {
	return slices.ContainsFunc(Actions(), func(known string) bool { return strings.EqualFold(known, s) })
}

// parseAction reads service:name. Case does not matter, so both sides are
// lower
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).
func parseAction(s string) (pattern, *Problem) {
	service, name, found := strings.Cut(s, ":")
	named := found && each(service, func(c byte) bool { return alphanumeric(c) || c == '-' }) &&
		each(name, func(c byte) bool { return alphanumeric(c) || c == '*' || c == '?' })
	if s != "*" && s != "*:*" && !named {
		return pattern{}, bad(`write "service:Name", with * and ? in the name only, or "*"`, "%s is no action", quote(s))
	}
	p, problem := compile(strings.ToLower(s), wildcards)
	p.source = s
	if problem != nil || !named {
		return p, problem
	}
	known, ok := actions[strings.ToLower(service)]
	if !ok {
		return pattern{}, unknown("the services are secretsmanager, rota and lambda: leave out what is of others", "rota knows no service %s", quote(service))
	}
	for _, name := range known {
		if glob(p.pieces, strings.ToLower(service+":"+name)) {
			return p, nil
		}
	}
	return pattern{}, unknown("the actions are those of the API, such as "+service+":"+known[len(known)/2], "no action is called %s", quote(s))
}
