package audit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// outcome is what a writer knows of its events after a run.
type outcome struct {
	acknowledged []string
	failed       []string // with an error after which nothing is in doubt
	doubtful     []string // with an error while the log could not remove them
}

// play writes a little log: several writes, one of several events, and files
// that turn.
func play(l *Log, o *outcome) {
	for _, batch := range [][]string{{"a"}, {"b", "c"}, {"d"}, {"e"}, {"f", "g", "h"}, {"i"}} {
		var events [][]byte
		for _, id := range batch {
			events = append(events, event(id))
		}
		// commit is what the writer's goroutine calls: without it a run is the
		// same each time.
		err := l.commit([]*request{{events: events}})
		switch {
		case err == nil:
			o.acknowledged = append(o.acknowledged, batch...)
		case l.broken:
			o.doubtful = append(o.doubtful, batch...)
		default:
			o.failed = append(o.failed, batch...)
		}
	}
}

const smallFiles = 400 // two lines

func newLog(dir string, d disk) (*Log, error) {
	l := &Log{dir: dir, opt: Options{Now: fixedNow, MaxBytes: smallFiles, MaxAge: 1 << 62, disk: d}}
	return l, l.resume()
}

// operations are those of a run in which nothing fails.
func operations(t *testing.T) []string {
	t.Helper()
	d := newFaultDisk()
	l, err := newLog(t.TempDir(), d)
	if err != nil {
		t.Fatal(err)
	}
	var o outcome
	play(l, &o)
	if len(o.acknowledged) != 9 || d.count("create") < 3 {
		t.Fatalf("%+v, %d files", o, d.count("create"))
	}
	return d.ops
}

// TestADiskThatFailsLosesNothingAndKeepsNothingThatFailed lets each operation
// of a run fail, alone and with those that follow, before its effect, after
// it and in its middle.
func TestADiskThatFailsLosesNothingAndKeepsNothingThatFailed(t *testing.T) {
	ops := operations(t)
	cases := 0
	for k := range ops {
		for _, inARow := range []int{1, 2, 3, 4, 5} {
			for name, f := range map[string]fault{
				"before its effect": {err: errFault}, "after its effect": {effect: true, err: errFault}, "in its middle": {partial: true, err: errFault},
			} {
				cases++
				t.Run(fmt.Sprintf("%d %s and %d more %s", k, ops[k], inARow-1, name), func(t *testing.T) {
					dir, d := t.TempDir(), newFaultDisk()
					d.fault = func(n int, _ string) fault {
						if n >= k && n < k+inARow {
							return f
						}
						return works
					}
					l, err := newLog(dir, d)
					if err != nil {
						if k < 2 { // makeDir; there is nothing to open
							return
						}
						t.Fatal(err)
					}
					var o outcome
					play(l, &o)
					if len(o.failed)+len(o.doubtful) == 0 {
						t.Fatal("nothing failed")
					}
					if inARow == 1 && len(o.doubtful) > 0 {
						t.Errorf("%v are in doubt though the disk works again", o.doubtful)
					}
					// The disk works again.
					d.fault = nil
					if err := l.commit([]*request{{events: [][]byte{event("z")}}}); err != nil {
						t.Fatal(err)
					}
					want := append(o.acknowledged, "z")
					if got := idsIn(t, dir); !slices.Equal(got, want) {
						t.Errorf("the log has %v, want %v; failed %v, in doubt for a while %v", got, want, o.failed, o.doubtful)
					}
					again, err := newLog(dir, newFaultDisk())
					if err != nil {
						t.Fatal(err)
					}
					if again.head != l.head || again.cut != 0 {
						t.Errorf("reopened at %v, was at %v; cut off %d bytes", again.head, l.head, again.cut)
					}
				})
			}
		}
	}
	t.Logf("%d operations, %d cases", len(ops), cases)
}

// TestACrashAnywhereKeepsWhatWasAcknowledged switches the machine off at each
// operation of a run, before and after its effect and, where a failure came
// before, in doubt. All that a disk may hold then is tried: the log opens, has
// what was acknowledged, goes on, and its chain holds.
func TestACrashAnywhereKeepsWhatWasAcknowledged(t *testing.T) {
	ops := operations(t)
	tried := map[string]bool{}
	for k := range ops {
		for _, effect := range []bool{false, true} {
			for _, failures := range []int{0, 1, 2} {
				dir, d := t.TempDir(), newFaultDisk()
				d.fault = func(n int, _ string) fault {
					switch {
					case n < k-failures:
						return works
					case n < k:
						return fault{partial: true, err: errFault}
					case n == k:
						d.dead = true
						return fault{effect: effect, err: errDead}
					}
					return fault{err: errDead}
				}
				var o outcome
				l, err := newLog(dir, d)
				if err == nil {
					play(l, &o)
				}
				if !d.dead {
					continue // a failure made the run shorter
				}
				for _, i := range d.images() {
					state := fmt.Sprint(i, o)
					if tried[state] {
						continue
					}
					tried[state] = true
					if err := i.restore(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
					reopened, err := newLog(dir, newFaultDisk()) // the real one would only be slower
					what := fmt.Sprintf("crash at %d (%s, effect %v) after %d failures, %s", k, ops[k], effect, failures, i)
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					if err := reopened.commit([]*request{{events: [][]byte{event("after")}}}); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					_ = reopened.file.Close()
					got := idsIn(t, dir)
					n := len(o.acknowledged)
					if len(got) <= n || !slices.Equal(got[:n], o.acknowledged) || got[len(got)-1] != "after" {
						t.Fatalf("%s: the log has %v, acknowledged was %v", what, got, o.acknowledged)
					}
					// What was in the air may be there, from its beginning on.
					extra := strings.Join(got[n:len(got)-1], "")
					if !strings.HasPrefix(strings.Join(o.doubtful, ""), extra) {
						t.Fatalf("%s: the log has %v beyond %v; in doubt were %v", what, extra, o.acknowledged, o.doubtful)
					}
				}
			}
		}
	}
	if len(tried) < 2000 {
		t.Errorf("only %d states of the disk were tried", len(tried))
	}
	t.Logf("%d operations, %d states of the disk", len(ops), len(tried))
}

// TestACrashWhileMendingIsMended: the start after a crash cuts off what was
// never acknowledged; that can be cut short as well.
func TestACrashWhileMendingIsMended(t *testing.T) {
	dir := t.TempDir()
	l, err := newLog(dir, osDisk{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.commit([]*request{{events: [][]byte{event("a"), event("b")}}}); err != nil {
		t.Fatal(err)
	}
	for k := range 4 { // makeDir, open, truncate, sync
		for _, effect := range []bool{false, true} {
			_, content := read(t, dir)
			write(t, dir, fileName(1), append(content[0], `{"sequence":3,"previous":"`...))
			d := newFaultDisk()
			d.fault = func(n int, _ string) fault {
				if n == k {
					return fault{effect: effect, err: errFault}
				}
				return works
			}
			if _, err := newLog(dir, d); !errors.Is(err, errFault) {
				t.Fatalf("%d: %v", k, err)
			}
			if got := idsIn(t, dir); !slices.Equal(got, []string{"a", "b"}) {
				t.Fatalf("%d: the log has %v", k, got)
			}
		}
	}
	l, err = newLog(dir, osDisk{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.commit([]*request{{events: [][]byte{event("c")}}}); err != nil {
		t.Fatal(err)
	}
	if got := idsIn(t, dir); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("the log has %v", got)
	}
}
