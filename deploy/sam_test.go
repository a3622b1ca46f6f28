package deploy

import (
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

// template is the SAM template as plain values; a short form such as !Ref or
// !Sub is read as its long form, a map with Ref or Fn::Sub as its only key.
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
	for name := range doc {
		if !slices.Contains([]string{"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs"}, name) {
			t.Errorf("this test does not know the section %s", name)
		}
	}
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
		tm.resource(name, r.(map[string]any))
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

// long is the long form of a tag.
func long(tag string) string {
	switch name := strings.TrimPrefix(tag, "!"); name {
	case "Ref", "Condition":
		return name
	default:
		return "Fn::" + name
	}
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
		return map[string]any{long(n.Start.Value): plain(t, n.Value)}
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

// resource resolves what a resource says beside its properties, and all of
// those.
func (tm *template) resource(name string, r map[string]any) {
	for attribute, v := range r {
		switch attribute {
		case "Type":
		case "DependsOn":
			for _, other := range list(v) {
				if tm.resources[other] == nil {
					tm.t.Errorf("%s: DependsOn names %s, and there is no such resource", name, other)
				}
				tm.needs[name][other] = true
			}
		case "Condition", "Properties":
			tm.walk(name, map[string]any{attribute: v})
		default:
			tm.t.Errorf("%s: this test does not know the attribute %s", name, attribute)
		}
	}
}

// walk resolves every reference below a value.
func (tm *template) walk(where string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			tm.walk(where, e)
		}
	case map[string]any:
		for k, e := range v {
			tm.member(where, k, e)
		}
	}
}

func (tm *template) member(where, k string, e any) {
	text, isText := e.(string)
	switch {
	case k == "Ref" && isText:
		tm.refer(where, text)
	case k == "Fn::GetAtt":
		name := attributeOf(e)
		if tm.refer(where, name); !strings.Contains(name, ".") {
			tm.t.Errorf("%s: GetAtt %s names no attribute", where, name)
		}
	case k == "Fn::Sub" && isText:
		for _, m := range inSub.FindAllStringSubmatch(text, -1) {
			tm.refer(where, m[1])
		}
	case k == "Condition" && isText: // that of a policy's statement is a map
		tm.condition(where, text)
	case k == "Fn::If":
		tm.condition(where, e.([]any)[0].(string))
		if n := len(e.([]any)); n != 3 {
			tm.t.Errorf("%s: If %v has %d values", where, e, n)
		}
		tm.walk(where, e)
	case k == "Fn::Not", k == "Fn::Equals", k == "Fn::Join":
		tm.walk(where, e)
	case k == "Ref", strings.HasPrefix(k, "Fn::"):
		tm.t.Errorf("%s: this test does not know %s of %v", where, k, e)
	default:
		tm.walk(where, e)
	}
}

// attributeOf is what GetAtt names, as a text or as a list: Resource.Attribute.
func attributeOf(v any) string { return strings.Join(list(v), ".") }

