package lambda

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// TestDoctor: each row leaves something undone and says what is found, and
// what to run.
func TestDoctor(t *testing.T) {
	const invokeIt = "echo '{\"Step\":\"%STEP\",\"SecretId\":\"%ARN\",\"ClientRequestToken\":\"%V\"}' | aws lambda invoke --function-name " + functionARN + " --payload fileb:///dev/stdin /dev/stdout"
	for _, c := range []struct {
		name string
		do   func(w *world)
		kind string
		text string
		run  []string
	}{
		{"an overlap that is open is in order", func(*world) {}, "", "", nil},
		{"an ending whose time has passed a moment ago too", func(w *world) { w.pass(24*time.Hour + 30*time.Minute) }, "", "", nil},
		{
			"an ending that did not come", func(w *world) { w.pass(26 * time.Hour) }, EndingOverdue,
			"and is not proven dead",
			[]string{strings.Replace(invokeIt, "%STEP", "expireSecret", 1)},
		},
		{
			"a schedule that somebody deleted", func(w *world) { clear(w.schedules.have) }, EndingUnplanned,
			"no schedule will ask for it",
			[]string{strings.Replace(invokeIt, "%STEP", "expireSecret", 1)},
		},
		{"an ending at the next rotation needs no schedule", func(w *world) {
			s := w.describe("app/x")
			w.relabel(s, s.VersionOf(rota.Previous), rota.EndsLabel(s.VersionOf(rota.Previous), time.Time{}))
			clear(w.schedules.have)
		}, "", "", nil},
		{"an ending that was cancelled by moving AWSCURRENT back", func(w *world) {
			s := w.describe("app/x")
			_, err := w.client.UpdateSecretVersionStage(w.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: aws.String("app/x"), VersionStage: aws.String(rota.Current),
				RemoveFromVersionId: aws.String(s.VersionOf(rota.Current)), MoveToVersionId: aws.String(s.VersionOf(rota.Previous)),
			})
			w.must(err)
			// AWS leaves the label where it is; rota's store takes it off.
			w.relabel(w.describe("app/x"), s.VersionOf(rota.Previous), rota.EndsLabel(s.VersionOf(rota.Previous), w.now()))
			w.pass(26 * time.Hour)
		}, "", "", nil},
		{"a secret that is scheduled for deletion while an old credential lives", func(w *world) {
			_, err := w.client.DeleteSecret(w.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app/x")})
			w.must(err)
		}, SecretDeleted, "1 old ones can only be ended while the secret can be read", []string{
			"aws secretsmanager restore-secret --secret-id %ARN", strings.Replace(invokeIt, "%STEP", "expireSecret", 1), "aws secretsmanager delete-secret --secret-id %ARN",
		}},
		{"what a secret left that is gone", func(w *world) {
			_, err := w.client.DeleteSecret(w.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app/x"), ForceDeleteWithoutRecovery: aws.Bool(true)})
			w.must(err)
		}, ScheduleLeft, "its secret is gone", []string{"aws scheduler delete-schedule --name %NAME --group-name rota"}},
		{"a schedule for a secret of another region, which cannot be seen from here", func(w *world) {
			w.schedules.have["rota-elsewhere"] = map[string]any{"GroupName": "rota", "Target": map[string]any{
				"Arn": functionARN, "Input": `{"Step":"expireSecret","SecretId":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-abcdef","ClientRequestToken":"t"}`,
			}}
		}, "", "", nil},
		{"a schedule of somebody else's with a name like ours", func(w *world) {
			w.schedules.have["rota-of-cleaners"] = map[string]any{"GroupName": "default", "Target": map[string]any{"Arn": functionARN, "Input": `{"Step":"sweep"}`}}
		}, "", "", nil},
		{"a rotation that did not come", func(w *world) {
			w.must(w.rule("rate(4 hours)"))
			w.pass(4*24*time.Hour + time.Hour)
			w.expireAll()
		}, RotationOverdue, "it should have been rotated by", []string{"aws secretsmanager rotate-secret --secret-id %ARN"}},
		{"a rotation that does not finish", func(w *world) {
			w.must(w.rule("rate(4 hours)"))
			w.expireAll()
			token := w.rotate("app/x")
			_, err := w.invoke(rota.CreateSecret, "app/x", token)
			w.must(err)
			w.pass(4*24*time.Hour + time.Hour)
			w.schedules.have = nil
		}, RotationOverdue, "a rotation began and does not finish", []string{
			strings.Replace(strings.Replace(invokeIt, "%STEP", "resolveSecret", 1), "%V", "%PENDING", 1), "aws secretsmanager rotate-secret --secret-id %ARN",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			kinds[1].make(w)
			w.put("app/not-ours", rotationtest.UserValue("x", "x"))
			w.steps("app/x", w.rotate("app/x"), 1)
			was := w.describe("app/x")
			name := ScheduleName(was.ARN(), was.VersionOf(rota.Previous))
			c.do(w)
			pending := ""
			if out, err := w.client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("app/x")}); err == nil {
				s, err := described(out)
				w.must(err)
				pending = s.VersionOf(rota.Pending)
			}
			w.calls = nil
			w.schedules.calls = nil
			report, err := Checkup{Secrets: w.Secrets, Scheduler: w.Scheduler, Now: w.now()}.Run(t.Context())
			w.must(err)
			if len(w.schedules.wrote()) > 0 {
				t.Errorf("it changed something: %v", w.schedules.wrote())
			}
			var found []Finding
			for _, f := range report.Findings {
				if f.Kind == c.kind || c.kind == "" {
					found = append(found, f)
				}
			}
			if c.kind == "" {
				if len(found) > 0 {
					t.Errorf("it finds %+v", found)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0].Problem, c.text) {
				t.Fatalf("it finds %+v, want one %s with %q", report.Findings, c.kind, c.text)
			}
			fill := strings.NewReplacer("%ARN", was.ARN(), "%V", was.VersionOf(rota.Previous), "%PENDING", pending, "%NAME", name)
			var want []string
			for _, r := range c.run {
				want = append(want, fill.Replace(r))
			}
			if d := cmp.Diff(want, found[0].Run); d != "" {
				t.Error(d)
			}
		})
	}
}

