package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/wire"
)

// TestAForbiddenSecretAndAMissingOneAnswerTheSameBytes: the same request in
// two worlds, of which one has the secret.
func TestAForbiddenSecretAndAMissingOneAnswerTheSameBytes(t *testing.T) {
	for who, documents := range map[string][]string{
		"without any right":                              nil,
		"with rights on other names":                     {strings.ReplaceAll(statement("Allow", []string{"*"}, ""), `"Resource":"*"`, `"Resource":"arn:aws:secretsmanager:*:*:secret:other/*"`)},
		"with a right that hangs on a tag of the secret": {statement("Allow", []string{"*"}, `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"b"}}`)},
		"with a Deny that names the secret":              {statement("Allow", []string{"*"}, ""), strings.ReplaceAll(statement("Deny", []string{"*"}, ""), `"Resource":"*"`, `"Resource":"arn:aws:secretsmanager:*:*:secret:app/*"`)},
		"of which the secret's policy tells":             {},
	} {
		t.Run(who, func(t *testing.T) {
			full, empty := newClient(t), newWorld(t)
			// Its own reason would tell that there is a secret.
			must(full.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{
				SecretId: full.name, ResourcePolicy: aws.String(statement("Deny", []string{"*"}, `,"Principal":{"AWS":"`+arnOf("ann")+`"}`)),
			}))
			ann, too := full.user(t, "ann", documents...), empty.user(t, "ann", documents...)
			bodies := full.bodies()
			bodies["rota.Show"], bodies["rota.Expire"] = `{"SecretId":"app/db"}`, `{"SecretId":"app/db","Now":true}`
			bodies["rota.Rotate"] = `{"SecretId":"app/db","ClientRequestToken":"` + newID() + `","TagKeys":["rota:expire"]}`
			bodies["rota.ExplainPolicy"] = `{"Principal":"ann","Action":"rota:Show","SecretId":"app/db"}`
			bodies["BatchGetSecretValue"] = `{"SecretIdList":["app/db"]}`
			for operation, body := range bodies {
				target := operation
				if !strings.HasPrefix(target, "rota.") {
					target = "secretsmanager." + operation
				}
				for _, id := range []string{"app/db", *full.arn, strings.TrimSuffix(*full.arn, (*full.arn)[len(*full.arn)-7:])} {
					body := strings.Replace(body, `"app/db"`, quoted(id), 1)
					a, b := ann.asks(t, region, target, body), too.asks(t, region, target, body)
					if a.status != b.status || a.body != b.body {
						t.Errorf("%s of %s:\nof what exists: %d %s\nof what does not: %d %s", target, id, a.status, a.body, b.status, b.body)
					}
					if a.typ != "AccessDeniedException" && operation != "BatchGetSecretValue" {
						t.Errorf("%s of %s is not denied: %s", target, id, a.body)
					}
				}
			}
		})
	}
}

func TestWhoMaySeeANameIsToldThatNothingHasIt(t *testing.T) {
	w := newWorld(t)
	ann := w.user(t, "ann", strings.ReplaceAll(statement("Allow", []string{"secretsmanager:GetSecretValue"}, ""), `"Resource":"*"`, `"Resource":"arn:aws:secretsmanager:*:*:secret:app/*-??????"`))
	a := ann.asks(t, region, "secretsmanager.GetSecretValue", `{"SecretId":"app/none"}`)
	equal(t, "a name that he may read", a.typ, "ResourceNotFoundException")
	a = ann.asks(t, region, "secretsmanager.GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:us-east-1:123456789012:secret:app/none"}`)
	equal(t, "its ARN without the end", a.typ, "ResourceNotFoundException")
	a = ann.asks(t, region, "secretsmanager.GetSecretValue", `{"SecretId":"other"}`)
	equal(t, "another name", a.typ, "AccessDeniedException")
	a = ann.asks(t, region, "secretsmanager.GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:us-east-1:999999999999:secret:app/x-AbCdEf"}`)
	equal(t, "the sentence for another account's",
		a.text, "User: "+arnOf("ann")+" is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:999999999999:secret:app/x-AbCdEf because no resource-based policy allows the secretsmanager:GetSecretValue action")
}

