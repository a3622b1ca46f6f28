package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// property runs random operations on one secret, by everybody who works on
// it at once, and looks at the invariants after each. Commits fail, and the
// database is closed and opened, at random. A seed that fails is replayed by
// the name of its test.
func property(t *testing.T, open Open) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("invariants hold with seed %d", seed), func(t *testing.T) {
			p := &player{World: NewWorld(t, open), r: rand.New(rand.NewPCG(seed, 1)), values: map[string]string{}}
			p.create()
			for range 300 {
				p.play()
				if t.Failed() {
					t.Fatalf("the last operations were %v", p.log[max(0, len(p.log)-8):])
				}
			}
			if p.done < 100 {
				t.Errorf("only %d operations did something", p.done)
			}
		})
	}
}

// player knows what was acknowledged.
type player struct {
	*World
	r       *rand.Rand
	log     []string
	done    int
	key     rota.Key
	engine  rota.Caller
	n       int
	values  map[string]string // by version
	current string
	turns   turns
}

// picture is all rows of the secret.
type picture struct {
	Secret      store.SecretRow
	Labels      map[string]string
	Versions    []store.VersionRow
	Task        store.Task
	Credentials []rota.Credential
}

func (p *player) picture() picture {
	p.T.Helper()
	var out picture
	p.Must(p.Hooks.View(p.T.Context(), func(tx store.Tx) error {
		var errs [5]error
		out.Secret, _, errs[0] = tx.Secret(p.key)
		out.Labels, errs[1] = tx.Labels(p.key)
		out.Versions, errs[2] = tx.Versions(p.key)
		out.Task, _, errs[3] = tx.Task(p.key)
		out.Credentials, errs[4] = tx.Credentials(p.key)
		return errors.Join(errs[:]...)
	}))
	return out
}

func (p *player) create() {
	p.key = p.Create("s", "v0", "value 0").Key
	p.values["v0"], p.current = "value 0", "v0"
	p.engine = p.Engine(p.key, "rotate")
}

func (p *player) token() string {
	p.n++
	return fmt.Sprintf("v%d", p.n)
}

func (p *player) version() string {
	before := p.picture()
	return before.Versions[p.r.IntN(len(before.Versions))].ID
}

func (p *player) play() {
	p.T.Helper()
	p.Clock.Advance(time.Duration(p.r.IntN(7200)) * time.Second)
	if p.r.IntN(15) == 0 {
		before := p.picture()
		p.Restart()
		p.log = append(p.log, "restart")
		if diff := cmp.Diff(before, p.picture()); diff != "" {
			p.T.Fatalf("the restart changed (-before +after):\n%s", diff)
		}
	}
	before := p.picture()
	name := moveNames[p.r.IntN(len(moveNames))]
	fault := ""
	switch p.r.IntN(12) {
	case 0:
		fault = " (commit fails)"
		p.Hooks.Before = func() error { return errStop }
	case 1:
		fault = " (answer lost)"
		p.Hooks.After = func() error { return errStop }
	}
	move, ok := moves[name]
	if !ok {
		move = regionMoves[name]
	}
	acknowledge, err := move(p, before)
	p.Hooks.Before, p.Hooks.After = nil, nil
	p.log = append(p.log, fmt.Sprintf("%s%s: %v", name, fault, err))
	after := p.picture()
	switch {
	case err == nil || fault == " (answer lost)" && errors.Is(err, errStop):
		p.done++
		if acknowledge != nil {
			acknowledge()
		}
	case name != "rotate" && name != "test": // a refused one may hasten the retry
		if diff := cmp.Diff(before, after); diff != "" {
			p.T.Fatalf("%s failed and changed (-before +after):\n%s", name, diff)
		}
	}
	p.invariants(after)
	p.turns.follow(p.World, p.told(), after)
	p.inStep(after)
}

