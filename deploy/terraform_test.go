package deploy

import (
	"maps"
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
	files  map[string]*hcl.File
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
	m.files = p.Files()
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

// terraformWords are the module's words for what both templates name.
var terraformWords = strings.NewReplacer(
	"${data.aws_partition.this.partition}", "PARTITION", "${data.aws_region.this.name}", "REGION", "${data.aws_caller_identity.this.account_id}", "ACCOUNT",
	"${var.function_name}", "NAME", "${aws_lambda_function.rota.function_name}", "FUNCTION",
	"${aws_iam_role.scheduler.arn}", "SCHEDULER-ROLE", "${aws_cloudwatch_log_group.rota.arn}", "LOG", "${aws_sqs_queue.dead_letters.arn}", "DEAD-LETTERS",
	"each of [values(var.admin_secrets)] unless length(var.admin_secrets) == 0", "there are admin secrets", "${[values(var.admin_secrets)]}", "ADMIN-SECRETS",
	"each of [var.kms_key_arn] unless var.kms_key_arn == null", "there is a key", "${[var.kms_key_arn]}", "KEY",
	"each of [var.vpc] unless var.vpc == null", "there is a VPC",
)

// source is an expression as it is written.
func (m *module) source(e hclsyntax.Expression) string {
	return string(e.Range().SliceBytes(m.files[e.Range().Filename].Bytes))
}

// text is an expression as a text: locals are resolved, and of is what the
// iterator of a dynamic block goes through.
func (m *module) text(e hclsyntax.Expression, of string) string {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		if e.Val.Type().FriendlyName() == "string" {
			return e.Val.AsString()
		}
	case *hclsyntax.TemplateExpr:
		var b strings.Builder
		for _, p := range e.Parts {
			b.WriteString(m.text(p, of))
		}
		return terraformWords.Replace(b.String())
	case *hclsyntax.ScopeTraversalExpr:
		path := steps(e.Traversal)
		if local := m.locals[path[len(path)-1]]; path[0] == "local" && local != nil {
			return m.text(local, of)
		}
		if of != "" && slices.Equal(path, []string{"statement", "value"}) {
			return terraformWords.Replace("${" + of + "}")
		}
	}
	return terraformWords.Replace("${" + m.source(e) + "}")
}

// texts are those of a list, or of what stands for one.
func (m *module) texts(e hclsyntax.Expression, of string) (out []string) {
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		return []string{m.text(e, of)}
	}
	for _, e := range tuple.Exprs {
		out = append(out, m.text(e, of))
	}
	return out
}

// statement reads one, which must have no attribute that is not compared.
func (m *module) statement(b *hclsyntax.Body, of string) (id string, s statement) {
	id = trust
	for name, a := range b.Attributes {
		switch name {
		case "sid":
			id = m.text(a.Expr, "")
		case "actions":
			s.Actions = m.texts(a.Expr, of)
		case "resources":
			s.Resources = m.texts(a.Expr, of)
		default:
			m.t.Errorf("this test does not know %s of a statement", name)
		}
	}
	for _, inner := range b.Blocks {
		get := func(name string) string { return strings.Join(m.texts(inner.Body.Attributes[name].Expr, of), ",") }
		switch inner.Type {
		case "condition":
			s.Conditions = append(s.Conditions, get("test")+" "+get("variable")+" "+get("values"))
		case "principals":
			s.Resources = m.texts(inner.Body.Attributes["identifiers"].Expr, of)
			if typ := get("type"); typ != "Service" {
				m.t.Errorf("a role is for the %s %q", typ, s.Resources)
			}
		default:
			m.t.Errorf("this test does not know the block %s of a statement", inner.Type)
		}
	}
	return id, s
}

// policy is all that a role says: who may have it, and what it may do.
func (m *module) policy(role string) map[string]statement {
	out := map[string]statement{}
	for _, document := range []string{role, role + "_trust"} {
		body := m.block("data.aws_iam_policy_document." + document).Body
		for name := range body.Attributes {
			m.t.Errorf("%s: this test does not know %s of a policy document", document, name)
		}
		for _, b := range body.Blocks {
			body, of, when := b.Body, "", ""
			if b.Type == "dynamic" {
				choice, ok := body.Attributes["for_each"].Expr.(*hclsyntax.ConditionalExpr)
				if !ok || m.source(choice.TrueResult) != "[]" {
					m.t.Fatalf("%s: an optional statement is for each of CONDITION ? [] : [VALUE]", document)
				}
				of = m.source(choice.FalseResult)
				when = terraformWords.Replace("each of " + of + " unless " + m.source(choice.Condition))
				body = body.Blocks[0].Body
			}
			id, s := m.statement(body, of)
			s.When = when
			if _, twice := out[id]; twice {
				m.t.Errorf("%s: the statement %s is there twice", document, id)
			}
			out[id] = s
		}
	}
	return out
}

func (m *module) block(address string) *hclsyntax.Block {
	m.t.Helper()
	if m.blocks[address] == nil {
		m.t.Fatalf("there is no %s", address)
	}
	return m.blocks[address]
}

func TestTerraformTheRolesAllowExactlyWhatTheTableSays(t *testing.T) {
	m := terraformModule(t)
	known := map[string][]string{} // attributes of all that grants
	for _, role := range []string{"function", "scheduler"} {
		checkRole(t, role, m.policy(role))
		known["aws_iam_role."+role] = []string{"assume_role_policy", "name", "tags"}
		known["aws_iam_role_policy."+role] = []string{"name", "policy", "role"}
		for address, want := range map[string]string{
			"aws_iam_role." + role + " assume_role_policy": "${data.aws_iam_policy_document." + role + "_trust.json}",
			"aws_iam_role_policy." + role + " policy":      "${data.aws_iam_policy_document." + role + ".json}",
			"aws_iam_role_policy." + role + " role":        "${aws_iam_role." + role + ".id}",
		} {
			block, attribute, _ := strings.Cut(address, " ")
			if got := m.text(m.block(block).Body.Attributes[attribute].Expr, ""); got != want {
				t.Errorf("%s is %s, want %s", address, got, want)
			}
		}
	}
	for address, b := range m.blocks {
		if b.Type != "resource" || !strings.HasPrefix(address, "aws_iam_") {
			continue
		}
		if got := slices.Sorted(maps.Keys(b.Body.Attributes)); !slices.Equal(got, known[address]) || len(b.Body.Blocks) > 0 {
			t.Errorf("%s has %q, want %q and no blocks: what it grants is in no table", address, got, known[address])
		}
	}
}

func TestTerraformSecretsManagerMayInvokeTheFunction(t *testing.T) {
	m := terraformModule(t)
	got := map[string]string{}
	for name, a := range m.block("aws_lambda_permission.secrets_manager").Body.Attributes {
		got[strings.NewReplacer("_name", "", "source_", "").Replace(name)] = m.text(a.Expr, "")
	}
	if d := cmp.Diff(permission, got); d != "" {
		t.Error(d)
	}
	// Rotation is refused before: whoever takes the ARN from here waits for it.
	if got := m.source(m.block("output.function_arn").Body.Attributes["depends_on"].Expr); got != "[aws_lambda_permission.secrets_manager]" {
		t.Errorf("the output function_arn waits for %s", got)
	}
}

func TestTerraformTheFunctionHasWhatItNeeds(t *testing.T) {
	m := terraformModule(t)
	f := m.block("aws_lambda_function.rota").Body
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
