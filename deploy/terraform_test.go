package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rotahq/rota/function/lambda"
)

// module is the Terraform module: its blocks by their address, such as
// var.x, local.x, aws_iam_role.x, data.aws_region.x.
type module struct {
	t      *testing.T
	blocks map[string]*hclsyntax.Block
	locals map[string]hclsyntax.Expression
	used   map[string]bool
}

func readModule(t *testing.T, pattern string) *module {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	m := &module{t: t, blocks: map[string]*hclsyntax.Block{}, locals: map[string]hclsyntax.Expression{}, used: map[string]bool{}}
	p := hclparse.NewParser()
	for _, path := range files {
		f, diags := p.ParseHCLFile(path)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			m.add(b)
		}
	}
	for address, b := range m.blocks {
		m.body(address, b.Body, nil)
	}
	for name, e := range m.locals {
		m.expression("local."+name, e, nil)
	}
	return m
}

func (m *module) add(b *hclsyntax.Block) {
	address := strings.Join(b.Labels, ".")
	switch b.Type {
	case "terraform":
		return
	case "locals":
		for name, a := range b.Body.Attributes {
			m.locals[name] = a.Expr
		}
		return
	case "variable":
		address = "var." + address
	case "data", "output":
		address = b.Type + "." + address
	case "resource":
	default:
		m.t.Errorf("this test does not know the block %s", b.Type)
	}
	if m.blocks[address] != nil {
		m.t.Errorf("%s is there twice", address)
	}
	m.blocks[address] = b
}

// body resolves every reference in a block. A dynamic block has an iterator
// of its label's name.
func (m *module) body(where string, b *hclsyntax.Body, iterators []string) {
	for name, a := range b.Attributes {
		if strings.HasPrefix(where, "var.") && name == "type" {
			continue // a type is no expression with values
		}
		m.expression(where+"."+name, a.Expr, iterators)
	}
	for _, inner := range b.Blocks {
		its := iterators
		if inner.Type == "dynamic" {
			its = append(slices.Clone(iterators), inner.Labels[0])
		}
		m.body(where+"."+inner.Type, inner.Body, its)
	}
}

// known are what Terraform has by itself, with what the module uses of it.
var (
	functions    = []string{"can", "contains", "filebase64sha256", "join", "jsonencode", "keys", "length", "merge", "regex", "values"}
	tfAttributes = map[string][]string{
		"aws_cloudwatch_log_group":     {"arn", "name"},
		"aws_iam_role":                 {"arn", "id"},
		"aws_lambda_function":          {"arn", "function_name"},
		"aws_scheduler_schedule_group": {"name"},
		"aws_sqs_queue":                {"arn", "name", "url"},
		"data.aws_caller_identity":     {"account_id"},
		"data.aws_iam_policy_document": {"json"},
		"data.aws_partition":           {"partition"},
		"data.aws_region":              {"name"},
		"aws_iam_role_policy":          nil, // only waited for
		"aws_lambda_permission":        nil,
		"aws_cloudwatch_metric_alarm":  nil,
	}
)

func (m *module) expression(where string, e hclsyntax.Expression, iterators []string) {
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.FunctionCallExpr); ok && !slices.Contains(functions, f.Name) {
			m.t.Errorf("%s calls %s, which this test does not know", where, f.Name)
		}
		return nil
	})
	for _, t := range e.Variables() {
		m.refer(where, steps(t), iterators)
	}
}

// steps are the names of a traversal: a.b.c.
func steps(t hcl.Traversal) (out []string) {
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			out = append(out, s.Name)
		case hcl.TraverseAttr:
			out = append(out, s.Name)
		}
	}
	return out
}

func (m *module) refer(where string, path, iterators []string) {
	root := path[0]
	switch {
	case root == "each" && len(path) > 1 && (path[1] == "key" || path[1] == "value"), slices.Contains(iterators, root):
		return
	case root == "local" && len(path) > 1 && m.locals[path[1]] != nil:
		m.used["local."+path[1]] = true
		return
	}
	n := 2
	if root == "data" {
		n = 3
	}
	if len(path) < n || m.blocks[strings.Join(path[:n], ".")] == nil {
		m.t.Errorf("%s: nothing is called %s", where, strings.Join(path, "."))
		return
	}
	m.used[strings.Join(path[:n], ".")] = true
	if root == "var" || len(path) == n {
		return
	}
	if typ := strings.Join(path[:n-1], "."); !slices.Contains(tfAttributes[typ], path[n]) {
		m.t.Errorf("%s: this test knows no attribute %s of %s", where, path[n], typ)
	}
}

func terraformModule(t *testing.T) *module {
	t.Helper()
	return readModule(t, "terraform/*.tf")
}