func TestConstraintsAreSaidBeforeADenialAndTheStateOfASecretAfterIt(t *testing.T) {
	c := newClient(t)
	ann := c.user(t, "ann")
	for what, one := range map[string]struct{ target, body, want string }{
		"a member that is missing":         {"secretsmanager.GetSecretValue", `{}`, "ValidationException"},
		"a name with wrong characters":     {"secretsmanager.GetSecretValue", `{"SecretId":"a b"}`, "ValidationException"},
		"a name to create":                 {"secretsmanager.CreateSecret", `{"Name":"a b","SecretString":"x"}`, "ValidationException"},
		"no token":                         {"secretsmanager.PutSecretValue", `{"SecretId":"app/db","SecretString":"x"}`, "InvalidRequestException"},
		"a name that is taken":             {"secretsmanager.CreateSecret", `{"Name":"app/db","SecretString":"x","ClientRequestToken":"` + newID() + `"}`, "AccessDeniedException"},
		"a version that is not there":      {"secretsmanager.GetSecretValue", `{"SecretId":"app/db","VersionId":"` + newID() + `"}`, "AccessDeniedException"},
		"a token of another list":          {"secretsmanager.ListSecretVersionIds", `{"SecretId":"app/db","NextToken":"x"}`, "AccessDeniedException"},
		"a token of another list of all":   {"secretsmanager.ListSecrets", `{"NextToken":"x"}`, "AccessDeniedException"},
		"a policy that is wrong":           {"secretsmanager.PutResourcePolicy", `{"SecretId":"app/db","ResourcePolicy":"{}"}`, "AccessDeniedException"},
		"a tag that no rotator has":        {"secretsmanager.TagResource", `{"SecretId":"app/db","Tags":[{"Key":"rota:none","Value":"x"}]}`, "AccessDeniedException"},
		"no function":                      {"secretsmanager.RotateSecret", `{"SecretId":"app/db","ClientRequestToken":"` + newID() + `"}`, "AccessDeniedException"},
		"a forced deletion of nothing":     {"secretsmanager.DeleteSecret", `{"SecretId":"none","ForceDeleteWithoutRecovery":true}`, "AccessDeniedException"},
		"what one of rota's does not take": {"rota.Expire", `{"SecretId":"app/db"}`, "AccessDeniedException"},
	} {
		if a := ann.asks(t, region, one.target, one.body); a.typ != one.want {
			t.Errorf("%s: %s %s, want %s", what, a.typ, a.body, one.want)
		}
	}
}

func TestABatchTellsOfEachSecretThatIsDenied(t *testing.T) {
	c := newClient(t)
	must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("other"), SecretString: aws.String("canary")}))
	ann := c.user(t, "ann", statement("Allow", []string{"secretsmanager:BatchGetSecretValue", "secretsmanager:ListSecrets"}, ""),
		strings.ReplaceAll(statement("Allow", []string{"secretsmanager:GetSecretValue"}, `,"Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}`),
			`"Resource":"*"`, `"Resource":"arn:aws:secretsmanager:*:*:secret:app/*"`))
	for _, body := range []string{`{"SecretIdList":["app/db","other","missing"]}`, `{"Filters":[{"Key":"name","Values":["app/","other"]}]}`} {
		a := ann.asks(t, region, "secretsmanager.BatchGetSecretValue", body)
		var out struct {
			SecretValues []struct{ Name string }
			Errors       []struct{ SecretId, ErrorCode, Message string }
		}
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 {
			t.Fatal(a.body, err)
		}
		if len(out.SecretValues) != 1 || out.SecretValues[0].Name != "app/db" || strings.Contains(a.body, "canary\"") {
			t.Errorf("%s: %s", body, a.body)
		}
		if len(out.Errors) == 0 {
			t.Fatalf("%s: no error: %s", body, a.body)
		}
		for _, e := range out.Errors {
			want := "User: " + arnOf("ann") + " is not authorized to perform: secretsmanager:GetSecretValue on resource: " + e.SecretId + " because no identity-based policy allows the secretsmanager:GetSecretValue action"
			if e.ErrorCode != "AccessDeniedException" || e.Message != want {
				t.Errorf("%s: %+v", body, e)
			}
		}
	}
}

