package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
)

// The kinds of findings.
const (
	EndingOverdue   = "ending overdue"          // the label's time has passed and the label is still there
	EndingUnplanned = "ending without schedule" // no schedule will ask for it
	SecretDeleted   = "secret deleted"          // it cannot be read, so its credentials cannot be ended
	ScheduleLeft    = "schedule left"           // its secret is gone
	RotationOverdue = "rotation overdue"
)

// Finding is one thing that a person should mend.
type Finding struct {
	Kind    string    `json:"kind"`
	Secret  string    `json:"secret,omitempty"` // name, or the ARN of one that is gone
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Problem string    `json:"problem"`
	Run     []string  `json:"run"` // the commands that mend it, in order
}

// Report is what a look at an account and region found.
type Report struct {
	Secrets   int       `json:"secrets"` // how many of rota's were looked at
	Schedules int       `json:"schedules"`
	Findings  []Finding `json:"findings"`
}

// Checkup looks at every secret of the account and region that rota rotates,
// and at every schedule that rota made. It changes nothing.
type Checkup struct {
	Secrets   SecretsManager
	Scheduler Scheduler
	Now       time.Time
	// Function, if given, is the ARN of the one function whose secrets are
	// meant. Otherwise they are told by rota's labels and tags.
	Function string
}

// late is how much later than planned is overdue: Scheduler fires within a
// minute, and a failed ending is tried again for a while.
const late = time.Hour

// look is one look, as it goes on.
type look struct {
	Checkup
	report    Report
	scheduled map[rota.Event]bool // which endings have a schedule
}

// Run looks. What could not be read is an error; what was found before it is
// in the report.
func (c Checkup) Run(ctx context.Context) (Report, error) {
	l := &look{Checkup: c, report: Report{Findings: []Finding{}}, scheduled: map[rota.Event]bool{}}
	all, err := l.secrets(ctx)
	if err != nil {
		return l.report, err
	}
	known := map[string]bool{}
	for _, s := range all {
		known[aws.ToString(s.ARN)] = true
	}
	if err := l.schedules(ctx, known); err != nil {
		return l.report, err
	}
	for _, s := range all {
		if l.ours(s) {
			l.report.Secrets++
			l.secret(s)
		}
	}
	return l.report, nil
}

func (l *look) secrets(ctx context.Context) (all []types.SecretListEntry, err error) {
	pages := secretsmanager.NewListSecretsPaginator(l.Secrets, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("ListSecrets", "", err)
		}
		all = append(all, page.SecretList...)
	}
	return all, nil
}

// ours tells the secrets that rota rotates.
func (l *look) ours(s types.SecretListEntry) bool {
	if l.Function != "" {
		return unqualified(aws.ToString(s.RotationLambdaARN)) == unqualified(l.Function)
	}
	for _, t := range s.Tags {
		if strings.HasPrefix(aws.ToString(t.Key), "rota:") && aws.ToString(s.RotationLambdaARN) != "" {
			return true
		}
	}
	for _, labels := range s.SecretVersionsToStages {
		if slices.ContainsFunc(labels, rota.IsEndsLabel) {
			return true
		}
	}
	return false
}

// unqualified is a function's ARN without version or alias.
func unqualified(arn string) string {
	if p := strings.Split(arn, ":"); len(p) == 8 {
		return strings.Join(p[:7], ":")
	}
	return arn
}

func (l *look) find(f Finding) { l.report.Findings = append(l.report.Findings, f) }

// secret looks at one secret, which is described by its entry in the list.
func (l *look) secret(s types.SecretListEntry) {
	name, arn := aws.ToString(s.Name), aws.ToString(s.ARN)
	sec := rota.Secret{Stages: stages(s.SecretVersionsToStages)}
	current, pending := sec.VersionOf(rota.Current), sec.VersionOf(rota.Pending)
	var open []string // the versions whose credentials have still to end
	for _, v := range slices.Sorted(maps.Keys(sec.Stages)) {
		if v != current && v != pending && slices.ContainsFunc(sec.Stages[v], rota.IsEndsLabel) {
			open = append(open, v)
		}
	}
	if s.DeletedDate != nil {
		l.deleted(s, open)
		return
	}
	for _, v := range open {
		due, _ := endingOf(sec, v)
		f := Finding{Secret: name, Version: v, Since: due, Run: []string{invoke(s, rota.ExpireSecret, v)}}
		switch planned := l.scheduled[ending(arn, v)]; {
		case due.IsZero(): // at the next rotation
			continue
		case l.Now.Sub(due) > late:
			f.Kind, f.Problem = EndingOverdue, "its old credential was to end at "+due.Format(time.RFC3339)+" and is not proven dead"
		case !planned && l.Now.Before(due):
			f.Kind, f.Problem = EndingUnplanned, "its old credential is to end at "+due.Format(time.RFC3339)+", and no schedule will ask for it; this plans it again"
		default:
			continue
		}
		l.find(f)
	}
	if next := aws.ToTime(s.NextRotationDate); aws.ToBool(s.RotationEnabled) && !next.IsZero() && l.Now.Sub(next) > late {
		f := Finding{Kind: RotationOverdue, Secret: name, Version: pending, Since: next, Problem: "it should have been rotated by " + next.UTC().Format(time.RFC3339)}
		if pending != "" && pending != current {
			f.Problem += "; a rotation began and does not finish, and the function's log says why. The first command leaves a value in AWSCURRENT that works, the second tries again"
			f.Run = append(f.Run, invoke(s, rota.ResolveSecret, pending))
		}
		f.Run = append(f.Run, "aws secretsmanager rotate-secret --secret-id "+shell(arn))
		l.find(f)
	}
}

