package lambda

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	smithy "github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
)

// TestEveryCallOfTheSchedulerInterfaceIsMadeAndNoOther: a rotation whose
// schedule is made though its answer is lost, and made again, and the function
// looking at it. Permissions are granted by that interface.
func TestEveryCallOfTheSchedulerInterfaceIsMadeAndNoOther(t *testing.T) {
	w := newWorld(t)
	var made []string
	options := w.schedules.client.Options()
	options.APIOptions = append(options.APIOptions, func(stack *smithy.Stack) error {
		return stack.Initialize.Add(smithy.InitializeMiddlewareFunc("made", func(
			ctx context.Context, in smithy.InitializeInput, next smithy.InitializeHandler,
		) (smithy.InitializeOutput, smithy.Metadata, error) {
			made = append(made, middleware.GetOperationName(ctx))
			return next.HandleInitialize(ctx, in)
		}), smithy.After)
	})
	w.Scheduler = scheduler.New(options)
	lost := false
	w.schedules.on = func(c call) (int, string) {
		if c.method != http.MethodPost || lost {
			return 0, ""
		}
		lost = true
		w.schedules.have[strings.TrimPrefix(c.path, "/schedules/")] = c.body
		return http.StatusInternalServerError, "InternalServerException"
	}

	kinds[1].make(w, "rota:expire", "after 1h")
	token := w.rotate("app/x")
	for _, s := range fourSteps[:3] {
		_, err := w.invoke(s, "app/x", token)
		w.must(err)
	}
	if _, err := w.invoke(rota.FinishSecret, "app/x", token); err == nil {
		t.Fatal("finishSecret succeeds though no schedule is known to be made")
	}
	_, err := w.invoke(rota.FinishSecret, "app/x", token)
	w.must(err)
	w.pass(time.Minute)
	_, err = w.invoke(Doctor, "", "")
	w.must(err)

	var want []string
	for m := range reflect.TypeFor[Scheduler]().Methods() {
		want = append(want, m.Name)
	}
	if d := cmp.Diff(want, slices.Compact(slices.Sorted(slices.Values(made)))); d != "" {
		t.Error(d)
	}
}