func TestASessionMayDoWhatBothItsPolicyAndItsPrincipalMay(t *testing.T) {
	c := newClient(t)
	limit, err := policy.ParseIdentity("session", statement("Allow", []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}, ""))
	if err != nil {
		t.Fatal(err)
	}
	ann := c.user(t, "ann", statement("Allow", []string{"secretsmanager:GetSecretValue", "secretsmanager:ListSecrets"}, ""))
	g := c.grants.of[arnOf("ann")]
	g.Session = limit
	c.grants.of[arnOf("ann")] = g
	equal(t, "both", ann.asks(t, region, "secretsmanager.GetSecretValue", `{"SecretId":"app/db"}`).status, 200)
	denied(t, "the session's alone", ann.asks(t, region, "secretsmanager.DescribeSecret", `{"SecretId":"app/db"}`), ann,
		"secretsmanager:DescribeSecret", "app/db", "because no identity-based policy allows the secretsmanager:DescribeSecret action")
	denied(t, "the principal's alone", ann.asks(t, region, "secretsmanager.ListSecrets", `{}`), ann,
		"secretsmanager:ListSecrets", "", "because no session policy allows the secretsmanager:ListSecrets action")
	must(c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{
		SecretId: c.name, ResourcePolicy: aws.String(statement("Allow", []string{"*"}, `,"Principal":{"AWS":"`+arnOf("ann")+`"}`)),
	}))
	denied(t, "the secret's policy", ann.asks(t, region, "secretsmanager.GetResourcePolicy", `{"SecretId":"app/db"}`), ann,
		"secretsmanager:GetResourcePolicy", "app/db", "because no identity-based policy allows the secretsmanager:GetResourcePolicy action")
}

