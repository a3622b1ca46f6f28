package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/store"
)

func TestAProviderThatIsDownForAWhileCostsNothingButTheWhile(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.key("key", tag("rota:expire", "after 1h"))
		l.twoUsers("user", tag("rota:expire", "after 1h"))
		first := map[string]string{}
		l.gate.set(down)
		for name, rotator := range map[string]string{"key": "keys", "user": "users"} {
			first[name] = l.version(name)
			l.rotate(name, rotator, rules("rate(10 days)"))
		}
		l.sleep(8 * time.Minute)
		for name := range first {
			l.wantSaid(name, "createSecret", rota.OutcomeFailed, errDown.Error(), "attempt 2 at")
			if l.version(name) != first[name] {
				t.Errorf("AWSCURRENT of %s moved while its provider was down", name)
			}
		}
		l.gate.set(nil)
		for name := range first {
			l.rotated(name, first[name], 6*time.Minute)
			l.wantIdle(name)
		}
		if m, s := l.provider.Effects("mint"), l.provider.Effects("set"); m != 1 || s != 1 {
			t.Errorf("%d keys were minted and %d passwords set, want one of each", m, s)
		}
	})
}

// damage changes the sealed value of a version as a bad disk would, and
// returns what mends it.
func (l *life) damage(name, version string) (mend func()) {
	l.t.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing is lost
	var blob []byte
	id := l.describe(name).ID
	if err := db.QueryRowContext(ctx, "SELECT value FROM versions WHERE secret = ? AND id = ?", id, version).Scan(&blob); err != nil {
		l.t.Fatal(err)
	}
	write := func(db *sql.DB, b []byte) {
		if _, err := db.ExecContext(ctx, "UPDATE versions SET value = ? WHERE secret = ? AND id = ?", b, id, version); err != nil {
			l.t.Fatal(err)
		}
	}
	bad := append([]byte(nil), blob...)
	bad[len(bad)-1] ^= 1
	write(db, bad)
	return func() {
		db, err := sql.Open("sqlite", "file:"+l.path)
		if err != nil {
			l.t.Fatal(err)
		}
		defer db.Close() //nolint:errcheck // nothing is lost
		write(db, blob)
	}
}

func TestADamagedValueStopsItsOwnSecretAlone(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		first := map[string]string{}
		for i := range 6 {
			name := fmt.Sprint("s", i)
			l.user(name)
			l.plan(name, "users", rules("rate(4 hours)"))
			first[name] = l.version(name)
		}
		l.sleep(time.Minute)
		mend := l.damage("s3", first["s3"])
		if err := l.ask("s3"); rota.CodeOf(err) != rota.DecryptionFailed {
			t.Errorf("a rotation of a damaged value is answered %v, want %s", err, rota.DecryptionFailed)
		}
		l.sleep(5 * time.Hour) // the windows of four o'clock
		for name, version := range first {
			if moved := l.version(name) != version; moved != (name != "s3") {
				t.Errorf("%s rotated: %t", name, moved)
			}
		}
		l.wantSaid("s3", "createSecret", rota.OutcomeFailed, "decrypt")
		if n := l.provider.Effects("set"); n != 5 {
			t.Errorf("%d passwords were set, want five", n)
		}
		l.restart() // opens with the damaged row in it

		mend()
		l.rotated("s3", first["s3"], 5*time.Hour)
		l.wantIdle("s3")
	})
}

// limit lets a test say how large the database of a life may grow, on the
// one connection that writes.
type limit struct {
	l    *life
	conn sqlite.ExecQuerierContext
}

func newLimit(l *life) *limit {
	lim := &limit{l: l}
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, dsn string) error {
		if strings.Contains(dsn, filepath.Base(filepath.Dir(l.path))) && strings.Contains(dsn, "_txlock=immediate") {
			lim.conn = conn
		}
		return nil
	})
	return lim
}

// pages sets the limit. It cannot be less than there are.
func (lim *limit) pages(most int) {
	lim.l.t.Helper()
	ctx := context.Background()
	// Within an update nobody else has the connection.
	err := lim.l.raw.Update(ctx, func(store.Tx) error {
		rows, err := lim.conn.QueryContext(ctx, fmt.Sprintf("PRAGMA max_page_count=%d", most), nil)
		if err != nil {
			return err
		}
		return rows.Close()
	})
	if err != nil {
		lim.l.t.Fatal(err)
	}
}

// fill leaves no room in the pages that there are, and so none for the
// journal, without which no step is done.
func (lim *limit) fill() {
	lim.l.t.Helper()
	lim.pages(1)
	other := rota.Key{Account: account, Region: region, ID: "filler"}
	for size := 4000; size > 0; size /= 2 {
		var err error
		for err == nil {
			err = lim.l.watch.Journal(context.Background(), caller, rota.JournalEntry{Secret: other, Step: "fill", Cause: strings.Repeat("x", size)})
		}
		if !strings.Contains(err.Error(), "disk is full") {
			lim.l.t.Fatalf("fill the disk: %v", err)
		}
	}
}

const noLimit = 1_000_000

