package lambda

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

const (
	secretARN   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-AbCdEf"
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:rota-rotation"
	roleARN     = "arn:aws:iam::123456789012:role/rota-scheduler"
	queueARN    = "arn:aws:sqs:us-east-1:123456789012:rota-dead"
	oldVersion  = "0a1b2c3d-1111-4111-8111-111111111111"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

var (
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	scheduled = environment(SchedulerRole, roleARN, SchedulerGroup, "rota", DeadLetterARN, queueARN)
)

func testTimer(s *schedules) timer {
	return timer{api: s.client, env: scheduled, target: functionARN, now: noon, over: noon.Add(5 * time.Minute)}
}

func endingAt(at time.Time) rota.Credential {
	return rota.Credential{SecretARN: secretARN, Version: oldVersion, State: rota.Superseded, NotBefore: at}
}

// wantSchedule is the whole body of the call, member by member as the service
// model has them.
func wantSchedule(at string) map[string]any {
	return map[string]any{
		"GroupName":                  "rota",
		"Description":                "rota ends the credential of version " + oldVersion + " of " + secretARN,
		"ScheduleExpression":         at,
		"ScheduleExpressionTimezone": "UTC",
		"FlexibleTimeWindow":         map[string]any{"Mode": "OFF"},
		"ActionAfterCompletion":      "DELETE",
		"State":                      "ENABLED",
		"ClientToken":                ScheduleName(ScheduleName(secretARN, oldVersion), at),
		"Target": map[string]any{
			"Arn": functionARN, "RoleArn": roleARN,
			"Input":            `{"Step":"expireSecret","SecretId":"` + secretARN + `","ClientRequestToken":"` + oldVersion + `"}`,
			"DeadLetterConfig": map[string]any{"Arn": queueARN},
			"RetryPolicy":      map[string]any{"MaximumEventAgeInSeconds": 86400.0, "MaximumRetryAttempts": 185.0},
		},
	}
}

func TestAnEndingIsOneScheduleWithEveryMember(t *testing.T) {
	s := newSchedules(t)
	at := time.Date(2026, 11, 24, 14, 30, 15, 1, time.FixedZone("east", 2*3600))
	if err := testTimer(s).Schedule(t.Context(), endingAt(at), rota.Value{}); err != nil {
		t.Fatal(err)
	}
	// The name: "rota-" and 32 hex digits of SHA-256 of ARN and version id.
	const path = "/schedules/rota-74bfedf4c595dc205488884010674441"
	want := []call{{http.MethodPost, path, "", wantSchedule("at(2026-11-24T12:30:16)")}}
	if d := cmp.Diff(want, s.wrote(), cmp.AllowUnexported(call{})); d != "" {
		t.Error(d)
	}
}

func TestScheduleRules(t *testing.T) {
	for _, c := range []struct {
		name string
		at   time.Time
		on   []int // statuses of the calls that change something, 0 for what the listener does by itself
		want []string
		err  string
	}{
		{"at the next rotation needs no schedule", time.Time{}, nil, nil, ""},
		{"the time of the policy", noon.Add(time.Hour), nil, []string{"POST at(2026-11-23T13:00:00)"}, ""},
		{
			"at once is after the invocation that moves AWSCURRENT is surely over", noon, nil,
			[]string{"POST at(2026-11-23T12:06:00)"},
			"",
		},
		{"a time within it too", noon.Add(5*time.Minute + 59*time.Second), nil, []string{"POST at(2026-11-23T12:06:00)"}, ""},
		{
			"exists already is success, and has this time then", noon.Add(time.Hour),
			[]int{http.StatusConflict, http.StatusOK},
			[]string{"POST at(2026-11-23T13:00:00)", "PUT at(2026-11-23T13:00:00)"},
			"",
		},
		{
			"one that deletes itself meanwhile is made anew", noon.Add(time.Hour),
			[]int{http.StatusConflict, http.StatusNotFound, http.StatusOK},
			[]string{"POST at(2026-11-23T13:00:00)", "PUT at(2026-11-23T13:00:00)", "POST at(2026-11-23T13:00:00)"},
			"",
		},
		{"another error is one", noon.Add(time.Hour), []int{http.StatusBadRequest}, []string{"POST at(2026-11-23T13:00:00)"}, "CreateSchedule rota-"},
		{
			"also the second time", noon.Add(time.Hour),
			[]int{http.StatusConflict, http.StatusBadRequest},
			[]string{"POST at(2026-11-23T13:00:00)", "PUT at(2026-11-23T13:00:00)"},
			"UpdateSchedule rota-",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSchedules(t)
			n := 0
			s.on = func(call) (int, string) {
				n++
				if n > len(c.on) {
					return 0, ""
				}
				return c.on[n-1], map[int]string{
					http.StatusOK: `{"ScheduleArn":"x"}`, http.StatusConflict: "ConflictException", http.StatusNotFound: "ResourceNotFoundException",
					http.StatusBadRequest: "ValidationException",
				}[c.on[n-1]]
			}
			err := testTimer(s).Schedule(t.Context(), endingAt(c.at), rota.Value{})
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			var got []string
			for _, w := range s.wrote() {
				got = append(got, w.method+" "+w.body["ScheduleExpression"].(string))
				if w.method == http.MethodPut {
					want := wantSchedule(w.body["ScheduleExpression"].(string))
					if d := cmp.Diff(want, w.body); d != "" {
						t.Errorf("UpdateSchedule replaces the whole schedule: %s", d)
					}
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheLongestNamesFitTheServicesLimits(t *testing.T) {
	s := newSchedules(t)
	c := endingAt(noon)
	c.SecretARN = "arn:aws-us-gov:secretsmanager:us-gov-east-1:123456789012:secret:" + strings.Repeat("n", 512) + "-AbCdEf"
	if err := testTimer(s).Schedule(t.Context(), c, rota.Value{}); err != nil {
		t.Fatal(err)
	}
	w := s.wrote()[0]
	name := strings.TrimPrefix(w.path, "/schedules/")
	if len(name) > 64 || len(w.body["ClientToken"].(string)) > 64 || len(w.body["Description"].(string)) != 512 {
		t.Errorf("name %d, token %d, description %d", len(name), len(w.body["ClientToken"].(string)), len(w.body["Description"].(string)))
	}
}

func TestWithoutARoleNothingIsScheduledAndTheErrorSaysWhatToSet(t *testing.T) {
	s := newSchedules(t)
	tm := testTimer(s)
	tm.env = environment()
	err := tm.Schedule(t.Context(), endingAt(noon), rota.Value{})
	if err == nil || !strings.Contains(err.Error(), "set the function's environment variable ROTA_SCHEDULER_ROLE_ARN") || !rotation.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
	if len(s.wrote()) != 0 {
		t.Error("a call was made")
	}
	var e *rota.Error
	if errors.As(err, &e) {
		t.Error("it is an error of AWS")
	}
}

func TestAnotherTryIsAnotherSchedule(t *testing.T) {
	s := newSchedules(t)
	tm := testTimer(s)
	for _, at := range []time.Time{noon, noon.Add(time.Minute), noon} {
		if err := tm.again(t.Context(), secretARN, oldVersion, at); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.have) != 2 || s.have[ScheduleName(secretARN, oldVersion)] != nil {
		t.Errorf("%d schedules, want one for each time, beside the first one's name", len(s.have))
	}
}

func TestWithoutAQueueTheScheduleNamesNone(t *testing.T) {
	s := newSchedules(t)
	tm := testTimer(s)
	tm.env = environment(SchedulerRole, roleARN)
	if err := tm.Schedule(t.Context(), endingAt(noon), rota.Value{}); err != nil {
		t.Fatal(err)
	}
	body := s.wrote()[0].body
	if _, ok := body["Target"].(map[string]any)["DeadLetterConfig"]; ok || body["GroupName"] != "default" {
		t.Errorf("%v", body)
	}
}