// moves return what the operation said, and what to know when it happened.
var moves = map[string]func(p *player, at picture) (func(), error){
	"put": func(p *player, _ picture) (func(), error) {
		v := p.token()
		return func() { p.values[v], p.current = "value of "+v, v }, p.Put(Caller, "s", v, "value of "+v)
	},
	"put pending": func(p *player, _ picture) (func(), error) {
		v := p.token()
		return func() { p.values[v] = "value of " + v }, p.Put(Caller, "s", v, "value of "+v, rota.Pending)
	},
	"put labels": func(p *player, _ picture) (func(), error) {
		v := p.token()
		return func() { p.values[v] = "value of " + v }, p.Put(Caller, "s", v, "value of "+v, "l1", fmt.Sprint("l", p.r.IntN(4)))
	},
	"put again": func(p *player, _ picture) (func(), error) {
		return nil, p.Put(Caller, "s", p.current, p.values[p.current])
	},
	"put another value under a token": func(p *player, _ picture) (func(), error) {
		return nil, p.Put(Caller, "s", p.current, "another")
	},
	"move current": func(p *player, at picture) (func(), error) {
		to := p.version()
		return func() { p.current = to }, p.Stage(Caller, "s", rota.Current, at.Labels[rota.Current], to)
	},
	"move any label": func(p *player, at picture) (func(), error) {
		l := []string{rota.Pending, rota.Previous, "l1", "l2", "mine"}[p.r.IntN(5)]
		to := p.version()
		return nil, p.Stage(Caller, "s", l, at.Labels[l], to)
	},
	"remove a label": func(p *player, at picture) (func(), error) {
		labels := []string{rota.Current}
		for l := range at.Labels {
			labels = append(labels, l)
		}
		slices.Sort(labels)
		l := labels[p.r.IntN(len(labels))]
		return nil, p.Stage(Caller, "s", l, at.Labels[l], "")
	},
	"read": func(p *player, _ picture) (func(), error) {
		_, err := p.GetSecretValue(p.T.Context(), Caller, store.GetSecretValueInput{SecretID: "s", VersionID: p.version()})
		return nil, err
	},
	"tag": func(p *player, _ picture) (func(), error) {
		return nil, p.TagResource(p.T.Context(), Caller, "s", []rota.Tag{{Key: "k", Value: fmt.Sprint(p.n)}})
	},
	"rotate": func(p *player, _ picture) (func(), error) {
		_, err := p.RotateSecret(p.T.Context(), Caller, store.RotateSecretInput{
			SecretID: "s", ClientRequestToken: p.token(), RotationLambdaARN: ptr(Lambda), RotationRules: &rota.Rules{Expression: "rate(4 hours)"},
		})
		return nil, err
	},
	"test": func(p *player, at picture) (func(), error) {
		v := p.token()
		_, err := p.RotateSecret(p.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: v, RotationLambdaARN: ptr(Lambda), RotateImmediately: ptr(false)})
		return nil, err
	},
	"cancel": func(p *player, _ picture) (func(), error) {
		_, err := p.CancelRotateSecret(p.T.Context(), Caller, "s")
		return nil, err
	},
	"delete": func(p *player, _ picture) (func(), error) {
		_, err := p.DeleteSecret(p.T.Context(), Caller, store.DeleteSecretInput{SecretID: "s"})
		return nil, err
	},
	"restore":       restore,
	"restore again": restore,
	"claim": func(p *player, _ picture) (func(), error) {
		claim, _, err := p.Claim(p.T.Context(), Caller, store.ClaimRequest{Secret: p.key, Owner: "node", Use: "rotate", For: 4 * time.Hour})
		if err == nil {
			p.engine.Claim = claim
		}
		return nil, err
	},
	"release": func(p *player, _ picture) (func(), error) {
		return nil, p.Release(p.T.Context(), p.engine.Claim)
	},
	"begin": func(p *player, _ picture) (func(), error) {
		_, err := p.Begin(p.T.Context(), p.engine, p.token(), "schedule", false)
		return nil, err
	},
	"create step":       createStep,
	"create step again": createStep,
	"touch": func(p *player, _ picture) (func(), error) {
		return nil, p.MarkTouched(p.T.Context(), p.engine)
	},
	"finish step": func(p *player, at picture) (func(), error) {
		from, to := at.Labels[rota.Current], at.Task.Token
		end := p.Clock.Now().Add(time.Duration(p.r.IntN(48)) * time.Hour)
		label := rota.EndsLabel(from, end)
		end, _ = rota.ParseEndsLabel(label)
		if err := p.Stage(p.engine, "s", label, "", from); err != nil {
			return nil, err
		}
		cred := rota.Credential{Version: from, Provider: "host", Principal: "u", ProviderID: from, Policy: "after", NotBefore: end, Due: end, Deadline: end.Add(time.Hour)}
		if err := p.ScheduleEnding(p.T.Context(), p.engine, cred, rota.Value{}); err != nil {
			return nil, nil //nolint:nilerr // the label alone is a crash in between
		}
		if err := p.Stage(p.engine, "s", rota.Current, from, to); err != nil {
			return nil, nil //nolint:nilerr // so is the intent
		}
		return func() { p.current = to }, nil
	},
	"complete": func(p *player, _ picture) (func(), error) { return nil, p.Complete(p.T.Context(), p.engine) },
	"retry": func(p *player, _ picture) (func(), error) {
		return nil, p.Retry(p.T.Context(), p.engine, p.Clock.Now().Add(time.Minute), rota.SetSecret, "refused")
	},
	"give up": func(p *player, _ picture) (func(), error) {
		return nil, p.GiveUp(p.T.Context(), p.engine, rota.SetSecret, "refused")
	},
	"abandon":  func(p *player, _ picture) (func(), error) { return nil, p.Abandon(p.T.Context(), p.engine, "refused") },
	"resolved": func(p *player, _ picture) (func(), error) { return nil, p.Resolved(p.T.Context(), p.engine) },
	"end step": func(p *player, at picture) (func(), error) {
		for _, c := range at.Credentials {
			if c.State != rota.Superseded || at.Labels[rota.Current] == c.Version || at.Labels[rota.Pending] == c.Version {
				continue
			}
			c.State = rota.ProvenDead
			if err := p.UpdateCredential(p.T.Context(), p.engine, c); err != nil {
				return nil, err
			}
			for l, v := range at.Labels {
				if v == c.Version && rota.IsEndsLabel(l) {
					return func() { _ = p.Stage(p.engine, "s", l, v, "") }, nil
				}
			}
		}
		return nil, nil
	},
	"hold": func(p *player, _ picture) (func(), error) {
		return nil, p.SetEnding(p.T.Context(), Caller, "s", p.version(), store.EndingChange{Hold: true})
	},
	"resume": func(p *player, _ picture) (func(), error) {
		return nil, p.SetEnding(p.T.Context(), Caller, "s", "", store.EndingChange{Resume: true})
	},
	"void claims": func(p *player, _ picture) (func(), error) { return nil, p.VoidClaims(p.T.Context(), "node") },
	"purge":       func(p *player, _ picture) (func(), error) { return nil, p.Purge(p.T.Context()) },
}

