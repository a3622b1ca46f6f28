//go:build servers

package awslambda

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

// subject is one secret in a cloud, with its provider.
type subject struct {
	*testing.T
	cloud    *cloud
	lambda   *lambda
	provider provider
	arn      string
}

var subjects int

func newSubject(t *testing.T, c *cloud, l *lambda, p provider, policy string) subject {
	t.Helper()
	subjects++
	value, admin := p.make(t)
	name := fmt.Sprintf("app/%d", subjects)
	rotator, _, _ := strings.Cut(p.name, ",")
	tags := []string{"rota:rotator", rotator, "rota:expire", policy}
	if admin != nil {
		c.put(t, "admin/"+name, admin, "rota:serves", name)
		tags = append(tags, "rota:admin", "admin/"+name)
	}
	return subject{t, c, l, p, c.put(t, name, value, tags...)}
}

// works checks that the provider accepts AWSCURRENT.
func (s subject) works() map[string]any {
	s.Helper()
	now := s.cloud.get(s.T, s.arn, rota.Current)
	if !s.provider.works(s.T, now) {
		s.Fatal("AWSCURRENT does not work at the server")
	}
	return now
}

// expire sends what the schedules would, until an ending is proven, and after
// a crash again; half an hour later, when a claim that was left is void.
func (s subject) expire() {
	s.Helper()
	proven := false
	for range 3 {
		for _, ev := range s.cloud.fire(s.T, s.arn) {
			s.cloud.due(s.T, s.arn, ev.ClientRequestToken)
			answer, died, err := s.lambda.invoke(ev, ev.Step)
			if died {
				// A request that was on its way may be served after the crash,
				// and be the claim that the next one meets.
				for again := 0; again < 3 && (died || err != nil); again++ {
					s.cloud.longAgo(s.T, s.arn)
					answer, died, err = s.lambda.invoke(ev, ev.Step)
				}
				// The label goes after the proof: with it gone, what the crash
				// cut off was only the answer. The request that took it away may
				// have been served after the crash.
				proven = !s.ends(ev.ClientRequestToken)
			}
			if died || err != nil {
				s.Fatalf("expireSecret: died %t, %v", died, err)
			}
			proven = proven || answer["proof"] == string(rota.ProvenDead)
		}
		if proven {
			return
		}
	}
	s.Fatalf("nothing was proven dead; labels %v", s.cloud.labels(s.T, s.arn))
}

// ends reports whether a version is labelled to end.
func (s subject) ends(version string) bool {
	s.Helper()
	return slices.ContainsFunc(s.cloud.labels(s.T, s.arn)[version], rota.IsEndsLabel)
}

// done checks what must hold after an ending.
func (s subject) done(old map[string]any) {
	s.Helper()
	now := s.works()
	if s.provider.works(s.T, old) {
		s.Error("the old credential works after it was proven dead")
	}
	if s.provider.others != nil {
		if n := s.provider.others(s.T, now); n != 0 {
			s.Errorf("%d credentials live beside the current one", n)
		}
	}
	for v, labels := range s.cloud.labels(s.T, s.arn) {
		for _, l := range labels {
			if rota.IsEndsLabel(l) && !strings.Contains(strings.Join(labels, " "), rota.Current) {
				s.Errorf("the version %s still has %q", v, labels)
			}
		}
	}
}

// TestRotaIsARotationFunctionOnAWS: for each provider two rotations with every
// step sent twice, the old credential alive in the overlap and refused after
// the ending, which comes twice too.
func TestRotaIsARotationFunctionOnAWS(t *testing.T) {
	bin := build(t, "amd64", program)
	for _, make := range []func(testing.TB, *tripwire) provider{postgres, postgresAlone, rabbitmq, keystone} {
		w := &tripwire{}
		p := make(t, w)
		t.Run(p.name, func(t *testing.T) {
			c := newCloud(t)
			l := newLambda(t, c, w, bin)
			s := newSubject(t, c, l, p, "immediately")
			for range 2 {
				old, oldVersion := s.works(), c.versionOf(t, s.arn, rota.Current)
				ev := c.rotate(t, s.arn)
				l.rotate(ev, 2)
				if got := c.versionOf(t, s.arn, rota.Current); got != ev.ClientRequestToken {
					t.Fatalf("AWSCURRENT is on %s", got)
				}
				s.works()
				if p.works(t, old) == p.single {
					t.Errorf("the old credential works: %t; with a single user there is no overlap, and else there is one", p.single)
				}
				s.expire()
				again, _, err := l.invoke(rota.Event{SecretID: s.arn, ClientRequestToken: oldVersion}, rota.ExpireSecret)
				if err != nil || again["proof"] != string(rota.Live) {
					t.Errorf("a second event: %v, %v; want that there is nothing to end", again, err)
				}
				s.done(old)
			}
			for _, v := range []map[string]any{c.get(t, s.arn, rota.Current), c.get(t, s.arn, rota.Previous)} {
				for _, field := range []string{"password", "secret"} {
					if text, ok := v[field].(string); ok && len(text) > 8 && strings.Contains(l.said.String(), text) {
						t.Errorf("the log has a %s", field)
					}
				}
			}
		})
	}
}

// TestAKilledFunctionLeavesNothingBehind: kill -9 after every request that
// may change something, of those that the function makes in a rotation with its ending, to Secrets Manager,
// to Scheduler and to the provider; then the same again with the same token.
func TestAKilledFunctionLeavesNothingBehind(t *testing.T) {
	bin := build(t, "amd64", program)
	for _, make := range []func(testing.TB, *tripwire) provider{postgres, postgresAlone, rabbitmq, keystone} {
		w := &tripwire{}
		p := make(t, w)
		t.Run(p.name, func(t *testing.T) {
			c := newCloud(t)
			l := newLambda(t, c, w, bin)
			n := 1
			for ; ; n++ {
				l.start() // what a start does is not counted: it makes no request
				s := newSubject(t, c, l, p, "immediately")
				old := s.works()
				ev := c.rotate(t, s.arn)
				w.arm(n, l.kill)
				l.rotate(ev, 1)
				s.works()
				s.expire()
				seen, tripped := w.passed()
				w.arm(0, nil)
				s.done(old)
				if t.Failed() {
					t.Fatalf("after a crash at request %d", n)
				}
				if !tripped {
					if seen >= n {
						t.Fatalf("request %d was seen and the process was not killed", n)
					}
					break
				}
			}
			t.Logf("%d crashes", n-1)
			if n < 30 {
				t.Errorf("a whole rotation has %d requests, which is too few to be true", n-1)
			}
		})
	}
}

// TestTheArm64BinaryRotates: the same program for the other processor, under
// qemu.
func TestTheArm64BinaryRotates(t *testing.T) {
	w := &tripwire{}
	p := postgres(t, w)
	c := newCloud(t)
	l := newLambda(t, c, w, qemu(t), build(t, "arm64", program))
	s := newSubject(t, c, l, p, "immediately")
	old := s.works()
	l.rotate(c.rotate(t, s.arn), 1)
	s.works()
	s.expire()
	s.done(old)
}