// deleted tells of a secret that is scheduled for deletion: while it is, none
// of its values can be read, and nothing can be ended.
func (l *look) deleted(s types.SecretListEntry, open []string) {
	arn := aws.ToString(s.ARN)
	f := Finding{
		Kind: SecretDeleted, Secret: aws.ToString(s.Name), Since: aws.ToTime(s.DeletedDate),
		Problem: fmt.Sprintf("it is scheduled for deletion. Its current credential stays alive, and %d old ones can only be ended while the secret can be read", len(open)),
	}
	if len(open) > 0 {
		f.Run = append(f.Run, "aws secretsmanager restore-secret --secret-id "+shell(arn))
		for _, v := range open {
			f.Run = append(f.Run, invoke(s, rota.ExpireSecret, v))
		}
		f.Run = append(f.Run, "aws secretsmanager delete-secret --secret-id "+shell(arn))
	}
	l.find(f)
}

// schedules reads the schedules that rota made, and finds those whose secret
// is gone.
func (l *look) schedules(ctx context.Context, known map[string]bool) error {
	pages := scheduler.NewListSchedulesPaginator(l.Scheduler, &scheduler.ListSchedulesInput{NamePrefix: aws.String(schedulePrefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return failed("ListSchedules", schedulePrefix, err)
		}
		for _, s := range page.Schedules {
			if l.Function != "" && (s.Target == nil || unqualified(aws.ToString(s.Target.Arn)) != unqualified(l.Function)) {
				continue
			}
			if err := l.schedule(ctx, aws.ToString(s.Name), aws.ToString(s.GroupName), known); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *look) schedule(ctx context.Context, name, group string, known map[string]bool) error {
	out, err := l.Scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name, GroupName: &group})
	if err := failed("GetSchedule", name, err); errors.Is(err, rota.NotFound) {
		return nil // it fired meanwhile
	} else if err != nil {
		return err
	}
	var ev rota.Event
	if out.Target == nil || json.Unmarshal([]byte(aws.ToString(out.Target.Input)), &ev) != nil || ev.Step != rota.ExpireSecret {
		return nil // somebody else's, whatever its name
	}
	l.report.Schedules++
	l.scheduled[ending(ev.SecretID, ev.ClientRequestToken)] = true
	if !known[ev.SecretID] && place(ev.SecretID) == place(aws.ToString(out.Arn)) {
		l.find(Finding{
			Kind: ScheduleLeft, Secret: ev.SecretID, Version: ev.ClientRequestToken,
			Problem: "its secret is gone, and with it the value that would be ended: end that credential at the provider by hand",
			Run:     []string{"aws scheduler delete-schedule --name " + shell(name) + " --group-name " + shell(group)},
		})
	}
	return nil
}

// place is the region and account of an ARN. Whether a secret of another place
// is gone cannot be seen from here.
func place(arn string) string {
	p := strings.Split(arn, ":")
	if len(p) < 6 {
		return ""
	}
	return p[3] + ":" + p[4]
}

func ending(arn, version string) rota.Event {
	return rota.Event{Step: rota.ExpireSecret, SecretID: arn, ClientRequestToken: version}
}

// invoke is the command that sends an event to the secret's function.
func invoke(s types.SecretListEntry, step rota.Step, version string) string {
	function := aws.ToString(s.RotationLambdaARN)
	if function == "" {
		function = "FUNCTION"
	}
	payload, err := json.Marshal(rota.Event{Step: step, SecretID: aws.ToString(s.ARN), ClientRequestToken: version})
	if err != nil {
		return "" // three strings always encode
	}
	// Version 1 of the CLI takes a payload as it is, version 2 as base64, and
	// both take the bytes of a file.
	return "echo " + shell(string(payload)) + " | aws lambda invoke --function-name " + shell(function) + " --payload fileb:///dev/stdin /dev/stdout"
}

// shell quotes a word for a shell where that is needed.
func shell(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// doctor is the event of that name: what it finds becomes metrics, of which
// the alarms of the templates hear.
func (f *Function) doctor(ctx context.Context) (Report, error) {
	report, err := Checkup{Secrets: f.Secrets, Scheduler: f.Scheduler, Now: f.Now(), Function: invokedARN(ctx)}.Run(ctx)
	if err != nil {
		return report, err
	}
	n := map[string]int{}
	for _, found := range report.Findings {
		if len(found.Run) > 0 { // what a person can do something about
			n[found.Kind]++
		}
		f.Log.WarnContext(ctx, found.Kind, "secret", found.Secret, "version", found.Version, "problem", found.Problem, "run", found.Run)
	}
	f.measure(map[string]int{
		"EndingOverdue": n[EndingOverdue] + n[EndingUnplanned] + n[SecretDeleted], "RotationOverdue": n[RotationOverdue], "ScheduleLeft": n[ScheduleLeft],
	})
	return report, nil
}