func (tm *template) condition(where, name string) {
	if tm.used[name] = true; tm.conditions[name] == nil {
		tm.t.Errorf("%s: there is no condition %s", where, name)
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

// samWords are the template's words for what both templates name.
var samWords = strings.NewReplacer(
	"${AWS::Partition}", "PARTITION", "${AWS::Region}", "REGION", "${AWS::AccountId}", "ACCOUNT", "${FunctionName}", "NAME", "${Function}", "FUNCTION",
	"${SchedulerRole.Arn}", "SCHEDULER-ROLE", "${LogGroup.Arn}", "LOG:*", "${DeadLetters.Arn}", "DEAD-LETTERS", // the log's ARN ends in :*
	"${AdminSecretArns}", "ADMIN-SECRETS", "${KmsKeyArn}", "KEY",
	"HasAdmins", "there are admin secrets", "HasKey", "there is a key", "HasVpc", "there is a VPC",
)

// text is a text, or a reference as it is in Sub.
func (tm *template) text(v any) string {
	s, isText := v.(string)
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		for k, e := range m {
			switch k {
			case "Ref", "Fn::GetAtt":
				s, isText = "${"+attributeOf(e)+"}", true
			case "Fn::Sub":
				s, isText = e.(string)
			}
		}
	}
	if !isText {
		tm.t.Errorf("this test does not know the text %v", v)
	}
	return samWords.Replace(s)
}

// texts are one text or several.
func (tm *template) texts(v any) (out []string) {
	several, ok := v.([]any)
	if !ok {
		several = []any{v}
	}
	for _, e := range several {
		out = append(out, tm.text(e))
	}
	return out
}

// statement reads one, which must have no member that is not compared.
func (tm *template) statement(v any, when string) (id string, s statement) {
	m := v.(map[string]any)
	if choice, ok := m["Fn::If"].([]any); ok {
		if cmp.Diff(choice[2], map[string]any{"Ref": "AWS::NoValue"}) != "" {
			tm.t.Errorf("a statement of a policy has another in its place")
		}
		return tm.statement(choice[1], tm.text(choice[0]))
	}
	id, s.When = trust, when
	for k, e := range m {
		switch k {
		case "Sid":
			id = e.(string)
		case "Effect":
			if e != "Allow" {
				tm.t.Errorf("a statement has the effect %v", e)
			}
		case "Action":
			s.Actions = tm.texts(e)
		case "Resource":
			s.Resources = tm.texts(e)
		case "Principal":
			for kind, who := range e.(map[string]any) {
				if s.Resources = tm.texts(who); kind != "Service" {
					tm.t.Errorf("a role is for the %s %v", kind, who)
				}
			}
		case "Condition":
			for operator, keys := range e.(map[string]any) {
				for key, value := range keys.(map[string]any) {
					s.Conditions = append(s.Conditions, operator+" "+key+" "+tm.text(value))
				}
			}
		default:
			tm.t.Errorf("this test does not know %s of a statement", k)
		}
	}
	return id, s
}

// policy is all that a role says: who may have it, and what it may do.
func (tm *template) policy(role string) map[string]statement {
	out := map[string]statement{}
	add := func(document any) {
		for _, v := range document.(map[string]any)["Statement"].([]any) {
			id, s := tm.statement(v, "")
			if _, twice := out[id]; twice {
				tm.t.Errorf("%s: the statement %s is there twice", role, id)
			}
			out[id] = s
		}
	}
	for name, v := range tm.properties(role) {
		switch name {
		case "AssumeRolePolicyDocument":
			add(v)
		case "Policies":
			for _, p := range v.([]any) {
				add(p.(map[string]any)["PolicyDocument"])
			}
		default:
			tm.t.Errorf("%s: this test does not know %s", role, name)
		}
	}
	return out
}

func (tm *template) properties(resource string) map[string]any {
	tm.t.Helper()
	r, ok := tm.resources[resource].(map[string]any)
	if !ok {
		tm.t.Fatalf("there is no resource %s", resource)
	}
	return r["Properties"].(map[string]any)
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

func TestSAMTheRolesAllowExactlyWhatTheTableSays(t *testing.T) {
	tm := samTemplate(t)
	roles := map[string]string{"FunctionRole": "function", "SchedulerRole": "scheduler"}
	for name, role := range roles {
		checkRole(t, role, tm.policy(name))
	}
	for name, r := range tm.resources {
		if typ := r.(map[string]any)["Type"].(string); strings.HasPrefix(typ, "AWS::IAM::") && roles[name] == "" {
			t.Errorf("%s, a %s, is in no table", name, typ)
		}
	}
	if _, own := tm.properties("Function")["Policies"]; own {
		t.Error("the function has policies beside its role")
	}
}

func TestSAMSecretsManagerMayInvokeTheFunction(t *testing.T) {
	tm := samTemplate(t)
	p := tm.properties("SecretsManagerMayInvoke")
	got := map[string]string{
		"function": tm.text(p["FunctionName"]), "action": tm.text(p["Action"]), "principal": tm.text(p["Principal"]), "account": tm.text(p["SourceAccount"]),
	}
	if d := cmp.Diff(permission, got); d != "" {
		t.Error(d)
	}
}

func TestSAMTheFunctionHasWhatItNeeds(t *testing.T) {
	tm := samTemplate(t)
	p := tm.properties("Function")
	if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" || p["DeadLetterQueue"] == nil || p["VpcConfig"] == nil {
		t.Errorf("%v", p)
	}
	var names []string
	for name := range p["Environment"].(map[string]any)["Variables"].(map[string]any) {
		names = append(names, name)
	}
	checkEnvironment(t, names)
	if in := tm.properties("Doctor")["Target"].(map[string]any)["Input"]; in != `{"Step":"`+string(lambda.Doctor)+`"}` {
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
