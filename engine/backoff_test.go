package engine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"
)

func TestTheDelayDoublesUpToABoundWithUpToHalfTakenOff(t *testing.T) {
	random := rand.NewChaCha8([32]byte{3})
	for failed, full := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 12: 5 * time.Minute, 64: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		var least, most time.Duration
		for i := range 2000 {
			d := delay(failed, 0, random)
			if i == 0 {
				least, most = d, d
			}
			least, most = min(least, d), max(most, d)
		}
		if least <= full/2 || most > full {
			t.Errorf("after %d failures the delay is between %s and %s, want more than %s and at most %s", failed, least, most, full/2, full)
		}
		if most-least < full/4 {
			t.Errorf("after %d failures the delays are not spread: %s to %s", failed, least, most)
		}
	}
}

func TestAWaitThatTheProviderAsksForIsKeptWithinABound(t *testing.T) {
	zeros := func() *bytes.Reader { return bytes.NewReader(make([]byte, 8)) }
	for _, c := range []struct {
		name   string
		failed int
		asked  time.Duration
		want   time.Duration
	}{
		{"a longer one", 1, 90 * time.Second, 90 * time.Second},
		{"a shorter one does not shorten ours", 3, time.Second, 4 * time.Second},
		{"a day is too long", 1, 24 * time.Hour, time.Hour},
		{"a negative one is none", 1, -time.Hour, time.Second},
	} {
		if got := delay(c.failed, c.asked, zeros()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWithoutRandomnessThereIsStillADelay(t *testing.T) {
	if got := delay(2, 0, iotest.ErrReader(errors.New("no randomness"))); got != 2*time.Second {
		t.Errorf("%s, want 2s", got)
	}
}

// The attempts of one rotation must end long before the next one is due: the
// shortest schedule is four hours.
func TestAllAttemptsOfARotationTakeLessThanAnHour(t *testing.T) {
	var sum time.Duration
	for failed := 1; failed < MaxAttempts; failed++ {
		sum += delay(failed, 0, bytes.NewReader(make([]byte, 8)))
	}
	if sum < 10*time.Minute || sum > time.Hour {
		t.Errorf("the delays between %d attempts are %s", MaxAttempts, sum)
	}
}