func TestConditionsSeeTheRequestTheConnectionAndTheSecret(t *testing.T) {
	c := newClient(t)
	id := c.rotatable(t)
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: id, RotationLambdaARN: aws.String(function0), RotateImmediately: aws.Bool(false)}))
	must(c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: id})) // keeps the function, and is not at work
	get, hour := `{"SecretId":"app/db"}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	rotate := `{"SecretId":"` + *id + `","RotationLambdaARN":"` + function0 + `","ClientRequestToken":"` + newID() + `"}`
	for what, one := range map[string]struct {
		condition, target, body string
		yes                     bool
	}{
		"a tag of the secret":               {`"StringEquals":{"aws:ResourceTag/team":"a"}`, "GetSecretValue", get, true},
		"a tag of the secret, long way":     {`"StringEquals":{"secretsmanager:ResourceTag/team":"a"}`, "DescribeSecret", get, true},
		"another tag":                       {`"StringEquals":{"aws:ResourceTag/team":"b"}`, "GetSecretValue", get, false},
		"this machine":                      {`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`, "GetSecretValue", get, true},
		"another machine":                   {`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, "GetSecretValue", get, false},
		"TLS":                               {`"Bool":{"aws:SecureTransport":"true"}`, "GetSecretValue", get, false},
		"no TLS":                            {`"Bool":{"aws:SecureTransport":"false"}`, "GetSecretValue", get, true},
		"before a time":                     {`"DateLessThan":{"aws:CurrentTime":"` + hour + `"}`, "GetSecretValue", get, true},
		"after a time":                      {`"DateGreaterThan":{"aws:CurrentTime":"` + hour + `"}`, "GetSecretValue", get, false},
		"the program":                       {`"StringLike":{"aws:UserAgent":"Go-http-client/*"}`, "GetSecretValue", get, true},
		"the region":                        {`"StringEquals":{"aws:RequestedRegion":"us-east-1"}`, "GetSecretValue", get, true},
		"the label, by default":             {`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, "GetSecretValue", get, true},
		"another label":                     {`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, "GetSecretValue", `{"SecretId":"app/db","VersionStage":"AWSPREVIOUS"}`, false},
		"no label with a version":           {`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, "GetSecretValue", `{"SecretId":"app/db","VersionId":"` + c.second + `"}`, false},
		"the version":                       {`"StringEquals":{"secretsmanager:VersionId":"` + c.second + `"}`, "GetSecretValue", `{"SecretId":"app/db","VersionId":"` + c.second + `"}`, true},
		"the id as it is sent":              {`"StringEquals":{"secretsmanager:SecretId":"app/db"}`, "GetSecretValue", get, true},
		"the function of the secret":        {`"ArnEquals":{"secretsmanager:resource/AllowRotationLambdaArn":"` + function0 + `"}`, "DescribeSecret", `{"SecretId":"` + *id + `"}`, true},
		"no function":                       {`"ArnEquals":{"secretsmanager:resource/AllowRotationLambdaArn":"` + function0 + `"}`, "DescribeSecret", get, false},
		"the primary's region":              {`"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}`, "GetSecretValue", get, true},
		"the caller's name":                 {`"StringEquals":{"aws:username":"ann"}`, "GetSecretValue", get, true},
		"a recovery window":                 {`"NumericGreaterThanEquals":{"secretsmanager:RecoveryWindowInDays":"10"}`, "DeleteSecret", `{"SecretId":"app/db","RecoveryWindowInDays":7}`, false},
		"a deletion with force":             {`"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"false"}`, "DeleteSecret", `{"SecretId":"app/db","ForceDeleteWithoutRecovery":true}`, false},
		"a public policy that is blocked":   {`"Bool":{"secretsmanager:BlockPublicPolicy":"true"}`, "PutResourcePolicy", `{"SecretId":"app/db","ResourcePolicy":` + quoted(private) + `}`, false},
		"a tag in the request":              {`"StringEquals":{"aws:RequestTag/x":"1"},"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}`, "TagResource", `{"SecretId":"app/db","Tags":[{"Key":"x","Value":"1"}]}`, true},
		"a tag too many in the request":     {`"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}`, "TagResource", `{"SecretId":"app/db","Tags":[{"Key":"x"},{"Key":"y"}]}`, false},
		"a key of another kind":             {`"StringEquals":{"secretsmanager:KmsKeyId":"alias/mine"}`, "UpdateSecret", `{"SecretId":"app/db","KmsKeyId":"alias/other","ClientRequestToken":"` + newID() + `"}`, false},
		"a region that may not be added":    {`"ForAllValues:StringEquals":{"secretsmanager:AddReplicaRegions":["ap-south-1"]}`, "ReplicateSecretToRegions", `{"SecretId":"app/db","AddReplicaRegions":[{"Region":"eu-west-1"}]}`, false},
		"another function than the allowed": {`"ArnEquals":{"secretsmanager:RotationLambdaARN":"arn:aws:lambda:us-east-1:123456789012:function:other"}`, "RotateSecret", rotate, false},
		"the function that is allowed":      {`"ArnEquals":{"secretsmanager:RotationLambdaARN":"` + function0 + `"}`, "RotateSecret", rotate, true},
	} {
		ann := c.user(t, "ann", statement("Allow", []string{"*"}, `,"Condition":{`+one.condition+`}`))
		want := "AccessDeniedException"
		if one.yes {
			want = ""
		}
		if a := ann.asks(t, region, "secretsmanager."+one.target, one.body); (a.status == 200) != one.yes || a.typ != want {
			t.Errorf("%s: %d %s, want it allowed: %v", what, a.status, a.body, one.yes)
		}
	}
}