func restore(p *player, _ picture) (func(), error) {
	_, err := p.RestoreSecret(p.T.Context(), Caller, "s")
	return nil, err
}

// createStep is what createSecret does: intent, value, record.
func createStep(p *player, at picture) (func(), error) {
	v := at.Task.Token
	cred := rota.Credential{Version: v, Provider: "host", State: rota.Intended}
	if err := p.RecordCredential(p.T.Context(), p.engine, cred, rota.Value{}); err != nil {
		return nil, err
	}
	if err := p.Put(p.engine, "s", v, "value of "+v, rota.Pending); err != nil {
		return nil, nil //nolint:nilerr // a crash in between
	}
	p.values[v] = "value of " + v
	cred.Principal, cred.ProviderID, cred.State = "u", v, rota.Live
	_ = p.RecordCredential(p.T.Context(), p.engine, cred, rota.Value{})
	return nil, nil
}

var moveNames = func() (names []string) {
	for n := range moves {
		names = append(names, n)
	}
	for n := range regionMoves {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}()

func (p *player) invariants(at picture) {
	p.T.Helper()
	fail := func(format string, args ...any) {
		p.T.Helper()
		p.T.Errorf(format+"\n%+v", append(args, at)...)
	}
	byID := map[string]store.VersionRow{}
	for _, v := range at.Versions {
		byID[v.ID] = v
	}
	for l, v := range at.Labels {
		if _, ok := byID[v]; !ok {
			fail("the label %s is on no version", l)
		}
	}
	current := at.Labels[rota.Current]
	if current != p.current {
		fail("AWSCURRENT is on %q, want %q", current, p.current)
	}
	if byID[current].Kind == rota.KindNone {
		fail("AWSCURRENT has no value")
	}
	if !at.Secret.Deleted() {
		for v, want := range p.values {
			if _, kept := byID[v]; !kept || v != current && len(p.log)%10 != 0 {
				continue // purged, or not looked at each time
			}
			if got, err := p.GetSecretValue(p.T.Context(), Caller, store.GetSecretValueInput{SecretID: "s", VersionID: v}); err != nil || string(got.Value.Reveal()) != want {
				fail("version %s reads %v, %v", v, got.VersionID, err)
			}
		}
	}
	labelled := map[string]bool{}
	ends := map[string]bool{}
	for l, v := range at.Labels {
		labelled[v] = true
		ends[v] = ends[v] || rota.IsEndsLabel(l)
	}
	known := map[string]bool{}
	for _, c := range at.Credentials {
		known[c.Version] = true
		if (c.State == rota.Superseded || c.State == rota.Held) && !ends[c.Version] {
			fail("the ending of %s has no label", c.Version)
		}
		if at.Task.Kind == store.Idle && c.Version == current && c.State.Open() && !p.lastWas("finish step") {
			fail("AWSCURRENT waits for its end")
		}
		if !c.State.Open() && !c.Due.IsZero() {
			fail("%s is %s and due", c.Version, c.State)
		}
	}
	for _, v := range at.Versions {
		busy := at.Task.Kind != store.Idle && at.Task.Token == v.ID
		if v.Kind == rota.KindNone && !labelled[v.ID] && !known[v.ID] && !busy {
			fail("the empty version %s has no label", v.ID)
		}
	}
	switch t := at.Task; {
	case t.Kind != store.Idle && byID[t.Token].ID == "":
		fail("the version %s of the attempt is gone", t.Token)
	case t.Kind == store.Idle && !t.Due.IsZero() && (!at.Secret.Rotation.Enabled || at.Secret.Deleted()):
		fail("rotation is off and something is due")
	case t.Kind == store.Idle && t.Resolve:
		fail("an idle task waits to be resolved")
	case t.Kind != store.Idle && t.Due.IsZero():
		fail("an attempt is never looked at again")
	case t.Kind == store.Idle && at.Secret.Rotation.Enabled && !at.Secret.Deleted() && !at.Secret.Rotation.Rules.IsZero() && t.Due.IsZero():
		fail("rotation is on and nothing is due")
	}
}

func (p *player) lastWas(name string) bool {
	for _, l := range p.log[max(0, len(p.log)-1):] {
		if len(l) >= len(name) && l[:len(name)] == name {
			return true
		}
	}
	return false
}
