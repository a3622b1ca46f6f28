//go:build servers

package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "modernc.org/sqlite"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/wire"
)

const (
	killRoles = 200
	atOnce    = 16
	minKills  = 20
	maxKills  = 60
	// healed is the time in which every AWSCURRENT password must log in again.
	healed = 30 * time.Second
)

// The moments in which a kill can find a rotation.
const (
	beforeSet     = "before set"
	betweenSet    = "between set and finish"
	afterFinish   = "after finish"
	inEnding      = "in an ending"
	functionARN   = "arn:aws:lambda:" + region + ":" + account + ":function:rota-"
	longSchedule  = "rate(30 days)"
	adminName     = "kill-admin"
	expireQuickly = "after 1s"
)

// fleet is the roles, their secrets and what was asked of each.
type fleet struct {
	pg      *testserver.PG
	names   []string
	asked   map[string]int // rotations acknowledged by the server
	unknown map[string]int // asked, and the answer was lost with the process
	cut     map[string]int // kills that found the secret between set and finish
	rng     *rand.Rand
	ids     int
}

// TestKill9 rotates 200 roles, 16 at a time, kills the program again and
// again, and lets it start again: every AWSCURRENT password logs in within
// 30 seconds, and no rotation is lost or doubled, counted at the server and
// in the ledger.
func TestKill9(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("ROTA_KILL_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ROTA_KILL_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("summary: seed %d: play it again with ROTA_KILL_SEED=%d", seed, seed)

	f := &fleet{
		pg: testserver.Postgres(t), asked: map[string]int{}, unknown: map[string]int{}, cut: map[string]int{},
		rng: rand.New(rand.NewPCG(seed, 1)),
	}
	s := serve(t, build(t), filepath.Join(t.TempDir(), "data"), "--lane-limit", strconv.Itoa(atOnce))
	f.create(t, s)

	found := map[string]int{}
	kills := 0
	for kills < minKills || found[beforeSet] == 0 || found[betweenSet] == 0 || found[afterFinish] == 0 || found[inEnding] == 0 {
		if kills == maxKills {
			t.Fatalf("%d kills never found a rotation in every moment: %v", kills, found)
		}
		f.killWhileRotating(t, s)
		kills++
		for moment, n := range f.interrupted(t, s.dir) {
			found[moment] += n
		}
		s.start(t, "--lane-limit", strconv.Itoa(atOnce))
		f.logInAll(t, s)
	}
	f.settle(t, s)
	f.rotateAll(t, s) // also those that no round had come to
	f.settle(t, s)
	f.count(t, s)
	t.Logf("summary: %d kills interrupted %d rotations before set, %d between set and finish, %d after finish, and %d endings",
		kills, found[beforeSet], found[betweenSet], found[afterFinish], found[inEnding])
}

// create makes the roles and their secrets: one half with a single user, the
// other with two that alternate.
func (f *fleet) create(t *testing.T, s *server) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, f.pg.URL(f.pg.Superuser, f.pg.Password, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	c := s.client(t)
	f.put(t, c, adminName, f.pg.Superuser, f.pg.Password, types.Tag{Key: aws.String("rota:serves"), Value: aws.String("kill/")})
	for i := range killRoles {
		role := fmt.Sprintf("kill_%03d", i)
		name := "kill/" + role
		if _, err := conn.Exec(ctx, "CREATE ROLE "+role+" LOGIN PASSWORD 'first-"+role+"'"); err != nil {
			t.Fatal(err)
		}
		tags := []types.Tag{{Key: aws.String("rota:expire"), Value: aws.String(expireQuickly)}}
		if alternates(name) {
			tags = append(tags, types.Tag{Key: aws.String("rota:admin"), Value: aws.String(adminName)})
		}
		f.put(t, c, name, role, "first-"+role, tags...)
		f.names = append(f.names, name)
	}
}

// alternates tells the secrets of two users from those of one.
func alternates(name string) bool { return strings.ContainsAny(name[len(name)-1:], "13579") }

func (f *fleet) put(t testing.TB, c *secretsmanager.Client, name, user, password string, tags ...types.Tag) {
	t.Helper()
	value, err := json.Marshal(map[string]any{
		"engine": "postgres", "host": f.pg.Host, "port": f.pg.Port, "username": user, "password": password, "dbname": "postgres", "ssl": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(string(value)), Tags: tags}); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

// killWhileRotating asks for rotations and kills the program at a moment
// that the seed decides.
func (f *fleet) killWhileRotating(t *testing.T, s *server) {
	t.Helper()
	c := s.client(t)
	order := f.rng.Perm(len(f.names))
	at := time.Duration(100+f.rng.IntN(2500)) * time.Millisecond
	process := s.cmd.Process
	die := time.AfterFunc(at, func() { _ = process.Kill() }) // kill -9
	defer die.Stop()
	for _, i := range order {
		name := f.names[i]
		err := f.rotate(t.Context(), c, name)
		var running *types.InvalidRequestException
		switch {
		case err == nil:
			f.asked[name]++
		case errors.As(err, &running):
			// Still at work on what was asked before.
		default:
			f.unknown[name]++ // the process died before it answered
		}
		select {
		case <-s.exited:
			return
		default:
		}
	}
	<-s.exited
}

func (f *fleet) rotate(ctx context.Context, c *secretsmanager.Client, name string) error {
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: &name, ClientRequestToken: aws.String(f.token()), RotationLambdaARN: aws.String(functionARN + "postgres"),
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String(longSchedule)},
	})
	return err
}

