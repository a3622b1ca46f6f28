package deploy

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota/function/lambda"
)

// callsOf is every action of an AWS service that rota calls: the methods of
// the interface through which alone it calls.
func callsOf[Interface any](service string) (actions []string) {
	for m := range reflect.TypeFor[Interface]().Methods() {
		actions = append(actions, service+":"+m.Name)
	}
	return actions
}

// besides is what the function's role allows though rota never calls it: what
// AWS does in the role's name.
var besides = map[string]string{
	"iam:PassRole":                   "CreateSchedule and UpdateSchedule name the role of the schedule",
	"sqs:SendMessage":                "Lambda puts events that failed into the dead-letter queue",
	"logs:CreateLogStream":           "Lambda writes the function's log",
	"logs:PutLogEvents":              "the same",
	"kms:Decrypt":                    "Secrets Manager opens values under a customer managed key",
	"kms:GenerateDataKey":            "and seals them",
	"ec2:CreateNetworkInterface":     "Lambda connects the function to a VPC",
	"ec2:DeleteNetworkInterface":     "the same",
	"ec2:DescribeNetworkInterfaces":  "the same",
	"ec2:DescribeSubnets":            "the same",
	"ec2:AssignPrivateIpAddresses":   "the same",
	"ec2:UnassignPrivateIpAddresses": "the same",
}

// statement is one of a policy: what is allowed, on what, and when. Both
// templates are read into the same words.
type statement struct {
	Actions    []string
	Resources  []string // in a trust policy: who
	Conditions []string // of the request
	When       string   // of the template; "": always
}

// trust is the id of the one statement that says who may have a role.
const trust = "trust"

// The policies that both templates have, by the role, and in it by the id of
// the statement. A permission that is not in here must not be in a template.
var policies = map[string]map[string]statement{
	"function": {
		trust: {Actions: []string{"sts:AssumeRole"}, Resources: []string{"lambda.amazonaws.com"}},
		"SecretsOfThisFunction": {
			Actions: []string{
				"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
			},
			Resources:  []string{"arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:*"},
			Conditions: []string{"StringEquals secretsmanager:resource/AllowRotationLambdaArn arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME"},
		},
		"LookForWhatIsOverdue": {Actions: []string{"scheduler:ListSchedules", "secretsmanager:ListSecrets"}, Resources: []string{"*"}},
		"SchedulesOfThisFunction": {
			Actions:   []string{"scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"},
			Resources: []string{"arn:PARTITION:scheduler:REGION:ACCOUNT:schedule/NAME/rota-*"},
		},
		"GiveSchedulerItsRole": {
			Actions: []string{"iam:PassRole"}, Resources: []string{"SCHEDULER-ROLE"},
			Conditions: []string{"StringEquals iam:PassedToService scheduler.amazonaws.com"},
		},
		"Log":                  {Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resources: []string{"LOG:*"}},
		"KeepEventsThatFailed": {Actions: []string{"sqs:SendMessage"}, Resources: []string{"DEAD-LETTERS"}},
		"AdminSecrets": {
			Actions: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}, Resources: []string{"ADMIN-SECRETS"},
			When: "there are admin secrets",
		},
		"KeyOfTheSecrets": {
			Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: []string{"KEY"},
			Conditions: []string{"StringEquals kms:ViaService secretsmanager.REGION.amazonaws.com"}, When: "there is a key",
		},
		"InterfacesInTheVpc": {
			Actions: []string{
				"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
				"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
			},
			Resources: []string{"*"}, When: "there is a VPC",
		},
	},
	"scheduler": {
		trust: {
			Actions: []string{"sts:AssumeRole"}, Resources: []string{"scheduler.amazonaws.com"},
			Conditions: []string{"StringEquals aws:SourceAccount ACCOUNT"},
		},
		"Invoke": {
			Actions:   []string{"lambda:InvokeFunction"},
			Resources: []string{"arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME", "arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:*"},
		},
		"KeepEventsThatFailed": {Actions: []string{"sqs:SendMessage"}, Resources: []string{"DEAD-LETTERS"}},
	},
}

// permission is how Secrets Manager may invoke the function, in both templates.
var permission = map[string]string{
	"function": "FUNCTION", "action": "lambda:InvokeFunction", "principal": "secretsmanager.amazonaws.com", "account": "ACCOUNT",
}

// checkRole compares what a template lets a role do.
func checkRole(t *testing.T, role string, got map[string]statement) {
	t.Helper()
	for _, s := range got {
		slices.Sort(s.Actions)
	}
	if d := cmp.Diff(policies[role], got); d != "" {
		t.Errorf("what the role %s may do is not what the table of policies says (-table +template):\n%s", role, d)
	}
}

// TestTheTableAllowsExactlyWhatTheCodeCalls: each call has its permission, and
// there is none for a call that is never made.
func TestTheTableAllowsExactlyWhatTheCodeCalls(t *testing.T) {
	want := append(callsOf[lambda.SecretsManager]("secretsmanager"), callsOf[lambda.Scheduler]("scheduler")...)
	want = append(want, slices.Collect(maps.Keys(besides))...)
	got := map[string]bool{}
	for id, s := range policies["function"] {
		for _, a := range s.Actions {
			if id != trust {
				got[a] = true
			}
		}
	}
	slices.Sort(want)
	if d := cmp.Diff(want, sorted(got)); d != "" {
		t.Error(d)
	}
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// variables are those of the function's environment that rota reads by
// themselves; a setting of a rotator is any other that begins with ROTA_.
var variables = []string{
	lambda.AllowAdminSecrets, lambda.AllowHosts, lambda.AllowRotators, lambda.DeadLetterARN, lambda.SchedulerGroup, lambda.SchedulerRole,
}

// checkEnvironment wants each variable that the function needs, and none that
// nobody reads.
func checkEnvironment(t *testing.T, names []string) {
	t.Helper()
	for _, v := range variables {
		if !slices.Contains(names, v) {
			t.Errorf("the function's environment lacks %s", v)
		}
	}
	for _, n := range names {
		if !strings.HasPrefix(n, "ROTA_") {
			t.Errorf("the function's environment has %s, which rota does not read", n)
		}
	}
}

// checkAlarms wants alarms on what a person must hear of: failed and
// overdue rotations and endings, lost events, and a function that cannot say
// anything; each on a metric that is really told.
func checkAlarms(t *testing.T, watched map[string]bool) {
	t.Helper()
	want := []string{
		"AWS/Lambda Errors", "AWS/SQS ApproximateNumberOfMessagesVisible",
		"rota EndingNotProven", "rota EndingOverdue", "rota RotationFailed", "rota RotationOverdue",
	}
	if d := cmp.Diff(want, sorted(watched)); d != "" {
		t.Error(d)
	}
	for w := range watched {
		if name, ours := strings.CutPrefix(w, lambda.Namespace+" "); ours && !slices.Contains(lambda.Metrics(), name) {
			t.Errorf("nobody tells the metric %s", name)
		}
	}
}