// TestEachConditionKeyOfTheRequestIsKnownForTheOperationsThatHaveIt goes by
// AWS's table of operations and keys
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html).
func TestEachConditionKeyOfTheRequestIsKnownForTheOperationsThatHaveIt(t *testing.T) {
	yes, text, days := true, "x", 7
	regionsOf := []wire.ReplicaRegionType{{Region: "eu-west-1"}}
	seen := map[policy.Key]bool{}
	for _, one := range []struct {
		in   any
		keys []policy.Key
	}{
		{
			&wire.CreateSecretInput{Name: "n", Description: &text, KmsKeyId: &text, Type: &text, Tags: []wire.Tag{{Key: "a"}}, AddReplicaRegions: regionsOf, ForceOverwriteReplicaSecret: &yes},
			[]policy.Key{policy.Name, policy.Description, policy.KmsKeyId, policy.KmsKeyArn, policy.Type, policy.RequestTag, policy.TagKeys, policy.AddReplicaRegions, policy.ForceOverwriteReplicaSecret},
		},
		{&wire.DeleteSecretInput{SecretId: "s", RecoveryWindowInDays: &days, ForceDeleteWithoutRecovery: &yes}, []policy.Key{policy.SecretId, policy.RecoveryWindowInDays, policy.ForceDeleteWithoutRecovery}},
		{&wire.GetSecretValueInput{SecretId: "s", VersionId: "v", VersionStage: "l"}, []policy.Key{policy.SecretId, policy.VersionId, policy.VersionStage}},
		{&wire.GetSecretValueInput{SecretId: "s"}, []policy.Key{policy.SecretId, policy.VersionStage}},
		{&wire.PutResourcePolicyInput{SecretId: "s", BlockPublicPolicy: &yes}, []policy.Key{policy.SecretId, policy.BlockPublicPolicy}},
		{&wire.PutSecretValueInput{SecretId: "s", VersionStages: []string{"a", "b"}}, []policy.Key{policy.SecretId, policy.VersionStage, policy.VersionStage}},
		{&wire.PutSecretValueInput{SecretId: "s"}, []policy.Key{policy.SecretId, policy.VersionStage}},
		{&wire.ReplicateSecretToRegionsInput{SecretId: "s", AddReplicaRegions: regionsOf, ForceOverwriteReplicaSecret: &yes}, []policy.Key{policy.SecretId, policy.AddReplicaRegions, policy.ForceOverwriteReplicaSecret}},
		{&wire.RotateSecretInput{SecretId: "s", RotationLambdaARN: &text, ExternalSecretRotationRoleArn: text}, []policy.Key{policy.SecretId, policy.RotationLambdaARN, policy.ExternalSecretRotationRoleArn, policy.RotateImmediately, policy.ModifyRotationRules}},
		{&wire.TagResourceInput{SecretId: "s", Tags: []wire.Tag{{Key: "a", Value: &text}}}, []policy.Key{policy.SecretId, policy.RequestTag, policy.TagKeys}},
		{&wire.UntagResourceInput{SecretId: "s", TagKeys: []string{"a", "b"}}, []policy.Key{policy.SecretId, policy.TagKeys, policy.TagKeys}},
		{&wire.UpdateSecretInput{SecretId: "s", Description: &text, KmsKeyId: &text, Type: &text}, []policy.Key{policy.SecretId, policy.Description, policy.KmsKeyId, policy.KmsKeyArn, policy.Type}},
		{&wire.UpdateSecretVersionStageInput{SecretId: "s", VersionStage: "l"}, []policy.Key{policy.SecretId, policy.VersionStage}},
		{&wire.CancelRotateSecretInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.DeleteResourcePolicyInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.DescribeSecretInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.GetResourcePolicyInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.ListSecretVersionIdsInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.RemoveRegionsFromReplicationInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.RestoreSecretInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.StopReplicationToReplicaInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.ValidateResourcePolicyInput{SecretId: "s"}, []policy.Key{policy.SecretId}},
		{&wire.BatchGetSecretValueInput{}, nil},
		{&wire.ListSecretsInput{}, nil},
		{&wire.GetRandomPasswordInput{}, nil},
	} {
		var g gate
		g.about(one.in)
		var got []policy.Key
		for _, a := range g.context {
			got = append(got, a.Key)
			seen[a.Key] = true
		}
		slices.Sort(got)
		slices.Sort(one.keys)
		if !slices.Equal(got, one.keys) {
			t.Errorf("%T: got %v, want %v", one.in, got, one.keys)
		}
	}
	for _, k := range knownOfEveryRequest(t) {
		seen[k] = true
	}
	// A key that nobody supplies would make a Deny that never applies.
	for _, name := range policy.Keys() {
		k, _, err := policy.ParseKey(name)
		if err != nil {
			t.Fatal(err)
		}
		if !seen[k] && !k.Derived() {
			t.Errorf("policies may name %s, and nothing makes it known", name)
		}
	}
}