// A disk that is full in the middle of a rotation stops it where it is, and
// once there is room it goes on, as the same one. AWSCURRENT is readable all
// the while.
func TestADiskThatIsFullInTheMiddleOfARotation(t *testing.T) {
	for _, c := range []struct {
		name, rotator string
		step          rota.Step // the disk is full when it begins
		op            string    // or right before this call of the provider
		restart       bool
	}{
		{"before a password is chosen", "users", rota.CreateSecret, "", false},
		{"before a password is set", "users", "", "set", false},
		{"before the finish of a password", "users", rota.FinishSecret, "", false},
		{"before a key is minted: what it makes is found again", "keys", "", "mint", false},
		{"before the finish of a key", "keys", rota.FinishSecret, "", false},
		{"before the old key is revoked", "keys", "", "revoke", false},
		{"before a key is minted, and the process is started again on the full disk", "keys", "", "mint", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				disk := newLimit(l)
				l.start()
				if c.rotator == "keys" {
					l.key("app", tag("rota:expire", "immediately"))
				} else {
					l.user("app")
				}
				l.plan("app", c.rotator, rules("rate(10 days)"))
				_ = l.value("app", "") // a known reader reads on a full disk
				before := l.version("app")
				full := false
				l.onStep.set(func(_ context.Context, call function.Call) error {
					if call.Event.Step == c.step && !full {
						full = true
						disk.fill()
					}
					return nil
				})
				l.gate.set(func(_ context.Context, p providerCall) error {
					if p.op == c.op && !full {
						full = true
						disk.fill()
					}
					return nil
				})
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				token := l.task("app").Token
				l.sleep(3 * time.Minute)
				if !full {
					t.Fatal("the disk was never full")
				}
				if !strings.Contains(l.log.String(), "its disk is full") {
					t.Error("the log does not say that the disk is full")
				}
				if v := l.value("app", ""); c.rotator == "keys" && !l.provider.Accepts(v) {
					t.Error("AWSCURRENT is refused while the disk is full")
				}
				if c.restart {
					l.stop()
					l.start()
					disk.fill()
					l.sleep(2 * time.Minute)
				}

				disk.pages(noLimit)
				if l.version("app") == before {
					l.rotated("app", before, 10*time.Minute)
				}
				l.sleep(10 * time.Minute)
				if got := l.version("app"); got != token {
					t.Errorf("AWSCURRENT is on %s, want on %s, of the rotation that the disk stopped", got, token)
				}
				l.wantIdle("app")
				l.wantState("app", before, rota.ProvenDead)
				if keys := l.provider.Keys(); c.rotator == "keys" && len(keys) != 1 {
					t.Errorf("alive at the provider: %v, want the current key alone", keys)
				}
				if !l.provider.Accepts(l.value("app", "")) {
					t.Error("the provider refuses AWSCURRENT")
				}
			})
		})
	}
}

// Invariant 6: what is ended is a credential. One version may hold what
// another one, in use, holds too.
func TestACredentialThatIsInUseUnderAnotherVersionIsNotEnded(t *testing.T) {
	for _, rotator := range []string{"keys", "users"} {
		t.Run(rotator, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				first := firstKey("app")
				if rotator == "keys" {
					l.key("app", tag("rota:expire", "after 1h"))
				} else {
					l.twoUsers("app", tag("rota:expire", "after 1h"))
					first = firstUser("app")
				}
				old := l.version("app")
				l.rotate("app", rotator, rules("rate(10 days)"))
				l.rotated("app", old, time.Minute)
				// Somebody writes the old value back, as a new version.
				_, err := l.store.PutSecretValue(t.Context(), caller, store.PutSecretValueInput{SecretID: "app", ClientRequestToken: l.newID(), Value: first})
				if err != nil {
					t.Fatal(err)
				}
				l.sleep(3 * time.Hour)
				if !l.provider.Accepts(first) {
					t.Error("the credential was ended although AWSCURRENT holds it")
				}
				l.wantSaid("app", "expireSecret", rota.OutcomeOK, "not ended: the same credential is in use by AWSCURRENT")
				l.wantState("app", old, rota.Live)
			})
		})
	}
}

// A panic of a rotator is a failed step of its own secret.
func TestAPanicOfARotatorIsAFailedStep(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		first := map[string]string{}
		for _, name := range []string{"good", "bad"} {
			l.user(name)
			first[name] = l.version(name)
		}
		times := 2
		l.gate.set(func(_ context.Context, p providerCall) error {
			if p.secret == "bad" && p.op == "set" && times > 0 {
				times--
				panic(errors.New("the value is " + string(p.value.Reveal())))
			}
			return nil
		})
		for name := range first {
			l.rotate(name, "users", rules(""))
		}
		for name := range first {
			l.rotated(name, first[name], time.Minute)
		}
		l.wantSaid("bad", "setSecret", rota.OutcomeFailed, "the rotator panicked during setSecret", "attempt 2 at")
		if secret := field(l.value("bad", ""), "password"); strings.Contains(fmt.Sprint(l.journal("bad", ""))+l.log.String(), secret) {
			t.Error("the value of the panic is in the journal or the log")
		}
	})
}