// relabel replaces the ending of a version.
func (w *world) relabel(s rota.Secret, version, label string) {
	w.t.Helper()
	sec := &secrets{api: w.client, id: s.ARN(), own: s}
	for _, l := range s.Stages[version] {
		if rota.IsEndsLabel(l) {
			w.must(sec.UpdateVersionStage(w.t.Context(), s.ARN(), l, version, ""))
		}
	}
	w.must(sec.UpdateVersionStage(w.t.Context(), s.ARN(), label, "", version))
}

// rule sets a schedule of rotations without starting one.
func (w *world) rule(expression string) error {
	token := newID()
	_, err := w.client.RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: aws.String("app/x"), RotationLambdaARN: aws.String(functionARN), RotateImmediately: aws.Bool(false), ClientRequestToken: &token,
		RotationRules: &types.RotationRulesType{ScheduleExpression: &expression},
	})
	if err != nil {
		return err
	}
	if _, err = w.invoke(rota.TestSecret, "app/x", token); err != nil {
		return err
	}
	_, err = w.client.UpdateSecretVersionStage(w.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("app/x"), VersionStage: aws.String(rota.Pending), RemoveFromVersionId: &token,
	})
	return err
}

// expireAll ends what is due, as the schedules would.
func (w *world) expireAll() {
	w.t.Helper()
	if w.ahead == 0 {
		w.pass(25 * time.Hour)
	}
	_, err := w.invoke(rota.ExpireSecret, "app/x", w.describe("app/x").VersionOf(rota.Previous))
	w.must(err)
	clear(w.schedules.have)
}

// TestTheFunctionLooksByItself: the event doctor makes metrics, zero ones too,
// so that an alarm ends.
func TestTheFunctionLooksByItself(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w)
	w.steps("app/x", w.rotate("app/x"), 1)
	out, err := w.invoke(Doctor, "", "")
	if err != nil || out.Report == nil || out.Report.Secrets != 1 || out.Report.Schedules != 1 || len(out.Report.Findings) != 0 {
		t.Errorf("%+v, %v", out.Report, err)
	}
	if !strings.Contains(w.metrics.String(), `"EndingOverdue":0`) || !strings.Contains(w.metrics.String(), `"RotationOverdue":0`) {
		t.Errorf("metrics %s", w.metrics)
	}
	w.pass(26 * time.Hour)
	if _, err := w.invoke(Doctor, "", ""); err != nil || !strings.Contains(w.metrics.String(), `"EndingOverdue":1`) {
		t.Errorf("metrics %s, %v", w.metrics, err)
	}
}

// TestMetricsAreInTheEmbeddedFormat: CloudWatch ignores a line that is not.
func TestMetricsAreInTheEmbeddedFormat(t *testing.T) {
	w := newWorld(t)
	w.ahead = time.Until(noon)
	w.measure(map[string]int{"EndingOverdue": 2, "ScheduleLeft": 0})
	const want = `{"EndingOverdue":2,"FunctionName":"rota-rotation","ScheduleLeft":0,"_aws":{"CloudWatchMetrics":[{"Namespace":"rota","Dimensions":[["FunctionName"]],` +
		`"Metrics":[{"Name":"EndingOverdue","Unit":"Count"},{"Name":"ScheduleLeft","Unit":"Count"}]}],"Timestamp":`
	if got := w.metrics.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("got  %s\nwant %s…", got, want)
	}
}
