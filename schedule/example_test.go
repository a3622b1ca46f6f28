package schedule_test

import (
	"fmt"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/schedule"
)

func Example() {
	s, err := schedule.Parse(rota.Rules{Expression: "cron(0 16 1,15 * ? *)", Duration: "2h"})
	if err != nil {
		fmt.Println(err)
		return
	}
	rotated := time.Date(2026, 11, 15, 16, 20, 0, 0, time.UTC)
	w, ok := s.Next(rotated, rotated)
	fmt.Println(s)
	fmt.Println(ok, w.Open, "to", w.Close)
	fmt.Println("NextRotationDate", w.Latest())
	fmt.Println("AutomaticallyAfterDays", s.AfterDays(rotated))
	// Output:
	// cron(0 16 1,15 * ? *) for 2h
	// true 2026-12-01 16:00:00 +0000 UTC to 2026-12-01 18:00:00 +0000 UTC
	// NextRotationDate 2026-12-01 17:59:59 +0000 UTC
	// AutomaticallyAfterDays 16
}
