package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
)

// used is what the store knows of the last use of ann's only key.
func (w *world) lastUse() time.Time {
	w.t.Helper()
	keys, err := w.store.ListAccessKeys(w.t.Context(), caller, "ann")
	w.must(err)
	return keys[0].Used
}

func TestTheLastUseIsWrittenOnceAMinuteAndOnlyIfThereWasOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		made := w.user("ann", all)
		_, err := w.of(made.ID, "")
		w.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Run(ctx, func(err error) { t.Error(err) })
		}()
		before := w.db.updates.Load()
		time.Sleep(10 * usedEvery)
		synctest.Wait()
		if w.db.updates.Load() != before || !w.lastUse().IsZero() {
			t.Error("it was written without a use")
		}
		for range 50 {
			time.Sleep(time.Second)
			w.Used(made.ID)
		}
		if w.db.updates.Load() != before {
			t.Error("it was written with the use")
		}
		last := time.Now().UTC().Truncate(time.Millisecond)
		time.Sleep(usedEvery)
		synctest.Wait()
		if got := w.lastUse(); got != last || w.db.updates.Load() != before+1 {
			t.Errorf("%d commits, and the last use is %v, want %v", w.db.updates.Load()-before, got, last)
		}
		time.Sleep(5 * usedEvery)
		synctest.Wait()
		if n := w.db.updates.Load() - before; n != 1 {
			t.Errorf("%d commits for one use", n)
		}

		// A session counts for the key that asked for it.
		creds, err := w.GetSessionToken(t.Context(), rota.Caller{Principal: ann, AccessKey: made.ID, May: anything}, TokenRequest{})
		w.must(err)
		_, err = w.ofSession(creds)
		w.must(err)
		w.Used(creds.AccessKeyID)
		last = time.Now().UTC().Truncate(time.Millisecond)
		// What is not written is not lost when the principal is read again, nor at the end.
		w.must(w.store.PutPrincipalPolicy(t.Context(), caller, "ann", "more", readOnly, false))
		_, err = w.of(made.ID, "")
		w.must(err)
		cancel()
		<-done
		if got := w.lastUse(); got != last {
			t.Errorf("at the end the last use is %v, want %v", got, last)
		}
	})
}

func TestALastUseThatCannotBeWrittenIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		made := w.user("ann", all)
		_, err := w.of(made.ID, "")
		w.must(err)
		w.Used(made.ID)
		last := time.Now().UTC().Truncate(time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		reported, done := 0, make(chan struct{})
		w.db.fail.Store(true)
		go func() {
			defer close(done)
			w.Run(ctx, func(error) { reported++ })
		}()
		time.Sleep(2*usedEvery + time.Second)
		synctest.Wait()
		w.db.fail.Store(false)
		time.Sleep(usedEvery)
		synctest.Wait()
		cancel()
		<-done
		if got := w.lastUse(); got != last || reported != 2 {
			t.Errorf("the last use is %v after %d reports, want %v after 2", got, reported, last)
		}
	})
}
