package lambda

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// kinds are the designs of rotators, each with a secret of its own.
var kinds = []struct {
	name string
	make func(w *world, tags ...string) // the secret app/x
}{
	{"single user", func(w *world, tags ...string) {
		w.provider.AddUser("app", "first")
		w.put("app/x", rotationtest.UserValue("app", "first"), append(tags, "rota:rotator", "model-users")...)
	}},
	{"alternating users", func(w *world, tags ...string) {
		w.provider.AddUser("app", "first")
		w.put("admin/x", rotationtest.UserValue("root", "root"), "rota:serves", "app/")
		w.put("app/x", rotationtest.UserValue("app", "first"), append(tags, "rota:rotator", "model-users", "rota:admin", "admin/x")...)
	}},
	{"minting", func(w *world, tags ...string) {
		w.provider.AddKey("key-0", "by hand", "first")
		w.put("app/x", rotationtest.KeyValue("key-0", "first"), append(tags, "rota:rotator", "model-keys")...)
	}},
	{"chosen, id assigned", func(w *world, tags ...string) {
		w.provider.AddKey("key-0", "first", "first")
		w.put("app/x", rotationtest.AssignedValue("first", "first"), append(tags, "rota:rotator", "model-assigned")...)
	}},
}

// TestEveryKindOfRotatorRotatesTwice: with each step repeated, then expireSecret
// when its schedule is due, also twice.
func TestEveryKindOfRotatorRotatesTwice(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t)
			k.make(w, "rota:expire", "after 24h")
			for range 2 {
				old, oldVersion := w.value("app/x", rota.Current), w.describe("app/x").VersionOf(rota.Current)
				token := w.rotate("app/x")
				w.steps("app/x", token, 2)
				// AWS leaves every label where it is when AWSCURRENT comes; rota's
				// store takes off what ends the version.
				w.relabel(w.describe("app/x"), token, alive(token))
				after := 24 * time.Hour
				if k.name == "single user" {
					after = 0 // it died when the new one was set
				} else if !w.provider.Accepts(old) {
					t.Error("there is no overlap")
				}
				if p := w.planned(); len(p) != 1 || !strings.HasPrefix(p[0], oldVersion[:8]) {
					t.Errorf("schedules %q, want one for version %.8s", p, oldVersion)
				}
				if after > 0 {
					early, err := w.invoke(rota.ExpireSecret, "app/x", oldVersion)
					if err != nil || early.Next == nil || early.Next.Sub(w.now()) < 23*time.Hour || !w.provider.Accepts(old) {
						t.Errorf("an early event: %+v, %v; want it planned for its time, and the credential alive", early, err)
					}
				}
				w.pass(after + time.Minute)
				clear(w.schedules.have)                                                     // they fired, and deleted themselves
				for _, want := range []string{string(rota.ProvenDead), string(rota.Live)} { // then there is nothing to end
					out, err := w.invoke(rota.ExpireSecret, "app/x", oldVersion)
					if err != nil || out.Proof != want || out.Next != nil {
						t.Errorf("expire: %+v, %v", out, err)
					}
				}
				if w.provider.Accepts(old) {
					t.Error("the old credential is alive")
				}
				w.good("app/x")
				for v, labels := range w.describe("app/x").Stages {
					if slices.Contains(labels, working) || v == oldVersion && slices.ContainsFunc(labels, rota.IsEndsLabel) {
						t.Errorf("version %s still has %q", v, labels)
					}
				}
			}
			if keys := w.provider.Keys(); len(keys) > 1 {
				t.Errorf("orphans: %q", keys)
			}
		})
	}
}

