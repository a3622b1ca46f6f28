package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// The variables of the function's environment that the timers need.
const (
	SchedulerRole  = "ROTA_SCHEDULER_ROLE_ARN" // the role with which EventBridge Scheduler invokes the function
	SchedulerGroup = "ROTA_SCHEDULER_GROUP"    // the group of the schedules; "default" if empty
	DeadLetterARN  = "ROTA_DEAD_LETTER_ARN"    // the queue of events that could not be delivered; none if empty
)

// What EventBridge Scheduler does when the function cannot be invoked: as
// much as it can
// (https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html).
const (
	retryFor   = 24 * time.Hour
	retryTimes = 185
)

// settled is how long after the end of the invocation that made it a timer
// fires at the earliest. An ending that comes before AWSCURRENT moved finds
// its version in use and does nothing, and nobody would ask again.
const settled = time.Minute

// timer makes the one-time schedules of endings.
type timer struct {
	api    Scheduler
	env    func(string) string
	target string // the ARN of this function, as it was invoked
	now    time.Time
	over   time.Time // when this invocation ends at the latest
}

var _ rotation.Timer = timer{}

// ScheduleName is the name of the schedule that ends the credential of a
// version: a hash, so that whoever comes again finds it made.
func ScheduleName(secretARN, version string) string {
	return rotation.CredentialName(secretARN, version) // of the same two, and in an alphabet that Scheduler takes
}

// Limits of EventBridge Scheduler
// (https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html).
const (
	schedulePrefix     = "rota-"
	longestDescription = 512
)

// Schedule makes the schedule, or moves the one that exists to the time. It
// may be repeated.
func (t timer) Schedule(ctx context.Context, c rota.Credential, _ rota.Value) error {
	if c.NotBefore.IsZero() {
		return nil // the label is read when the next rotation begins
	}
	at := c.NotBefore
	if first := t.over.Add(settled); at.Before(first) {
		at = first
	}
	return t.put(ctx, ScheduleName(c.SecretARN, c.Version), c.SecretARN, c.Version, at)
}

// again makes a schedule for another try of an ending. Its name holds the
// time: the schedule that fired may still be there, about to delete itself.
func (t timer) again(ctx context.Context, arn, version string, at time.Time) error {
	return t.put(ctx, ScheduleName(arn, version+"\n"+atExpression(at)), arn, version, at)
}

func (t timer) put(ctx context.Context, name, arn, version string, at time.Time) error {
	role := t.env(SchedulerRole)
	if role == "" {
		return rotation.Permanent(fmt.Errorf("old credentials cannot be ended in time: set the function's environment variable %s to the role with which EventBridge Scheduler may invoke it", SchedulerRole))
	}
	input, err := json.Marshal(rota.Event{Step: rota.ExpireSecret, SecretID: arn, ClientRequestToken: version})
	if err != nil {
		return err
	}
	expression, description := atExpression(at), "rota ends the credential of version "+version+" of "+arn
	in := &scheduler.CreateScheduleInput{
		Name: &name, GroupName: aws.String(group(t.env)),
		Description:        aws.String(description[:min(len(description), longestDescription)]),
		ScheduleExpression: &expression, ScheduleExpressionTimezone: aws.String("UTC"),
		FlexibleTimeWindow:    &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		ActionAfterCompletion: types.ActionAfterCompletionDelete,
		State:                 types.ScheduleStateEnabled,
		Target: &types.Target{
			Arn: &t.target, RoleArn: &role, Input: aws.String(string(input)),
			RetryPolicy: &types.RetryPolicy{
				MaximumEventAgeInSeconds: aws.Int32(int32(retryFor / time.Second)), MaximumRetryAttempts: aws.Int32(retryTimes),
			},
		},
		// The same call again is the same call, also when its answer was lost.
		ClientToken: aws.String(ScheduleName(name, expression)),
	}
	if queue := t.env(DeadLetterARN); queue != "" {
		in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: &queue}
	}
	return t.create(ctx, in, true)
}

// create takes "exists already" for success, and lets the schedule that
// exists have this time: an attempt before this one may have meant another.
func (t timer) create(ctx context.Context, in *scheduler.CreateScheduleInput, once bool) error {
	_, err := t.api.CreateSchedule(ctx, in)
	err = failed("CreateSchedule", *in.Name, err)
	if !errors.Is(err, rota.Exists) {
		return err
	}
	_, err = t.api.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: in.Name, GroupName: in.GroupName, Description: in.Description, ScheduleExpression: in.ScheduleExpression,
		ScheduleExpressionTimezone: in.ScheduleExpressionTimezone, FlexibleTimeWindow: in.FlexibleTimeWindow,
		ActionAfterCompletion: in.ActionAfterCompletion, State: in.State, Target: in.Target, ClientToken: in.ClientToken,
	})
	err = failed("UpdateSchedule", *in.Name, err)
	if errors.Is(err, rota.NotFound) && once { // it fired meanwhile, and deleted itself
		return t.create(ctx, in, false)
	}
	return err
}

// atExpression is the time as a one-time schedule has it, in UTC. A fraction
// of a second is rounded up: no ending comes early.
func atExpression(at time.Time) string {
	return "at(" + at.UTC().Add(time.Second-time.Nanosecond).Truncate(time.Second).Format("2006-01-02T15:04:05") + ")"
}

func group(env func(string) string) string {
	if g := env(SchedulerGroup); g != "" {
		return g
	}
	return "default"
}
