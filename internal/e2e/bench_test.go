//go:build servers

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/jackc/pgx/v5"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/wire"
)

// cpu is the processor time that a process has used.
func cpu(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	// After the name in parentheses, utime and stime are the 12th and 13th
	// field, in hundredths of a second.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// startFloor starts this binary as the bare handler and returns its address.
func startFloor(b *testing.B) (url string, pid int) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorEnv+"=get")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// BenchmarkRotation measures whole rotations of PostgreSQL roles, from
// RotateSecret over the wire to the proven death of the old password, beside
// a bare loop with the same conversation with the database.
func BenchmarkRotation(b *testing.B) {
	pg := testserver.Postgres(b)
	for _, atOnce := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d at a time", atOnce), func(b *testing.B) {
			const n = 200
			for range b.N {
				floorTime, floorCPU := runFloorRotation(b, pg, n, atOnce)
				rotaTime, rotaCPU := runRotation(b, pg, n, atOnce)
				b.ReportMetric(float64(floorTime.Microseconds())/n, "floor-us/rotation")
				b.ReportMetric(float64(rotaTime.Microseconds())/n, "rota-us/rotation")
				b.ReportMetric(float64(floorTime)/float64(rotaTime), "rate-ratio")
				b.ReportMetric(float64((rotaCPU-floorCPU).Microseconds())/n, "rota-cpu-us-more/rotation")
			}
		})
	}
}

func makeRoles(b testing.TB, pg *testserver.PG, prefix string, n int) {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), pg.URL(pg.Superuser, pg.Password, "postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	for i := range n {
		role := fmt.Sprintf("%s_%04d", prefix, i)
		if _, err := conn.Exec(b.Context(), "DROP ROLE IF EXISTS "+role+"; CREATE ROLE "+role+" LOGIN PASSWORD 'first-"+role+"'"); err != nil {
			b.Fatal(err)
		}
	}
}

func runFloorRotation(b *testing.B, pg *testserver.PG, n, atOnce int) (took, used time.Duration) {
	b.Helper()
	makeRoles(b, pg, "floor", n)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorEnv+"=rotate", "ROTA_E2E_ROLES="+strconv.Itoa(n), "ROTA_E2E_AT_ONCE="+strconv.Itoa(atOnce),
		"ROTA_E2E_URL="+pg.URL("nobody", "none", "postgres"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

func runRotation(b *testing.B, pg *testserver.PG, n, atOnce int) (took, used time.Duration) {
	b.Helper()
	makeRoles(b, pg, "bench", n)
	s := serve(b, build(b), filepath.Join(b.TempDir(), "data"), "--log-level", "warn", "--lane-limit", strconv.Itoa(atOnce))
	defer s.kill()
	c := s.client(b)
	for i := range n {
		role := fmt.Sprintf("bench_%04d", i)
		value := fmt.Sprintf(`{"engine":"postgres","host":%q,"port":%d,"username":%q,"password":"first-%s","ssl":false}`, pg.Host, pg.Port, role, role)
		if _, err := c.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{Name: &role, SecretString: &value}); err != nil {
			b.Fatal(err)
		}
		// Set up without a rotation; the test of the set-up is over before.
		if _, err := c.RotateSecret(b.Context(), &secretsmanager.RotateSecretInput{
			SecretId: &role, RotationLambdaARN: aws.String(functionARN + "postgres"), RotateImmediately: aws.Bool(false),
			RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String(longSchedule)},
		}); err != nil {
			b.Fatal(err)
		}
	}
	quiet := func(what string, done func(wire.SecretStatus) bool) {
		// Seldom: each look costs the server as much as a rotation.
		eventuallyEvery(b, 2*time.Second, 5*time.Minute, what, func() (bool, string) {
			var status wire.StatusOutput
			s.own(b, "Status", wire.StatusInput{}, &status)
			for _, one := range status.Secrets {
				if !done(one) {
					return false, one.Name + " " + one.State + " " + one.Detail
				}
			}
			return true, ""
		})
	}
	quiet("the set-up's tests are over", func(s wire.SecretStatus) bool { return s.State == "idle" })
	before, start := cpu(b, s.cmd.Process.Pid), time.Now()
	for i := range n {
		role := fmt.Sprintf("bench_%04d", i)
		if _, err := c.RotateSecret(b.Context(), &secretsmanager.RotateSecretInput{SecretId: &role}); err != nil {
			b.Fatal(err)
		}
	}
	quiet("all are rotated and their old passwords proven dead", func(s wire.SecretStatus) bool {
		return s.State == "idle" && s.LastRotated != nil && s.OverlapOpen == 0
	})
	used = cpu(b, s.cmd.Process.Pid) - before
	// The ledger says when the last old password was proven dead.
	var last time.Time
	for i := range n {
		var show wire.ShowOutput
		s.own(b, "Show", wire.ShowInput{SecretId: fmt.Sprintf("bench_%04d", i), MaxJournal: 1}, &show)
		for _, row := range show.Credentials {
			if row.State == string(rota.ProvenDead) && row.Changed.After(last) {
				last = row.Changed
			}
		}
	}
	return last.Sub(start), used
}