// TestTheEndingIsPlannedBeforeAWSCURRENTMoves: the label, then the schedule,
// then the move.
func TestTheEndingIsPlannedBeforeAWSCURRENTMoves(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w)
	old := w.describe("app/x").VersionOf(rota.Current)
	token := w.rotate("app/x")
	for _, s := range fourSteps[:3] {
		_, err := w.invoke(s, "app/x", token)
		w.must(err)
	}
	labelled := false
	w.schedules.on = func(c call) (int, string) {
		s := w.describe("app/x")
		at, ok := endingOf(s, old)
		labelled = ok && c.body["ScheduleExpression"] == atExpression(at)
		if s.VersionOf(rota.Current) != old {
			t.Error("AWSCURRENT moved before the schedule was made")
		}
		return 0, ""
	}
	_, err := w.invoke(rota.FinishSecret, "app/x", token)
	w.must(err)
	if !labelled {
		t.Error("the schedule was made before its version had the label of the same time")
	}
	if w.describe("app/x").VersionOf(rota.Current) != token {
		t.Error("AWSCURRENT did not move")
	}
}

// TestAFinishThatStoppedIsCompletedByItsRetry: at every call that
// finishSecret makes to Secrets Manager, before it and after it.
func TestAFinishThatStoppedIsCompletedByItsRetry(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			kinds[1].make(w)
			old := w.describe("app/x").VersionOf(rota.Current)
			token := w.rotate("app/x")
			for _, s := range fourSteps[:3] {
				_, err := w.invoke(s, "app/x", token)
				w.must(err)
			}
			w.calls, w.stopAt, w.stopAfter = nil, n, after
			_, err := w.invoke(rota.FinishSecret, "app/x", token)
			w.stopAt = 0
			if len(w.calls) < n {
				if err != nil || n < 8 {
					t.Fatalf("finishSecret makes %d calls, and ends with %v", n-1, err)
				}
				break
			}
			if err == nil {
				t.Fatalf("finishSecret does not notice that call %d failed", n)
			}
			clear(w.schedules.have) // the first schedule fires while its version is in use, or was never made
			if _, err := w.invoke(rota.FinishSecret, "app/x", token); err != nil {
				t.Fatalf("the retry after call %d: %v", n, err)
			}
			s := w.describe("app/x")
			if at, ok := endingOf(s, old); !ok || s.VersionOf(rota.Current) != token || len(w.planned()) != 1 ||
				w.planned()[0] != old[:8]+" "+atExpression(at) {
				t.Errorf("after call %d: labels %v, schedules %q", n, s.Stages, w.planned())
			}
		}
	}
}

// lossy loses the answer to every first request of UpdateSecretVersionStage.
type lossy struct{ lost int }

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultClient.Do(r)
	if err == nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "UpdateSecretVersionStage") && strings.Contains(r.Header.Get("Amz-Sdk-Request"), "attempt=1") {
		_ = res.Body.Close()
		l.lost++
		return nil, io.ErrUnexpectedEOF
	}
	return res, err
}

// TestALabelWhoseAnswerWasLostIsNoFailure: the SDK asks again by itself, and
// AWS refuses to move a label from where it is no more.
func TestALabelWhoseAnswerWasLostIsNoFailure(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "immediately")
	old := w.describe("app/x").VersionOf(rota.Current)
	l := &lossy{}
	options := w.Secrets.(*secretsmanager.Client).Options()
	options.HTTPClient, options.Retryer = l, retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Millisecond)
	w.Secrets = secretsmanager.New(options)
	w.steps("app/x", w.rotate("app/x"), 1)
	w.pass(time.Minute)
	if out, err := w.invoke(rota.ExpireSecret, "app/x", old); err != nil || out.Proof != string(rota.ProvenDead) {
		t.Errorf("%+v, %v", out, err)
	}
	if s := w.describe("app/x"); l.lost < 5 || s.VersionOf(working) != "" || slices.ContainsFunc(s.Stages[old], rota.IsEndsLabel) {
		t.Errorf("%d answers were lost; labels %v", l.lost, s.Stages)
	}
}

