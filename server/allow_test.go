package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// user is a user of the account who may do what his policies say, and nothing
// by himself.
type user struct {
	*world
	name string
}

// user makes a user, or gives one other policies.
func (w *world) user(t testing.TB, name string, documents ...string) user {
	t.Helper()
	who, err := policy.ParsePrincipal(arnOf(name))
	if err != nil {
		t.Fatal(err)
	}
	g := Grant{Principal: who}
	for i, text := range documents {
		p, err := policy.ParseIdentity(fmt.Sprintf("policy-%d", i+1), text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		g.Policies = append(g.Policies, p)
	}
	w.grants.mu.Lock()
	defer w.grants.mu.Unlock()
	w.grants.of[arnOf(name)] = g
	return user{w, name}
}

// asks sends a request of the user's: secretsmanager.X or rota.X.
func (u user) asks(t testing.TB, in, target, body string) answer {
	t.Helper()
	r := u.requestIn(t, in, target, body)
	u.sign(r, in, body)
	return send(t, r)
}

func (u user) sign(r *http.Request, in, body string) {
	wire.Sign(r, []byte(body), userKey+u.name, secretKey, in, wire.Service, u.Verifier.Now())
}

// statement writes a policy of one statement; more is put at its end.
func statement(effect string, actions []string, more string) string {
	list, _ := json.Marshal(actions) // text always encodes
	return `{"Version":"2012-10-17","Statement":{"Sid":"S1","Effect":"` + effect + `","Action":` + string(list) + `,"Resource":"*"` + more + `}}`
}

// guarded is how one operation is authorised.
type guarded struct {
	actions []string                      // all that it takes; the operation's own if none is given
	body    string                        // SECRET is the id of the secret
	secret  func(t *testing.T, c *client) // makes another secret, c.name
	setUp   func(t *testing.T, c *client) // after the secret has its policy
	region  string                        // "": the home region
	none    bool                          // it is about no secret, so no resource policy has a say
	on      string                        // what a denial calls the resource; "": the secret, if it is about one
}

func inAWS(names ...string) (actions []string) {
	for _, n := range names {
		actions = append(actions, "secretsmanager:"+n)
	}
	return actions
}

// allOperations are all of AWS's and all of rota's own. A new operation
// needs a row: TestEveryOperationHasARowThatSaysHowItIsAuthorised.
var allOperations = map[string]guarded{
	"secretsmanager.CreateSecret": {body: `{"Name":"app/new","SecretString":"x","ClientRequestToken":"TOKEN"}`, none: true},
	"secretsmanager.CreateSecret with tags and replicas": {
		body: `{"Name":"app/new","SecretString":"x","ClientRequestToken":"TOKEN","Tags":[{"Key":"a","Value":"b"}],"AddReplicaRegions":[{"Region":"eu-west-1"}]}`,
		none: true, actions: inAWS("CreateSecret", "TagResource", "ReplicateSecretToRegions"),
	},
	"secretsmanager.GetRandomPassword": {body: `{}`, none: true},
	"secretsmanager.ListSecrets":       {body: `{}`, none: true},
	"secretsmanager.BatchGetSecretValue": {
		body: `{"SecretIdList":["SECRET"]}`, actions: inAWS("BatchGetSecretValue"), none: true,
	},
	"secretsmanager.BatchGetSecretValue by filters": {
		body: `{"Filters":[{"Key":"name","Values":["app/"]}]}`, actions: inAWS("BatchGetSecretValue", "ListSecrets"), none: true,
	},
	"secretsmanager.ValidateResourcePolicy": {
		body: `{"SecretId":"SECRET","ResourcePolicy":PRIVATE}`, actions: inAWS("ValidateResourcePolicy", "PutResourcePolicy"),
	},
	"secretsmanager.ValidateResourcePolicy for no secret": {
		body: `{"ResourcePolicy":PRIVATE}`, actions: inAWS("ValidateResourcePolicy", "PutResourcePolicy"), none: true,
	},
	"secretsmanager.CancelRotateSecret":       {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.DeleteResourcePolicy":     {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.DeleteSecret":             {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.DescribeSecret":           {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.GetResourcePolicy":        {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.GetSecretValue":           {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.GetSecretValue, long way": {body: `{"SecretId":"SECRET","VersionId":"FIRST"}`},
	"secretsmanager.ListSecretVersionIds":     {body: `{"SecretId":"SECRET"}`},
	"secretsmanager.PutResourcePolicy":        {body: `{"SecretId":"SECRET","ResourcePolicy":PRIVATE}`},
	"secretsmanager.PutSecretValue":           {body: `{"SecretId":"SECRET","SecretString":"x","ClientRequestToken":"TOKEN"}`},
	"secretsmanager.RemoveRegionsFromReplication": {
		body: `{"SecretId":"SECRET","RemoveReplicaRegions":["eu-west-1"]}`, setUp: replicated,
	},
	"secretsmanager.ReplicateSecretToRegions": {body: `{"SecretId":"SECRET","AddReplicaRegions":[{"Region":"eu-west-1"}]}`},
	"secretsmanager.RestoreSecret": {body: `{"SecretId":"SECRET"}`, setUp: func(t *testing.T, c *client) {
		must(c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: c.name}))
	}},
	"secretsmanager.RotateSecret": {
		body:   `{"SecretId":"SECRET","RotationLambdaARN":"` + function0 + `","ClientRequestToken":"TOKEN"}`,
		secret: func(t *testing.T, c *client) { c.name = c.rotatable(t) },
	},
	"secretsmanager.StopReplicationToReplica": {body: `{"SecretId":"SECRET"}`, setUp: replicated, region: there},
	"secretsmanager.TagResource":              {body: `{"SecretId":"SECRET","Tags":[{"Key":"a","Value":"b"}]}`},
	"secretsmanager.UntagResource":            {body: `{"SecretId":"SECRET","TagKeys":["team"]}`},
	"secretsmanager.UpdateSecret":             {body: `{"SecretId":"SECRET","Description":"x","ClientRequestToken":"TOKEN"}`},
	"secretsmanager.UpdateSecretVersionStage": {body: `{"SecretId":"SECRET","VersionStage":"x","MoveToVersionId":"FIRST"}`},

	"rota.Status": {body: `{}`, none: true},
	"rota.Show":   {body: `{"SecretId":"SECRET"}`},
	"rota.Expire": {body: `{"SecretId":"SECRET","VersionId":"FIRST","Now":true}`, setUp: func(t *testing.T, c *client) {
		must(c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: c.name, SecretString: aws.String("third")}))
	}},
	"rota.Rotate": {
		body:    `{"SecretId":"SECRET","RotationLambdaARN":"` + function0 + `","ClientRequestToken":"TOKEN"}`,
		actions: inAWS("RotateSecret"),
		secret:  func(t *testing.T, c *client) { c.name = c.rotatable(t) },
	},
	"rota.Rotate with settings, giving up an attempt": {
		body: `{"SecretId":"SECRET","RotationLambdaARN":"` + function0 + `","ClientRequestToken":"TOKEN","Tags":[{"Key":"rota:expire","Value":"immediately"}],` +
			`"TagKeys":["team"],"GiveUpVersionId":"PENDING"}`,
		actions: inAWS("TagResource", "UntagResource", "UpdateSecretVersionStage", "RotateSecret"),
		secret:  func(t *testing.T, c *client) { c.name = c.rotatable(t) },
		setUp: func(t *testing.T, c *client) {
			must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: c.name, RotationLambdaARN: aws.String(function0), ClientRequestToken: aws.String(pendingID)}))
		},
	},
	"rota.ExplainPolicy":               {body: `{"Principal":"rota-admin","Action":"rota:Show","SecretId":"SECRET"}`},
	"rota.ExplainPolicy for no secret": {body: `{"Principal":"rota-admin","Action":"rota:Show"}`, none: true},

	"rota.ListPrincipals":        {body: `{}`, none: true},
	"rota.CreatePrincipal":       {body: `{"Principal":"new"}`, none: true, on: "new"},
	"rota.DescribePrincipal":     {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.EnablePrincipal":       {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.DisablePrincipal":      {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.DeletePrincipal":       {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.PutPrincipalPolicy":    {body: `{"Principal":"cy","PolicyName":"p","PolicyDocument":` + quoted(reading) + `}`, none: true, on: "cy", setUp: somebody},
	"rota.DeletePrincipalPolicy": {body: `{"Principal":"cy","PolicyName":"first"}`, none: true, on: "cy", setUp: somebody},
	"rota.CreateAccessKey":       {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.ListAccessKeys":        {body: `{"Principal":"cy"}`, none: true, on: "cy", setUp: somebody},
	"rota.UpdateAccessKey":       {body: `{"Principal":"cy","AccessKeyId":"KEY","Status":"Inactive"}`, none: true, on: "cy", setUp: somebody},
	"rota.DeleteAccessKey":       {body: `{"Principal":"cy","AccessKeyId":"KEY"}`, none: true, on: "cy", setUp: somebody},
	"rota.PutFunction":           {body: `{"FunctionName":"fn","Remote":{"FunctionName":"there"}}`, none: true, on: "fn"},
	"rota.ListFunctions":         {body: `{}`, none: true},
	"rota.GetFunction":           {body: `{"FunctionName":"fn"}`, none: true, on: "fn", setUp: registered},
	"rota.DeleteFunction":        {body: `{"FunctionName":"fn"}`, none: true, on: "fn", setUp: registered},
	"rota.GetSessionToken":       {body: `{}`, none: true, on: "SELF", setUp: somebody},
}

// pendingID is a version that an attempt makes.
const pendingID = "77777777-2222-4333-8444-555555555555"

// reading is an identity policy.
const reading = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`

// somebody makes the principals cy, with a policy and a key, and ann.
func somebody(t *testing.T, c *client) {
	ctx := t.Context()
	must(c.store.CreatePrincipal(ctx, principalHere, "ann"))
	must(c.store.CreatePrincipal(ctx, principalHere, "cy"))
	if err := c.store.PutPrincipalPolicy(ctx, principalHere, "cy", "first", reading, true); err != nil {
		t.Fatal(err)
	}
	c.key = must(c.store.CreateAccessKey(ctx, principalHere, "cy")).ID
}

// registered makes the function fn.
func registered(t *testing.T, c *client) {
	f := store.Function{Name: "fn", Definition: store.Definition{Kind: store.RemoteFunction, Timeout: time.Second, Target: "there"}}
	must(c.store.PutFunction(t.Context(), rota.Caller{}, f, func() error { return nil }))
}

func replicated(t *testing.T, c *client) {
	must(c.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: c.name, AddReplicaRegions: regions(there)}))
}

// targetOf is the operation of a row.
func targetOf(row string) string {
	return strings.FieldsFunc(row, func(r rune) bool { return r == ' ' || r == ',' })[0]
}

// needs are the actions of a row.
func (g guarded) needs(row string) []string {
	if g.actions != nil {
		return g.actions
	}
	return []string{strings.Replace(targetOf(row), ".", ":", 1)}
}

// start is a client with what the row needs, a resource policy on its secret,
// and the row's body.
func (g guarded) start(t *testing.T, document string) (c *client, in, body string) {
	t.Helper()
	c = newClient(t)
	if g.secret != nil {
		g.secret(t, c)
	}
	if !g.none {
		must(c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: c.name, ResourcePolicy: &document}))
	}
	if g.setUp != nil {
		g.setUp(t, c)
	}
	if in = g.region; in == "" {
		in = region
	}
	for _, r := range [][2]string{{"KEY", c.key}, {"SECRET", *c.name}, {"FIRST", c.first}, {"PENDING", pendingID}, {"TOKEN", newID()}, {"PRIVATE", quoted(private)}} {
		g.body = strings.ReplaceAll(g.body, r[0], r[1])
	}
	return c, in, g.body
}

func TestEveryOperationHasARowThatSaysHowItIsAuthorised(t *testing.T) {
	have := map[string]bool{}
	for row := range allOperations {
		have[targetOf(row)] = true
	}
	want := []string{}
	for _, operation := range wire.Operations() {
		want = append(want, "secretsmanager."+operation)
	}
	for operation := range newWorld(t).Server.own {
		want = append(want, "rota."+operation)
	}
	for _, target := range want {
		if !have[target] {
			t.Errorf("%s has no row in allOperations: say what it takes", target)
		}
		delete(have, target)
	}
	if len(have) > 0 {
		t.Errorf("rows of operations that are not there: %v", slices.Sorted(maps.Keys(have)))
	}
}

// denied fails the test unless the answer is AWS's sentence for a denial.
func denied(t *testing.T, what string, a answer, u user, action, id, why string) {
	t.Helper()
	on := ""
	if id == "SELF" {
		id = arnOf(u.name)
	}
	if id != "" {
		on = " on resource: " + id
	}
	want := "User: " + arnOf(u.name) + " is not authorized to perform: " + action + on + " " + why
	if a.status != http.StatusBadRequest || a.typ != "AccessDeniedException" || a.text != want {
		t.Errorf("%s: got %d %s\n  %q, want\n  %q", what, a.status, a.typ, a.text, want)
	}
	if !strings.Contains(a.body, `"Message"`) {
		t.Errorf("%s: the member is not Message: %s", what, a.body)
	}
}

// named is what a denial calls the resource of a row.
func (g guarded) named(c *client, action string) string {
	switch {
	case g.on != "":
		return g.on
	case strings.Contains(g.body, "app/new"):
		return "app/new"
	case g.none:
		return ""
	}
	return *c.name
}

func TestEveryOperationTakesItsActionsAndNoOther(t *testing.T) {
	for row, g := range allOperations {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			target, needs := targetOf(row), g.needs(row)
			c, in, body := g.start(t, statement("Deny", needs[:1], `,"Principal":{"AWS":"`+arnOf("ida")+`"}`))
			ann := c.user(t, "ann", statement("Allow", []string{"lambda:*"}, ""))
			denied(t, "without any right", ann.asks(t, in, target, body), ann, needs[0], g.named(c, needs[0]),
				"because no identity-based policy allows the "+needs[0]+" action")
			for i, missing := range needs {
				others := statement("Allow", []string{"*"}, "")
				others = strings.Replace(others, `"Action":["*"]`, `"NotAction":["`+missing+`"]`, 1)
				bob := c.user(t, "bob", others)
				denied(t, "with every right but one", bob.asks(t, in, target, body), bob, missing, g.named(c, missing),
					"because no identity-based policy allows the "+missing+" action")
				eve := c.user(t, "eve", statement("Allow", []string{"*"}, ""), statement("Deny", []string{missing}, ""))
				denied(t, "with a Deny of her own", eve.asks(t, in, target, body), eve, missing, g.named(c, missing),
					"with an explicit deny in an identity-based policy")
				if i == 0 && !g.none {
					ida := c.user(t, "ida", statement("Allow", []string{"*"}, ""))
					denied(t, "with a Deny in the secret's policy", ida.asks(t, in, target, body), ida, missing, g.named(c, missing),
						"with an explicit deny in a resource-based policy")
				}
			}
			// What was refused has changed nothing, so that it can be done now.
			a := c.user(t, "ann", statement("Allow", needs, "")).asks(t, in, target, body)
			if a.status != http.StatusOK {
				t.Errorf("with exactly %v: %d %s", needs, a.status, a.body)
			}
		})
	}
}

func TestAResourcePolicyAloneAllowsWhatItNames(t *testing.T) {
	for row, g := range allOperations {
		if g.none {
			continue
		}
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			target, needs := targetOf(row), g.needs(row)
			c, in, body := g.start(t, statement("Allow", needs, `,"Principal":{"AWS":"`+arnOf("ann")+`"}`))
			bob := c.user(t, "bob")
			denied(t, "another user", bob.asks(t, in, target, body), bob, needs[0], *c.name, "because no identity-based policy allows the "+needs[0]+" action")
			if a := c.user(t, "ann").asks(t, in, target, body); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}
