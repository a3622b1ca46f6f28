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

// functionActions is what the function's role must allow, no more and no less:
// rota's own calls, and what AWS does in the role's name.
func functionActions() []string {
	actions := append(callsOf[lambda.SecretsManager]("secretsmanager"), callsOf[lambda.Scheduler]("scheduler")...)
	for action := range map[string]string{
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
	} {
		actions = append(actions, action)
	}
	slices.Sort(actions)
	return actions
}

// schedulerActions is what the role of the schedules must allow.
func schedulerActions() []string { return []string{"lambda:InvokeFunction", "sqs:SendMessage"} }

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
