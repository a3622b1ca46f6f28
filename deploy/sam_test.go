package deploy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota/function/lambda"
)

// template is the SAM template as plain values; a tag such as !Ref is a map
// with the tag as its only key.
type template struct {
	t                                          *testing.T
	parameters, conditions, resources, outputs map[string]any
	used                                       map[string]bool            // parameters and conditions
	needs                                      map[string]map[string]bool // resources by resource
}

func readTemplate(t *testing.T, text []byte) *template {
	t.Helper()
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		t.Fatal(err)
	}
	doc := plain(t, f.Docs[0].Body).(map[string]any)
	section := func(name string) map[string]any { return doc[name].(map[string]any) }
	tm := &template{
		t: t, parameters: section("Parameters"), conditions: section("Conditions"), resources: section("Resources"), outputs: section("Outputs"),
		used: map[string]bool{}, needs: map[string]map[string]bool{},
	}
	for name, c := range tm.conditions {
		tm.walk("condition "+name, c)
	}
	for name, r := range tm.resources {
		tm.needs[name] = map[string]bool{}
		tm.walk(name, r)
	}
	tm.walk("outputs", tm.outputs)
	groups := section("Metadata")["AWS::CloudFormation::Interface"].(map[string]any)["ParameterGroups"].([]any)
	var grouped []string
	for _, g := range groups {
		for _, p := range g.(map[string]any)["Parameters"].([]any) {
			grouped = append(grouped, p.(string))
		}
	}
	for name := range tm.parameters {
		if !slices.Contains(grouped, name) {
			t.Errorf("the parameter %s is in no group", name)
		}
	}
	if len(grouped) != len(tm.parameters) {
		t.Errorf("the groups name %d parameters of %d", len(grouped), len(tm.parameters))
	}
	return tm
}

func plain(t *testing.T, n ast.Node) any {
	t.Helper()
	switch n := n.(type) {
	case *ast.MappingNode:
		out := map[string]any{}
		for _, v := range n.Values {
			out[key(v.Key)] = plain(t, v.Value)
		}
		return out
	case *ast.MappingValueNode:
		return map[string]any{key(n.Key): plain(t, n.Value)}
	case *ast.SequenceNode:
		out := []any{}
		for _, v := range n.Values {
			out = append(out, plain(t, v))
		}
		return out
	case *ast.TagNode:
		return map[string]any{n.Start.Value: plain(t, n.Value)}
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.BoolNode, *ast.NullNode:
		return n.String()
	}
	t.Fatalf("the template has a %T", n)
	return nil
}

func key(n ast.MapKeyNode) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return n.String()
}

// attributes are those of the resources that the template asks for, by type
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html).
var attributes = map[string][]string{
	"AWS::Serverless::Function": {"Arn"},
	"AWS::IAM::Role":            {"Arn", "RoleId"},
	"AWS::SQS::Queue":           {"Arn", "QueueName", "QueueUrl"},
	"AWS::Logs::LogGroup":       {"Arn"},
}

var pseudo = []string{"AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackName"}

var inSub = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// walk resolves every reference below a value.
func (tm *template) walk(where string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			tm.walk(where, e)
		}
	case map[string]any:
		for k, e := range v {
			switch k {
			case "!Ref":
				tm.refer(where, e.(string))
			case "!GetAtt":
				tm.refer(where, e.(string))
				if !strings.Contains(e.(string), ".") {
					tm.t.Errorf("%s: !GetAtt %s names no attribute", where, e)
				}
			case "!Sub":
				for _, m := range inSub.FindAllStringSubmatch(e.(string), -1) {
					tm.refer(where, m[1])
				}
			case "!If":
				name := e.([]any)[0].(string)
				if tm.used[name] = true; tm.conditions[name] == nil {
					tm.t.Errorf("%s: there is no condition %s", where, name)
				}
				if n := len(e.([]any)); n != 3 {
					tm.t.Errorf("%s: !If %s has %d values", where, name, n)
				}
				tm.walk(where, e)
			case "!Not", "!Equals", "!Join":
				tm.walk(where, e)
			default:
				if strings.HasPrefix(k, "!") {
					tm.t.Errorf("%s: this test does not know %s", where, k)
				}
				tm.walk(where, e)
			}
		}
	}
}

// refer resolves a name, or a name with an attribute.
func (tm *template) refer(where, ref string) {
	name, attribute, _ := strings.Cut(ref, ".")
	switch r, isResource := tm.resources[name].(map[string]any); {
	case slices.Contains(pseudo, name):
	case tm.parameters[name] != nil && attribute == "":
		tm.used[name] = true
	case isResource:
		typ := r["Type"].(string)
		if attribute != "" && !slices.Contains(attributes[typ], attribute) {
			tm.t.Errorf("%s: %s has no attribute %s", where, typ, attribute)
		}
		if tm.needs[where] != nil {
			tm.needs[where][name] = true
		}
	default:
		tm.t.Errorf("%s: nothing is called %s", where, ref)
	}
}