// TestAPersonWhoMovedAWSCURRENTDoesNotSaveTheOldCredential: what finishSecret
// finds moved is completed, by the policy.
func TestAPersonWhoMovedAWSCURRENTDoesNotSaveTheOldCredential(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w)
	old := w.describe("app/x").VersionOf(rota.Current)
	token := w.rotate("app/x")
	for _, s := range fourSteps[:3] {
		_, err := w.invoke(s, "app/x", token)
		w.must(err)
	}
	_, err := w.client.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("app/x"), VersionStage: aws.String(rota.Current), RemoveFromVersionId: &old, MoveToVersionId: &token,
	})
	w.must(err)
	_, err = w.invoke(rota.FinishSecret, "app/x", token)
	w.must(err)
	at, ok := endingOf(w.describe("app/x"), old)
	if !ok || at.Sub(w.now()) < 23*time.Hour || len(w.planned()) != 1 {
		t.Errorf("the ending is at %s, with the schedules %q", at, w.planned())
	}
}

// TestARotationThatWasGivenUpLeavesNothing: AWSPENDING is taken off by hand
// after each step, and the next rotation finds what is left by its label.
func TestARotationThatWasGivenUpLeavesNothing(t *testing.T) {
	for _, k := range kinds {
		for done := 1; done <= 3; done++ {
			t.Run(k.name+", after "+string(fourSteps[done-1]), func(t *testing.T) {
				w := newWorld(t)
				k.make(w)
				token := w.rotate("app/x")
				for _, s := range fourSteps[:done] {
					_, err := w.invoke(s, "app/x", token)
					w.must(err)
				}
				pending := w.value("app/x", rota.Pending)
				_, err := w.client.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
					SecretId: aws.String("app/x"), VersionStage: aws.String(rota.Pending), RemoveFromVersionId: &token,
				})
				w.must(err)
				w.steps("app/x", w.rotate("app/x"), 1)
				if w.provider.Accepts(pending) {
					t.Error("the credential that was given up is alive")
				}
				if keys := w.provider.Keys(); len(keys) > 2 {
					t.Errorf("keys %q, want the old and the new one", keys)
				}
			})
		}
	}
}

// TestAMintWhoseAnswerWasLostIsNotForgottenWithItsPlaceholder: the label is on
// the empty version before the mint.
func TestAMintWhoseAnswerWasLostIsNotForgottenWithItsPlaceholder(t *testing.T) {
	w := newWorld(t)
	kinds[2].make(w)
	w.provider.UsePoints(faults{func(p string) rotationtest.Fault {
		if p == "provider mint" {
			return rotationtest.DoneUnknown
		}
		return rotationtest.None
	}})
	token := w.rotate("app/x")
	if _, err := w.invoke(rota.CreateSecret, "app/x", token); err == nil {
		t.Fatal("the answer was not lost")
	}
	if len(w.provider.Keys()) != 2 {
		t.Fatal("nothing was minted")
	}
	w.provider.UsePoints(faults{})
	_, err := w.client.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("app/x"), VersionStage: aws.String(rota.Pending), RemoveFromVersionId: &token,
	})
	w.must(err)
	w.steps("app/x", w.rotate("app/x"), 1)
	if keys := w.provider.Keys(); len(keys) != 2 {
		t.Errorf("keys %q, want the old and the new one", keys)
	}
}

func TestAnEndingThatDoesNotSucceedIsTriedAgainWithinABound(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "after 1h")
	old := w.describe("app/x").VersionOf(rota.Current)
	w.steps("app/x", w.rotate("app/x"), 1)
	down := errors.New("the provider is down")
	w.provider.AnswerTries(func(rota.Value, error) error { return down })
	var waits []time.Duration
	w.pass(time.Hour + 2*time.Second)
	for {
		clear(w.schedules.have)
		out, err := w.invoke(rota.ExpireSecret, "app/x", old)
		if err != nil {
			fails(t, err, "Failed", "rota doctor --aws says what to do")
			break
		}
		if out.Next == nil || len(w.planned()) != 1 || w.planned()[0] != old[:8]+" "+atExpression(*out.Next) {
			t.Fatalf("%+v with the schedules %q", out, w.planned())
		}
		wait := out.Next.Sub(w.now()).Round(time.Minute)
		waits = append(waits, wait)
		w.pass(wait + time.Second)
	}
	if len(waits) < 90 || waits[0] != time.Minute || waits[len(waits)-1] != latestAgain || !slices.IsSorted(waits) {
		t.Errorf("it waited %v", waits)
	}
	if !strings.Contains(w.metrics.String(), `"EndingOverdue":1`) || !strings.Contains(w.metrics.String(), `"EndingFailed":1`) {
		t.Error("no alarm can hear of it")
	}
	w.provider.AnswerTries(nil)
	out, err := w.invoke(rota.ExpireSecret, "app/x", old) // as doctor says
	if err != nil || out.Proof != string(rota.ProvenDead) {
		t.Errorf("by hand: %+v, %v", out, err)
	}
}

