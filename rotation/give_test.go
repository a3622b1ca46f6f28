package rotation_test

import (
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// TestAValueThatWasGivenUpDoesNotLockTheSecretOut: a person takes AWSPENDING
// off while it is being set and asks for another rotation. Whenever the set
// arrives, the other rotation finds the value that is in force, and finishes.
func TestAValueThatWasGivenUpDoesNotLockTheSecretOut(t *testing.T) {
	for _, c := range []struct{ arrives, before string }{
		{"before the other rotation begins", "begin"},
		{"when its value is made", "set"},
		{"after its own set", ""},
	} {
		t.Run(c.arrives, func(t *testing.T) {
			w := newWorld(t, singleUser, serve, "immediately")
			arrive := func(moment string) {
				if moment == c.before {
					w.provider.ArriveLate()
				}
			}
			given := w.begin()
			w.must(rota.CreateSecret, given)
			w.use(&points{at: -1, on: "provider set", fault: rotationtest.DoneLate})
			_, _ = w.do(rota.SetSecret, given)
			w.use(noFault())
			value := w.home.Value(name, given)
			w.home.Abandon(name, given, w.now)
			w.pass(time.Second)
			arrive("begin")
			token := w.begin()
			w.must(rota.CreateSecret, token)
			arrive("set")
			if c.before == "" { // the first attempt finds at its test what happened
				w.must(rota.SetSecret, token)
				w.wantAccepted("the value that was given up", value)
				_, err := w.do(rota.TestSecret, token)
				wantError(t, err, "refuses")
			}
			w.steps(token)
			w.wantAccepted("AWSCURRENT", w.current())
			w.wantRefused("the value that was given up", value)
		})
	}
}