func TestTerraformEveryReferenceResolvesAndEveryVariableIsUsed(t *testing.T) {
	m := terraformModule(t)
	for address, b := range m.blocks {
		if b.Type != "variable" {
			continue
		}
		if !m.used[address] {
			t.Errorf("%s is not used", address)
		}
		for _, want := range []string{"description", "type"} {
			if b.Body.Attributes[want] == nil {
				t.Errorf("%s has no %s", address, want)
			}
		}
	}
	for name := range m.locals {
		if !m.used["local."+name] {
			t.Errorf("local.%s is not used", name)
		}
	}
}

// texts are the literal texts of a list.
func (m *module) texts(e hclsyntax.Expression) (out []string) {
	m.t.Helper()
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		m.t.Fatalf("%s is no list", e.Range())
	}
	for _, e := range tuple.Exprs {
		v, diags := e.Value(nil)
		if diags.HasErrors() {
			m.t.Fatal(diags)
		}
		out = append(out, v.AsString())
	}
	return out
}

// policy lists the statements of a policy document.
func (m *module) policy(name string) (out []*hclsyntax.Body) {
	for _, b := range m.blocks["data.aws_iam_policy_document."+name].Body.Blocks {
		body := b.Body
		if b.Type == "dynamic" {
			body = body.Blocks[0].Body
		}
		out = append(out, body)
	}
	return out
}

func TestTerraformTheRolesAllowExactlyWhatTheCodeDoes(t *testing.T) {
	m := terraformModule(t)
	for name, want := range map[string][]string{"function": functionActions(), "scheduler": schedulerActions()} {
		got := map[string]bool{}
		for _, s := range m.policy(name) {
			for _, a := range m.texts(s.Attributes["actions"].Expr) {
				got[a] = true
			}
		}
		if d := cmp.Diff(want, sorted(got)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, s := range m.policy("function") {
		actions := m.texts(s.Attributes["actions"].Expr)
		var conditions []string
		for _, b := range s.Blocks {
			v, diags := b.Body.Attributes["variable"].Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			conditions = append(conditions, v.AsString())
		}
		for action, condition := range map[string]string{
			"secretsmanager:PutSecretValue": "secretsmanager:resource/AllowRotationLambdaArn", "iam:PassRole": "iam:PassedToService", "kms:Decrypt": "kms:ViaService",
		} {
			if slices.Contains(actions, action) && !slices.Contains(conditions, condition) {
				t.Errorf("%s is allowed without %s", action, condition)
			}
		}
	}
}

func TestTerraformTheFunctionHasWhatItNeeds(t *testing.T) {
	m := terraformModule(t)
	f := m.blocks["aws_lambda_function.rota"].Body
	for name, want := range map[string]string{"handler": "bootstrap", "runtime": "provided.al2023"} {
		if v, diags := f.Attributes[name].Expr.Value(nil); diags.HasErrors() || v.AsString() != want {
			t.Errorf("%s is not %s", name, want)
		}
	}
	var names, blocks []string
	for _, b := range f.Blocks {
		blocks = append(blocks, strings.Join(append([]string{b.Type}, b.Labels...), " "))
		if b.Type != "environment" {
			continue
		}
		merge := b.Body.Attributes["variables"].Expr.(*hclsyntax.FunctionCallExpr)
		for _, item := range merge.Args[len(merge.Args)-1].(*hclsyntax.ObjectConsExpr).Items { // the last one wins
			v, diags := item.KeyExpr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			names = append(names, v.AsString())
		}
	}
	checkEnvironment(t, names)
	for _, want := range []string{"dead_letter_config", "dynamic vpc_config"} {
		if !slices.Contains(blocks, want) {
			t.Errorf("the function has no %s", want)
		}
	}
	target := m.blocks["aws_scheduler_schedule.doctor"].Body.Blocks[1].Body.Attributes["input"].Expr.(*hclsyntax.FunctionCallExpr)
	if v, diags := target.Args[0].(*hclsyntax.ObjectConsExpr).Items[0].ValueExpr.Value(nil); diags.HasErrors() || v.AsString() != string(lambda.Doctor) {
		t.Error("the schedule does not send the event doctor")
	}
}

func TestTerraformTheAlarmsWatchWhatIsTold(t *testing.T) {
	m := terraformModule(t)
	text := func(e hclsyntax.Expression) string {
		v, diags := e.Value(nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return v.AsString()
	}
	watched := map[string]bool{}
	for _, name := range []string{"errors", "dead_letters"} {
		b := m.blocks["aws_cloudwatch_metric_alarm."+name].Body
		watched[text(b.Attributes["namespace"].Expr)+" "+text(b.Attributes["metric_name"].Expr)] = true
	}
	namespace := text(m.blocks["aws_cloudwatch_metric_alarm.rota"].Body.Attributes["namespace"].Expr)
	for _, item := range m.locals["alarms"].(*hclsyntax.ObjectConsExpr).Items {
		watched[namespace+" "+text(item.KeyExpr)] = true
	}
	checkAlarms(t, watched)
}
