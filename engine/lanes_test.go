package engine

import (
	"slices"
	"testing"
	"time"
)

// A lane of two at once, and of one start in 100 ms with bursts of two.
func testLanes() *lanes { return newLanes(2, 10) }

func wantFull(t *testing.T, l *lanes, now time.Time, opens time.Time, keys ...string) {
	t.Helper()
	got, at := l.full(now)
	if !slices.Equal(got, keys) || !at.Equal(opens) {
		t.Errorf("full: %v until %s, want %v until %s", got, at, keys, opens)
	}
}

func TestAFullLaneNeverBlocksAnother(t *testing.T) {
	l := testLanes()
	for i := range 5 {
		if got, want := l.start("hung", noon), i < 2; got != want {
			t.Errorf("start %d in one lane: %t, want %t", i+1, got, want)
		}
	}
	for _, key := range []string{"a", "b", ""} {
		for range 2 {
			if !l.start(key, noon) {
				t.Errorf("lane %q is blocked by another", key)
			}
		}
	}
	wantFull(t, l, noon, time.Time{}, "", "a", "b", "hung")
	l.done("a", noon.Add(time.Second), false)
	if !l.start("a", noon.Add(time.Second)) {
		t.Error("a place that was given back is not free")
	}
	for range 100 {
		if l.start("hung", noon.Add(time.Hour)) {
			t.Fatal("a place in the hung lane became free by itself")
		}
	}
}

func TestTheBudgetOfALaneRefillsWithTime(t *testing.T) {
	l := testLanes()
	run := func(at time.Duration) bool { // takes no time
		ok := l.start("a", noon.Add(at))
		if ok {
			l.done("a", noon.Add(at), false)
		}
		return ok
	}
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{
		{0, true},
		{0, true},
		{0, false},
		{99 * time.Millisecond, false},
		{150 * time.Millisecond, true},
		{150 * time.Millisecond, false},
		{199 * time.Millisecond, false},
		{200 * time.Millisecond, true}, // what is left of an interval counts
		{time.Hour, true},              // and no more than the burst is saved up
		{time.Hour, true},
		{time.Hour, false},
	} {
		if got := run(c.at); got != c.want {
			t.Fatalf("a start after %s: %t, want %t", c.at, got, c.want)
		}
	}
	wantFull(t, l, noon.Add(time.Hour), noon.Add(time.Hour+100*time.Millisecond), "a")
	wantFull(t, l, noon.Add(time.Hour+100*time.Millisecond), time.Time{})
}

func TestALaneWhoseProviderFailsClosesForLongerAndLonger(t *testing.T) {
	l := testLanes()
	now := noon
	fail := func(failed bool) {
		t.Helper()
		if !l.start("a", now) {
			t.Fatalf("the lane is closed at %s", now)
		}
		l.done("a", now, failed)
	}
	fail(true)
	now = now.Add(time.Second)
	fail(true)
	wantFull(t, l, now, time.Time{})
	now = now.Add(time.Second)
	fail(true)
	for _, closed := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute, time.Minute} {
		opens := now.Add(closed)
		wantFull(t, l, now, opens, "a")
		if l.start("a", opens.Add(-time.Nanosecond)) {
			t.Fatalf("the lane opens before %s", closed)
		}
		if !l.start("b", now) {
			t.Fatal("another lane is closed too")
		}
		l.done("b", now, false)
		now = opens
		fail(true)
	}
	now = now.Add(time.Minute)
	fail(false)
	wantFull(t, l, now, time.Time{})
	fail(true) // the row begins again
	wantFull(t, l, now.Add(time.Second), time.Time{})
}

func TestThousandsOfFailuresDoNotOverflow(t *testing.T) {
	l := testLanes()
	now := noon
	for range 5000 {
		now = now.Add(time.Minute)
		if !l.start("a", now) {
			t.Fatal("the lane is closed for more than a minute")
		}
		l.done("a", now, true)
	}
	wantFull(t, l, now.Add(time.Minute-time.Nanosecond), now.Add(time.Minute), "a")
}

func TestASuccessOpensALaneThatOthersClosed(t *testing.T) {
	l := testLanes()
	l.start("a", noon) // this one takes long
	now := noon
	for range 3 {
		now = now.Add(time.Second)
		l.start("a", now)
		l.done("a", now, true)
	}
	wantFull(t, l, now, now.Add(time.Second), "a")
	l.done("a", now, false)
	wantFull(t, l, now, time.Time{})
}

func TestWhatWaitsLeastOpensFirst(t *testing.T) {
	l := testLanes()
	for range 3 {
		l.start("failing", noon)
		l.done("failing", noon, true)
		l.get("failing", noon).tokens = 2 // its budget is not what is tested
	}
	for range 2 {
		l.start("busy", noon)
		l.done("busy", noon, false)
	}
	wantFull(t, l, noon, noon.Add(100*time.Millisecond), "busy", "failing")
	wantFull(t, l, noon.Add(200*time.Millisecond), noon.Add(time.Second), "failing")
}

func TestAnIdleLaneIsForgotten(t *testing.T) {
	l := testLanes()
	l.start("a", noon)
	l.done("a", noon.Add(time.Second), false)
	if len(l.byKey) != 0 {
		t.Errorf("%d lanes are kept", len(l.byKey))
	}
}