// knownOfEveryRequest are the keys of the caller, the connection and the
// secret, asked of a gate as a request with temporary credentials has it.
func knownOfEveryRequest(t *testing.T) (keys []policy.Key) {
	t.Helper()
	w := newWorld(t)
	must(w.store.CreatePrincipal(t.Context(), rota.Caller{}, "ann"))
	who := Principals{w.Sessions.(*session.Directory)}
	issued := must(who.IssueSession(t.Context(), session.Request{Principal: arnOf("ann")}))
	key := must(who.Key(t.Context(), issued.AccessKeyID, string(issued.Token.Reveal())))
	grant := must(who.Grant(t.Context(), wire.Identity{Caller: key.Caller, Holder: key.Holder}))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("User-Agent", "test")
	g := w.gate(r, grant, account, region)
	for _, a := range g.request("secretsmanager:GetSecretValue", rota.Resource{
		ARN: "arn", Type: "type", Function: "function", PrimaryRegion: region, Tags: []rota.Tag{{Key: "team", Value: "red"}},
	}).Context {
		keys = append(keys, a.Key)
	}
	return keys
}

func TestTheSourceAddressHasNeitherPortNorZone(t *testing.T) {
	for remote, want := range map[string]string{"192.0.2.7:1234": "192.0.2.7", "[2001:db8::1]:1": "2001:db8::1", "[fe80::1%eth0]:1": "fe80::1", "pipe": ""} {
		equal(t, remote, addressOf(remote), want)
	}
}

func TestRedirectingARotationTakesTheRightToRotate(t *testing.T) {
	c := newClient(t)
	id := c.rotatable(t)
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: id, RotationLambdaARN: aws.String(function0), RotateImmediately: aws.Bool(false)}))
	must(c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: id}))
	all := statement("Allow", []string{"secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UpdateSecret"}, "")
	ann := c.user(t, "ann", all)
	put := func(value string) string {
		return `{"SecretId":"` + *id + `","SecretString":` + quoted(value) + `,"ClientRequestToken":"` + newID() + `"}`
	}
	why := "because no identity-based policy allows the secretsmanager:RotateSecret action"
	denied(t, "an admin secret in the value", ann.asks(t, region, "secretsmanager.PutSecretValue", put(`{"id":"k0","secret":"s0","masterarn":"app/db"}`)), ann, "secretsmanager:RotateSecret", *id, why)
	denied(t, "an admin secret in a tag", ann.asks(t, region, "secretsmanager.TagResource", `{"SecretId":"`+*id+`","Tags":[{"Key":"rota:admin","Value":"app/db"}]}`), ann, "secretsmanager:RotateSecret", *id, why)
	denied(t, "a type", ann.asks(t, region, "secretsmanager.UpdateSecret", `{"SecretId":"`+*id+`","Type":"SomePartner","ClientRequestToken":"`+newID()+`"}`), ann, "secretsmanager:RotateSecret", *id, why)
	equal(t, "another key at the same place", ann.asks(t, region, "secretsmanager.PutSecretValue", put(`{"id":"k1","secret":"s1"}`)).status, 200)
	both := c.user(t, "bob", all, statement("Allow", []string{"secretsmanager:RotateSecret"}, ""))
	equal(t, "with both rights", both.asks(t, region, "secretsmanager.TagResource", `{"SecretId":"`+*id+`","Tags":[{"Key":"rota:admin","Value":"app/db"}]}`).status, 200)
}

