package conformance_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
)

// The kit as a Go package: a function in process, and a provider that can be
// asked. The function of this example tests nothing.
func ExampleRun() {
	d := &door{open: "first-password"}
	f := sample{d, "tests nothing"}
	report, err := conformance.Run(context.Background(), conformance.Config{
		Function: conformance.InProcess(f.handle), Name: "my function",
		Value: rota.StringValue("first-password"), Provider: d.provider(),
		Pause: 10 * time.Millisecond,
	})
	if err != nil {
		panic(err)
	}
	for _, r := range report.Rules {
		if r.Status != conformance.Held {
			fmt.Println(r.Status, r.ID)
		}
	}
	// Output:
	// not checked no-orphan
	// broken test-tests
	// broken waits-for-it
}