func samTemplate(t *testing.T) *template {
	t.Helper()
	text, err := os.ReadFile("sam/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return readTemplate(t, text)
}

func TestSAMEveryReferenceResolvesAndEveryParameterIsUsed(t *testing.T) {
	tm := samTemplate(t)
	for name := range tm.parameters {
		if !tm.used[name] {
			t.Errorf("the parameter %s is not used", name)
		}
	}
	for name := range tm.conditions {
		if !tm.used[name] {
			t.Errorf("the condition %s is not used", name)
		}
	}
}

// TestSAMNothingWaitsForItself: CloudFormation refuses a circle of resources.
func TestSAMNothingWaitsForItself(t *testing.T) {
	tm := samTemplate(t)
	var visit func(path []string, name string)
	visit = func(path []string, name string) {
		if slices.Contains(path, name) {
			t.Fatalf("a circle: %s", strings.Join(append(path, name), " → "))
		}
		for next := range tm.needs[name] {
			visit(append(slices.Clone(path), name), next)
		}
	}
	for name := range tm.resources {
		visit(nil, name)
	}
}

// statements are those of the inline policies of a role, with the optional
// ones.
func (tm *template) statements(role string) (out []map[string]any) {
	properties := tm.resources[role].(map[string]any)["Properties"].(map[string]any)
	for _, p := range properties["Policies"].([]any) {
		for _, s := range p.(map[string]any)["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			st := s.(map[string]any)
			if choice, ok := st["!If"].([]any); ok {
				st = choice[1].(map[string]any)
			}
			out = append(out, st)
		}
	}
	return out
}

func list(v any) (out []string) {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	for _, e := range v.([]any) {
		out = append(out, e.(string))
	}
	return out
}

func TestSAMTheRolesAllowExactlyWhatTheCodeDoes(t *testing.T) {
	tm := samTemplate(t)
	for role, want := range map[string][]string{"FunctionRole": functionActions(), "SchedulerRole": schedulerActions()} {
		got := map[string]bool{}
		for _, s := range tm.statements(role) {
			for _, a := range list(s["Action"]) {
				got[a] = true
			}
		}
		if d := cmp.Diff(want, sorted(got)); d != "" {
			t.Errorf("%s: %s", role, d)
		}
	}
	for _, s := range tm.statements("FunctionRole") {
		sid, conditions := s["Sid"].(string), fmt.Sprint(s["Condition"])
		if slices.Contains(list(s["Action"]), "secretsmanager:PutSecretValue") && !strings.Contains(conditions, "secretsmanager:resource/AllowRotationLambdaArn") {
			t.Errorf("%s is for every secret, not only for those of this function", sid)
		}
		if slices.Contains(list(s["Action"]), "iam:PassRole") && !strings.Contains(conditions, "iam:PassedToService") {
			t.Errorf("%s lets the role be passed to any service", sid)
		}
		if s["Resource"] == "*" && sid != "LookForWhatIsOverdue" && sid != "InterfacesInTheVpc" {
			t.Errorf("%s is for every resource", sid)
		}
	}
}

func TestSAMTheFunctionHasWhatItNeeds(t *testing.T) {
	tm := samTemplate(t)
	p := tm.resources["Function"].(map[string]any)["Properties"].(map[string]any)
	if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" || p["DeadLetterQueue"] == nil || p["VpcConfig"] == nil {
		t.Errorf("%v", p)
	}
	var names []string
	for name := range p["Environment"].(map[string]any)["Variables"].(map[string]any) {
		names = append(names, name)
	}
	checkEnvironment(t, names)
	permission := tm.resources["SecretsManagerMayInvoke"].(map[string]any)["Properties"].(map[string]any)
	if permission["Principal"] != "secretsmanager.amazonaws.com" || permission["SourceAccount"] == nil {
		t.Errorf("%v", permission)
	}
	if in := tm.resources["Doctor"].(map[string]any)["Properties"].(map[string]any)["Target"].(map[string]any)["Input"]; in != `{"Step":"`+string(lambda.Doctor)+`"}` {
		t.Errorf("the schedule sends %s", in)
	}
}

func TestSAMTheAlarmsWatchWhatIsTold(t *testing.T) {
	tm := samTemplate(t)
	watched := map[string]bool{}
	for name, r := range tm.resources {
		p := r.(map[string]any)["Properties"].(map[string]any)
		if r.(map[string]any)["Type"] != "AWS::CloudWatch::Alarm" {
			continue
		}
		watched[p["Namespace"].(string)+" "+p["MetricName"].(string)] = true
		if p["AlarmActions"] == nil {
			t.Errorf("%s tells nobody", name)
		}
	}
	checkAlarms(t, watched)
}