// TestRedirectingAnAdminSecretTakesTheRightToRotate: the master credential, and
// those of all that it serves, go to the address that it names.
func TestRedirectingAnAdminSecretTakesTheRightToRotate(t *testing.T) {
	c := newClient(t)
	at := func(host string) string { return `{"host":"` + host + `","password":"p"}` }
	made := must(c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("adm/db"), SecretString: aws.String(at("there")),
		Tags: []types.Tag{{Key: aws.String("rota:serves"), Value: aws.String("app/")}},
	}))
	must(c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String(at("elsewhere")), VersionStages: []string{"other"}}))
	other := must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: made.ARN, VersionStage: aws.String("other")}))
	all := statement("Allow", []string{"secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret*"}, "")
	ann := c.user(t, "ann", all)
	for what, one := range map[string]struct{ operation, members string }{
		"another address":              {"PutSecretValue", `"SecretString":` + quoted(at("elsewhere")) + `,"ClientRequestToken":"` + newID() + `"`},
		"another address by an update": {"UpdateSecret", `"SecretString":` + quoted(at("elsewhere")) + `,"ClientRequestToken":"` + newID() + `"`},
		"no address":                   {"PutSecretValue", `"SecretString":"{}","ClientRequestToken":"` + newID() + `"`},
		"a version with another":       {"UpdateSecretVersionStage", `"VersionStage":"AWSCURRENT","MoveToVersionId":"` + *other.VersionId + `","RemoveFromVersionId":"` + *made.VersionId + `"`},
		"whom it serves":               {"TagResource", `"Tags":[{"Key":"rota:serves","Value":"@"}]`},
		"that it serves nobody":        {"UntagResource", `"TagKeys":["rota:serves"]`},
	} {
		a := ann.asks(t, region, "secretsmanager."+one.operation, `{"SecretId":"adm/db",`+one.members+`}`)
		denied(t, what, a, ann, "secretsmanager:RotateSecret", "adm/db", "because no identity-based policy allows the secretsmanager:RotateSecret action")
	}
	again := `{"SecretId":"adm/db","SecretString":` + quoted(`{"host":"there","password":"q"}`) + `,"ClientRequestToken":"` + newID() + `"}`
	equal(t, "another password at the same address", ann.asks(t, region, "secretsmanager.PutSecretValue", again).status, 200)
	bob := c.user(t, "bob", all, statement("Allow", []string{"secretsmanager:RotateSecret"}, ""))
	both := `{"SecretId":"adm/db","SecretString":` + quoted(at("elsewhere")) + `,"ClientRequestToken":"` + newID() + `"}`
	equal(t, "with both rights", bob.asks(t, region, "secretsmanager.PutSecretValue", both).status, 200)
}

func TestExplainPolicySaysWhichStatementDecidesAndWhatIsTold(t *testing.T) {
	c := newClient(t)
	c.user(t, "ann", `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":"secretsmanager:Get*","Resource":"*"},
		{"Sid":"Inside","Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`)
	must(c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{
		SecretId: c.name, ResourcePolicy: aws.String(statement("Deny", []string{"secretsmanager:GetSecretValue"}, `,"Principal":{"AWS":"`+arnOf("ann")+`"},"Condition":{"StringEquals":{"aws:ResourceTag/team":"b"}}`)),
	}))
	explain := func(in wire.ExplainPolicyInput) (out wire.ExplainPolicyOutput) {
		t.Helper()
		in.Principal = "ann"
		c.own(t, "ExplainPolicy", in, &out)
		return out
	}
	ask := wire.ExplainPolicyInput{Action: "secretsmanager:GetSecretValue", SecretId: "app/db", Context: map[string][]string{"aws:SourceIp": {"10.1.2.3"}}}
	out := explain(ask)
	equal(t, "allowed", out.Allowed, true)
	equal(t, "the reason", out.Reason, `allowed by statement 1 ("Read") of the identity-based policy policy-1`)
	equal(t, "the resource", out.Resource, *c.arn)
	equal(t, "what would be told", out.Denial, "")
	equal(t, "statements", len(out.Statements), 3)
	for i, s := range out.Statements {
		equal(t, s.Sid+" decides", s.Decides, i == 0)
	}
	equal(t, "why the secret's does not apply", out.Statements[2].Why, `Condition StringEquals aws:ResourceTag/team does not hold: the request has "a", the policy says "b"`)

	must(c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: c.name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}}}))
	out = explain(ask)
	equal(t, "with the other tag", out.Reason, `denied by statement 1 ("S1") of the resource-based policy ResourcePolicy`)
	equal(t, "what would be told", out.Denial, "User: "+arnOf("ann")+" is not authorized to perform: secretsmanager:GetSecretValue on resource: app/db with an explicit deny in a resource-based policy")
	equal(t, "that it decides", out.Statements[2].Decides, true)
	ask.Action = "secretsmanager:PutSecretValue"
	out = explain(ask)
	equal(t, "another action", out.Reason, "denied: no identity-based policy allows it")
	ask.Context = nil
	out = explain(ask)
	equal(t, "without an address", out.Reason, `denied by statement 2 ("Inside") of the identity-based policy policy-1`)
	ask.SecretId = "app/none"
	equal(t, "of a secret that is not there", explain(ask).Resource, "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/none-??????")
	ask.SecretId = ""
	equal(t, "of none", explain(ask).Resource, "*")

	for what, one := range map[string]struct{ body, want, text string }{
		"nobody":                       {`{"Principal":"nobody","Action":"rota:Status"}`, "InvalidParameterException", "There is no principal arn:aws:iam::123456789012:user/nobody."},
		"no action":                    {`{"Principal":"ann","Action":"GetSecretValue"}`, "InvalidParameterException", `The Action "GetSecretValue" is none: write one action, such as secretsmanager:GetSecretValue.`},
		"many actions":                 {`{"Principal":"ann","Action":"secretsmanager:*"}`, "InvalidParameterException", `The Action "secretsmanager:*" is none: write one action, such as secretsmanager:GetSecretValue.`},
		"a key that follows":           {`{"Principal":"ann","Action":"rota:Status","Context":{"aws:ResourceTag/team":["x"]}}`, "InvalidParameterException", "Context: aws:ResourceTag/team follows from the principal, the secret or the clock, and can't be given."},
		"a time that is none":          {`{"Principal":"ann","Action":"rota:Status","Context":{"aws:CurrentTime":["now"]}}`, "InvalidParameterException", `Context: aws:CurrentTime "now" is no time; write it as 2026-01-31T12:00:00Z.`},
		"a key that this can not know": {`{"Principal":"ann","Action":"rota:Status","Context":{"aws:SourceVpc":["x"]}}`, "InvalidParameterException", ""},
	} {
		a := send(t, c.request(t, "rota.ExplainPolicy", one.body))
		if a.typ != one.want || one.text != "" && a.text != one.text {
			t.Errorf("%s: %s %q", what, a.typ, a.text)
		}
	}
}

