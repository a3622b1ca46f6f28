package lambda

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// log writes the one line of an invocation: the journal of this home.
func (f *Function) log(ctx context.Context, ev rota.Event, start time.Time, out Answer, err error) {
	attrs := []slog.Attr{
		slog.String("secret", ev.SecretID), slog.String("version", ev.ClientRequestToken), slog.String("step", string(ev.Step)),
		slog.Duration("duration", f.Now().Sub(start)),
	}
	for _, n := range out.Notes {
		attrs = append(attrs, slog.String("note", n))
	}
	level, outcome := slog.LevelInfo, rota.OutcomeOK
	switch {
	case err != nil:
		level, outcome = slog.LevelError, rota.OutcomeFailed
		attrs = append(attrs, slog.String("cause", err.Error()), slog.Bool("permanent", rotation.IsPermanent(err)))
		switch ev.Step {
		case Doctor:
		case rota.ExpireSecret:
			f.count("EndingFailed")
		default:
			f.count("RotationFailed")
		}
	case out.Next != nil:
		outcome = rota.OutcomeWaiting
		attrs = append(attrs, slog.Time("next", *out.Next))
	case out.Proof == string(rota.NotProven):
		f.count("EndingNotProven")
	}
	if out.Proof != "" {
		attrs = append(attrs, slog.String("proof", out.Proof))
	}
	f.Log.LogAttrs(ctx, level, "rotation", append(attrs, slog.String("outcome", outcome))...)
}

// Metrics are the names of all metrics that the function tells; the templates'
// alarms watch some of them.
func Metrics() []string {
	return []string{"RotationFailed", "EndingFailed", "EndingTriedAgain", "EndingNotProven", "EndingOverdue", "RotationOverdue", "ScheduleLeft"}
}

// Namespace is where CloudWatch has the metrics, with the dimension
// FunctionName.
const Namespace = "rota"

func (f *Function) count(name string) { f.measure(map[string]int{name: 1}) }

// measure writes a line of CloudWatch's embedded metric format: what Lambda
// logs in it becomes metrics, without a call and without a permission
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
func (f *Function) measure(values map[string]int) {
	if f.Metrics == nil {
		return
	}
	type metric struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metric
	}
	var metrics []metric
	line := map[string]any{"FunctionName": f.Env("AWS_LAMBDA_FUNCTION_NAME")}
	for _, name := range Metrics() {
		if v, ok := values[name]; ok {
			metrics = append(metrics, metric{name, "Count"})
			line[name] = v
		}
	}
	line["_aws"] = map[string]any{
		"Timestamp":         f.Now().UnixMilli(),
		"CloudWatchMetrics": []directive{{Namespace, [][]string{{"FunctionName"}}, metrics}},
	}
	b, err := json.Marshal(line)
	if err != nil {
		return // strings and numbers always encode
	}
	_, _ = f.Metrics.Write(append(b, '\n'))
}