// TestAnEndingAndASetNeverWorkAtOnce: an expireSecret that is slow at the
// provider would make the password useless that a rotation has set meanwhile.
func TestAnEndingAndASetNeverWorkAtOnce(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "after 1h")
	old := w.describe("app/x").VersionOf(rota.Current) // of the user app
	w.steps("app/x", w.rotate("app/x"), 1)
	w.pass(2 * time.Hour)
	token := w.rotate("app/x") // sets app again
	_, err := w.invoke(rota.CreateSecret, "app/x", token)
	w.must(err)

	inside := false
	w.provider.UsePoints(faults{func(p string) rotationtest.Fault {
		if p == "provider set" && !inside {
			inside = true
			out, err := w.invoke(rota.ExpireSecret, "app/x", old)
			if err != nil || out.Next == nil {
				t.Errorf("expireSecret during setSecret: %+v, %v; want it put off", out, err)
			}
		}
		return rotationtest.None
	}})
	for _, s := range fourSteps[1:] {
		if _, err := w.invoke(s, "app/x", token); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if !inside {
		t.Fatal("nothing was tried")
	}
	w.good("app/x")
	if s := w.describe("app/x"); s.VersionOf(working) != "" {
		t.Errorf("the label stayed: %v", s.Stages)
	}
}

// TestASetWaitsForAnEndingThatBeganBeforeIt: the rotation's own value would
// otherwise be made useless by an end that is still on its way.
func TestASetWaitsForAnEndingThatBeganBeforeIt(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "after 1h")
	old := w.describe("app/x").VersionOf(rota.Current) // of the user app
	w.steps("app/x", w.rotate("app/x"), 1)
	w.pass(2 * time.Hour)
	token := ""
	w.provider.UsePoints(faults{func(p string) rotationtest.Fault {
		if p == "provider end" && token == "" {
			token = w.rotate("app/x") // sets app again
			_, err := w.invoke(rota.CreateSecret, "app/x", token)
			w.must(err)
			short, cancel := context.WithTimeout(t.Context(), 10*time.Second) // too short to wait in
			defer cancel()
			_, err = w.invokeIn(short, rota.SetSecret, "app/x", token)
			fails(t, err, "NotYet", "another step works on secret app/x")
		}
		return rotationtest.None
	}})
	if out, err := w.invoke(rota.ExpireSecret, "app/x", old); err != nil || token == "" {
		t.Fatalf("%+v, %v", out, err)
	}
	w.steps("app/x", token, 1)
}

// TestWhatAPutCarries: the rotation's token, for functions that Secrets
// Manager does not know by their role alone; and with AWSPENDING the label that
// keeps the version, in one call.
func TestWhatAPutCarries(t *testing.T) {
	for _, k := range kinds {
		w := newWorld(t)
		k.make(w)
		token := w.rotate("app/x")
		_, err := w.invoke(rota.CreateSecret, "app/x", token)
		w.must(err)
		sec, err := w.store.DescribeSecret(t.Context(), rota.Caller{Account: account, Region: region}, store.DescribeSecretInput{SecretID: "app/x"})
		w.must(err)
		task, err := w.store.Task(t.Context(), sec.Key)
		w.must(err)
		if len(w.puts) != 1 || task.RotationToken == "" || aws.ToString(w.puts[0].RotationToken) != task.RotationToken {
			t.Errorf("%s: the token of the rotation was not passed on", k.name)
		}
		if d := cmp.Diff([]string{rota.Pending, "rota-ends-next-" + token[:8]}, w.puts[0].VersionStages); d != "" {
			t.Errorf("%s: %s", k.name, d)
		}
	}
}