// rotateAll rotates every secret once more, undisturbed.
func (f *fleet) rotateAll(t *testing.T, s *server) {
	t.Helper()
	c := s.client(t)
	for _, name := range f.names {
		if err := f.rotate(t.Context(), c, name); err != nil {
			t.Fatalf("rotate %s: %v", name, err)
		}
		f.asked[name]++
	}
}

func (f *fleet) token() string {
	f.ids++
	return fmt.Sprintf("%08x-0000-4000-8000-%012d", f.rng.Uint32(), f.ids)
}

// interrupted reads, from a copy of the dead process's database, what the
// kill found at work.
func (f *fleet) interrupted(t *testing.T, dir string) map[string]int {
	t.Helper()
	dead := t.TempDir()
	for _, name := range []string{"rota.db", "rota.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dead, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dead, "rota.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT s.name, t.touched, coalesce(l.version = t.token, 0) FROM tasks t
		JOIN secrets s ON s.account = t.account AND s.region = t.region AND s.id = t.secret
		LEFT JOIN labels l ON l.account = t.account AND l.region = t.region AND l.secret = t.secret AND l.label = 'AWSCURRENT'
		WHERE t.kind = 'rotate' AND t.claim_owner <> ''`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]int{}
	for rows.Next() {
		var name string
		var touched, moved bool
		if err := rows.Scan(&name, &touched, &moved); err != nil {
			t.Fatal(err)
		}
		switch {
		case moved:
			found[afterFinish]++
		case touched:
			found[betweenSet]++
			f.cut[name]++
		default:
			found[beforeSet]++
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var ending int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM credentials WHERE state = 'ending'`).Scan(&ending); err != nil {
		t.Fatal(err)
	}
	found[inEnding] = ending
	return found
}

// eachName runs f for all secrets, a few at a time, and returns the names
// that failed.
func (f *fleet) eachName(names []string, do func(name string) error) map[string]error {
	var mu sync.Mutex
	failed := map[string]error{}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, name := range names {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			if err := do(name); err != nil {
				mu.Lock()
				failed[name] = err
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return failed
}

// logInAll waits until every AWSCURRENT password has logged in since the
// start of the process.
func (f *fleet) logInAll(t *testing.T, s *server) {
	t.Helper()
	c := s.client(t)
	left := f.names
	start := time.Now()
	eventually(t, healed, "every AWSCURRENT password logs in after the restart", func() (bool, string) {
		failed := f.eachName(left, func(name string) error {
			value, err := current(t.Context(), c, name, "")
			if err != nil {
				return err
			}
			return f.logIn(t.Context(), value)
		})
		left = left[:0:0]
		seen := ""
		for name, err := range failed {
			left = append(left, name)
			seen = name + ": " + err.Error()
		}
		return len(left) == 0, fmt.Sprintf("%d do not, such as %s", len(left), seen)
	})
	t.Logf("all %d log in %.1f s after the restart", len(f.names), time.Since(start).Seconds())
}

type login struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
}

func current(ctx context.Context, c *secretsmanager.Client, name, version string) (login, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &name}
	if version != "" {
		in.VersionId = &version
	}
	var l login
	out, err := c.GetSecretValue(ctx, in)
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(aws.ToString(out.SecretString)), &l)
}