func TestExplainPolicySupposesWhatARequestHasByItself(t *testing.T) {
	c := newClient(t)
	ann := c.user(t, "ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["secretsmanager:PutSecretValue","secretsmanager:GetSecretValue"],"Resource":"*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}}},
		{"Effect":"Allow","Action":"secretsmanager:CreateSecret","Resource":"*","Condition":{"StringLike":{"secretsmanager:Name":"app/*"}}},
		{"Effect":"Allow","Action":"secretsmanager:RotateSecret","Resource":"*"},
		{"Effect":"Deny","Action":"secretsmanager:RotateSecret","Resource":"*","Condition":{"Bool":{"secretsmanager:RotateImmediately":"true"}}}]}`)
	for operation, one := range map[string]struct{ id, body string }{
		"GetSecretValue": {"app/db", `{"SecretId":"app/db"}`},
		"PutSecretValue": {"app/db", `{"SecretId":"app/db","SecretString":"x","ClientRequestToken":"` + newID() + `"}`},
		"CreateSecret":   {"app/new", `{"Name":"app/new","SecretString":"x","ClientRequestToken":"` + newID() + `"}`},
		"RotateSecret":   {"app/db", `{"SecretId":"app/db","ClientRequestToken":"` + newID() + `"}`},
	} {
		var out wire.ExplainPolicyOutput
		c.own(t, "ExplainPolicy", wire.ExplainPolicyInput{Principal: "ann", Action: "secretsmanager:" + operation, SecretId: one.id}, &out)
		a := ann.asks(t, region, "secretsmanager."+operation, one.body)
		equal(t, operation+" is allowed", out.Allowed, a.typ != "AccessDeniedException")
		equal(t, "what is told of "+operation, out.Denial, denialIn(a))
	}
}

// denialIn is the sentence of an answer that is a denial.
func denialIn(a answer) string {
	if a.typ != "AccessDeniedException" {
		return ""
	}
	return a.text
}

func TestAResourcePolicyThatCannotBeReadRefusesEverybody(t *testing.T) {
	var d documents
	_, err := d.policy(rota.Resource{Policy: `{"Version":"2030-01-01"}`})
	equal(t, "the code", rota.CodeOf(err), rota.Internal)
	one, err := d.policy(rota.Resource{Policy: private})
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := d.policy(rota.Resource{Policy: private}); again != one {
		t.Error("the same text was read twice")
	}
	for i := range 2 * maxDocuments / 15_000 {
		if _, err := d.policy(rota.Resource{Policy: private + strings.Repeat(" ", 15_000+i)}); err != nil {
			t.Fatal(err)
		}
	}
	if d.bytes > maxDocuments || d.bytes == 0 {
		t.Errorf("%d bytes are kept of at most %d", d.bytes, maxDocuments)
	}
}