func TestAClaim(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "after 1h")
	old := w.describe("app/x").VersionOf(rota.Current)
	w.steps("app/x", w.rotate("app/x"), 1)
	w.pass(2 * time.Hour)
	token := w.rotate("app/x")
	_, err := w.invoke(rota.CreateSecret, "app/x", token)
	w.must(err)
	hold := func(version string) {
		t.Helper()
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("app/x"), VersionStage: aws.String(working), MoveToVersionId: &version}
		if has := w.describe("app/x").VersionOf(working); has != "" {
			in.RemoveFromVersionId = &has
		}
		_, err := w.client.UpdateSecretVersionStage(t.Context(), in)
		w.must(err)
	}
	take := func(version string, wait bool) (waited int, err error) {
		s := &secrets{api: w.Secrets, id: "app/x", allow: w.Allow}
		c := &claim{secrets: s, version: version, now: w.now, pause: func(ctx context.Context, _ time.Duration) error {
			if waited++; waited == 3 {
				return errors.New("waited long enough")
			}
			if waited == 2 {
				_, err := w.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
					SecretId: aws.String("app/x"), VersionStage: aws.String(working), RemoveFromVersionId: aws.String(w.describe("app/x").VersionOf(working)),
				})
				return err
			}
			return nil
		}}
		release, err := c.take(t.Context(), wait)
		if err == nil {
			err = release(t.Context())
		}
		return waited, err
	}
	for _, c := range []struct {
		name   string
		holder string
		since  time.Duration
		taker  string
		wait   bool
		waited int
		notYet bool
	}{
		{"setSecret waits until an ending is over", old, 0, token, true, 2, false},
		{"setSecret goes on where an attempt of its own stopped", token, 0, token, true, 0, false},
		{"setSecret takes what an ending left that surely is no more", old, abandonedAfter + time.Second, token, true, 0, false},
		{"an ending does not wait for setSecret", token, 0, old, false, 0, true},
		{"an ending does not join another attempt of its own, which may be alive", old, 0, old, false, 0, true},
		{"until that surely is no more", old, abandonedAfter + time.Second, old, false, 0, false},
		{"not a second sooner", token, abandonedAfter - time.Second, old, false, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hold(c.holder)
			w.pass(c.since)
			waited, err := take(c.taker, c.wait)
			if waited != c.waited || errors.Is(err, rotation.ErrNotYet) != c.notYet || err != nil && !c.notYet {
				t.Errorf("waited %d times, %v", waited, err)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name       string
		set, value string // of the environment
		typ, text  string
	}{
		{"a rotator that is not on the list", AllowRotators, "postgres", "Permanent", `set its environment variable ROTA_ALLOW_ROTATORS to "postgres model-users"`},
		{"a host that is not on the list", AllowHosts, "db.example.com", "Permanent", `set its environment variable ROTA_ALLOW_HOSTS to "db.example.com provider"`},
		{"an admin secret that is not on the list", AllowAdminSecrets, "", "Permanent", `set its environment variable ROTA_ALLOW_ADMIN_SECRETS to "admin/x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			kinds[1].make(w)
			w.env[c.set] = c.value
			w.Allow = AllowFrom(w.Env)
			all, err := rotation.NewCatalog(w.provider.Users())
			w.must(err)
			w.Catalog, err = Guarded(all, w.Allow)
			w.must(err)
			token := w.rotate("app/x")
			w.reads = nil
			_, err = w.invoke(rota.CreateSecret, "app/x", token)
			fails(t, err, c.typ, c.text)
			reads := strings.Join(w.reads, " ")
			if own, admin := strings.Contains(reads, ":app/x-"), strings.Contains(reads, ":admin/x-"); !own || admin == (c.set == AllowAdminSecrets) {
				t.Errorf("it read %q; want its own secret, and the admin secret where that is allowed", w.reads)
			}
			if !strings.Contains(w.metrics.String(), `"RotationFailed":1`) {
				t.Error("no alarm can hear of it")
			}
		})
	}
}

func TestEventsThatAreNone(t *testing.T) {
	w := newWorld(t)
	kinds[0].make(w)
	token := w.rotate("app/x")
	for _, c := range []struct {
		name          string
		step          rota.Step
		secret, token string
		typ, text     string
	}{
		{"an empty event", "", "", "", "Permanent", "the event is none of a rotation"},
		{"an unknown step", "dropSecret", "app/x", token, "Permanent", `unknown step "dropSecret"`},
		{"a version that is none", rota.CreateSecret, "app/x", "no-such-version-no-such-version-", "Failed", "has no stage for rotation of secret"},
		{"a secret that is gone", rota.CreateSecret, "app/gone", token, "Failed", "Secrets Manager can't find the specified secret."},
		{"the ending of a secret that is gone is for a person to look at", rota.ExpireSecret, "app/gone", token, "Failed", "its old credential may be alive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.invoke(c.step, c.secret, c.token)
			fails(t, err, c.typ, c.text)
		})
	}
}

func TestAPanicIsAnErrorWithoutItsText(t *testing.T) {
	w := newWorld(t)
	kinds[0].make(w)
	token := w.rotate("app/x")
	w.provider.AnswerTries(func(v rota.Value, _ error) error { panic(string(v.Reveal())) })
	_, err := w.invoke(rota.CreateSecret, "app/x", token)
	fails(t, err, "Failed", "rota panicked during createSecret (string)")
	if strings.Contains(err.Error()+w.log.String(), "password") {
		t.Error("the text is told")
	}
}

// TestNoValueReachesTheLog: of a whole rotation, and of one that fails.
func TestNoValueReachesTheLog(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "immediately")
	old := w.describe("app/x").VersionOf(rota.Current)
	token := w.rotate("app/x")
	w.provider.AnswerTries(func(v rota.Value, truth error) error {
		if truth == nil {
			return errors.New("cannot say of " + string(v.Reveal()))
		}
		return truth
	})
	_, err := w.invoke(rota.CreateSecret, "app/x", token)
	w.must(err)
	if _, err := w.invoke(rota.TestSecret, "app/x", token); err == nil {
		t.Error("testSecret did not fail")
	}
	w.provider.AnswerTries(nil)
	w.steps("app/x", token, 1)
	w.pass(time.Hour)
	_, err = w.invoke(rota.ExpireSecret, "app/x", old)
	w.must(err)
	for _, v := range []rota.Value{w.value("app/x", rota.Current), w.value("app/x", rota.Previous), w.value("admin/x", rota.Current)} {
		for _, part := range strings.FieldsFunc(string(v.Reveal()), func(r rune) bool { return strings.ContainsRune(`{}":,`, r) }) {
			if strings.Contains("username password app app_clone root first", part) {
				continue
			}
			if strings.Contains(w.log.String()+w.metrics.String(), part) {
				t.Errorf("the log has a part of a value")
			}
		}
	}
	if !strings.Contains(w.log.String(), `"step":"expireSecret"`) || !strings.Contains(w.log.String(), `"proof":"proven dead"`) {
		t.Errorf("the log does not tell what was done:\n%s", w.log)
	}
}

// TestTheCallsAreThoseThatTheInterfaceHas: a whole life of a secret makes no
// call to Secrets Manager that is not in the list by which permissions are
// granted, and makes each of them.
func TestTheCallsAreThoseThatTheInterfaceHas(t *testing.T) {
	w := newWorld(t)
	kinds[1].make(w, "rota:expire", "immediately")
	old := w.describe("app/x").VersionOf(rota.Current)
	w.steps("app/x", w.rotate("app/x"), 1)
	w.pass(time.Hour)
	_, err := w.invoke(rota.ExpireSecret, "app/x", old)
	w.must(err)
	_, err = w.invoke(Doctor, "", "")
	w.must(err)
	got := slices.Compact(slices.Sorted(slices.Values(w.calls)))
	want := []string{"DescribeSecret", "GetSecretValue", "ListSecrets", "PutSecretValue", "UpdateSecretVersionStage"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