func (f *fleet) logIn(ctx context.Context, l login) error {
	conn, err := pgx.Connect(ctx, f.pg.URL(l.Username, l.Password, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// settle waits until nothing rotates and nothing waits for its end. What was
// asked while the process died is asked for in the ledger: it either counts
// or it does not, but not half.
func (f *fleet) settle(t *testing.T, s *server) {
	t.Helper()
	eventually(t, 3*time.Minute, "all rotations and endings are over", func() (bool, string) {
		var status wire.StatusOutput
		s.own(t, "Status", wire.StatusInput{}, &status)
		for _, one := range status.Secrets {
			quiet := one.State == "idle" || one.State == "by hand" // no round had come to it
			if strings.HasPrefix(one.Name, "kill/") && (!quiet || one.OverlapOpen > 0) {
				return false, fmt.Sprintf("%s: %s %s, %d overlaps", one.Name, one.State, one.Detail, one.OverlapOpen)
			}
		}
		return true, ""
	})
}

var (
	logsIn       = regexp.MustCompile(`\[(\d+)\] LOG:  connection authorized: user=(\S+)`)
	setsPassword = regexp.MustCompile(`\[(\d+)\] LOG: .*(?:ALTER|CREATE) ROLE "(kill_\d+)(?:_clone)?"[^;]*PASSWORD 'SCRAM-SHA-256`)
)

// sets counts, by secret, the passwords that the server was given. Where users
// alternate the admin gives them; what such a user does to its own role is the
// ending of its password.
func (f *fleet) sets(t *testing.T) map[string]int {
	t.Helper()
	log, err := os.ReadFile(f.pg.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	user := map[string]string{} // by process of the server
	for line := range strings.Lines(string(log)) {
		if m := logsIn.FindStringSubmatch(line); m != nil {
			user[m[1]] = m[2]
		} else if m := setsPassword.FindStringSubmatch(line); m != nil {
			if name := "kill/" + m[2]; !alternates(name) || user[m[1]] == f.pg.Superuser {
				count[name]++
			}
		}
	}
	return count
}

// count compares what was asked with the ledger and with the server.
func (f *fleet) count(t *testing.T, s *server) {
	t.Helper()
	sets := f.sets(t)
	c := s.client(t)
	total := 0
	for _, name := range f.names {
		var show wire.ShowOutput
		s.own(t, "Show", wire.ShowInput{SecretId: name}, &show)
		versions, live := map[string]bool{}, 0
		for _, row := range show.Credentials {
			versions[row.VersionId] = true
			switch row.State {
			case string(rota.Live):
				live++
			case string(rota.ProvenDead):
			default:
				t.Errorf("%s: the ledger is left with version %s %s: %s", name, row.VersionId, row.State, row.Evidence)
			}
		}
		rotations := len(versions) - 1
		total += rotations
		if least := f.asked[name]; rotations < least || rotations > least+f.unknown[name] { // each lost answer may have been a yes
			t.Errorf("%s: %d rotations in the ledger, %d were acknowledged, and the answer to %d was lost", name, rotations, least, f.unknown[name])
		}
		if live != 1 {
			t.Errorf("%s: %d live credentials in the ledger, want 1", name, live)
		}
		if n := sets[name]; n < rotations || n > rotations+f.cut[name] { // each rotation sets its password once
			t.Errorf("%s: the server saw %d passwords set for %d rotations, %d of them interrupted", name, n, rotations, f.cut[name])
		}
	}
	failed := f.eachName(f.names, func(name string) error { return f.onlyCurrentLogsIn(t.Context(), c, name) })
	for name, err := range failed {
		t.Errorf("%s: %v", name, err)
	}
	t.Logf("summary: %d rotations of %d roles, none lost and none doubled", total, len(f.names))
}

// onlyCurrentLogsIn tries every version of a secret at the server.
func (f *fleet) onlyCurrentLogsIn(ctx context.Context, c *secretsmanager.Client, name string) error {
	versions, err := c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &name, IncludeDeprecated: aws.Bool(true)})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		value, err := current(ctx, c, name, aws.ToString(v.VersionId))
		if err != nil {
			return err
		}
		isCurrent := false
		for _, l := range v.VersionStages {
			isCurrent = isCurrent || l == rota.Current
		}
		err = f.logIn(ctx, value)
		var refused *pgconn.PgError
		switch {
		case isCurrent && err != nil:
			return fmt.Errorf("AWSCURRENT does not log in: %w", err)
		case !isCurrent && err == nil:
			return fmt.Errorf("the password of version %s still logs in", aws.ToString(v.VersionId))
		case !isCurrent && !(errors.As(err, &refused) && refused.Code == "28P01"):
			return fmt.Errorf("the password of version %s: %w", aws.ToString(v.VersionId), err)
		}
	}
	return nil
}
