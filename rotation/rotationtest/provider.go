// Package rotationtest is the instrument for testing what drives rotators: a
// provider and a home in memory that know exactly what is alive and what is
// labelled, and that can be told to fail at each of their effects in each of
// the ways a network can.
//
// The kit that plays every crash, retry and late event against a rotator of
// one's own is not here, as it needs a whole store and server: it is
// conformance.Rotators in function/conformance.
package rotationtest

import (
	"errors"
	"fmt"
	"maps"
	"sort"
	"sync"

	"github.com/rotahq/rota"
)

// Fault is what goes wrong at a point.
type Fault string

// The faults. Stop* end the process at the point; the others are what a
// caller sees of a network.
const (
	None           Fault = ""
	StopBefore     Fault = "stopped before"
	StopAfter      Fault = "stopped after"
	DoneUnknown    Fault = "done but unknown"     // the effect happened, the answer was lost
	NotDoneUnclear Fault = "not done but unclear" // the request was lost
	DoneLate       Fault = "done after the retry" // the request arrives after the next one
)

// ErrLost is what the caller sees of a lost request or answer.
var ErrLost = errors.New("connection lost")

// ErrStopped is what everything answers once the process was stopped.
var ErrStopped = errors.New("the process was stopped")

// Points is asked at every named point, in order. Provider effects honour
// every fault.
type Points interface {
	// At returns what goes wrong at the point of this name.
	At(point string) Fault
	// Stop ends the process: from here on nothing it does has an effect.
	Stop()
	// Stopped reports whether the process has been stopped.
	Stopped() bool
}

// Provider is a provider in memory: principals with a password each, and
// keys that it mints. It lets several keys have one name, as most providers
// do.
type Provider struct {
	mu     sync.Mutex
	points Points
	users  map[string]string // password by user
	nobody map[string]bool   // passwords that were drawn for nobody to know
	keys   map[string]key    // by id
	slow   bool
	soon   map[string]string // passwords by user that are set and not accepted yet
	minted int
	late   []func()
	answer func(v rota.Value, truth error) error
	// Effects counts what was really done, by point.
	effects map[string]int
}

type key struct {
	name, secret string
	soon         bool // made, and not accepted yet
}

// NewProvider returns an empty provider.
func NewProvider(points Points) *Provider {
	return &Provider{points: points, users: map[string]string{}, nobody: map[string]bool{}, keys: map[string]key{}, soon: map[string]string{}, effects: map[string]int{}}
}

// Slow makes the provider refuse what is set or minted from now on, as one does
// that takes a while to spread it; with false it accepts all of that. A user's
// old password is accepted meanwhile.
func (p *Provider) Slow(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slow = on; on {
		return
	}
	maps.Copy(p.users, p.soon)
	clear(p.soon)
	for id, k := range p.keys {
		k.soon = false
		p.keys[id] = k
	}
}

// setPassword and addKey are called with the mutex held.
func (p *Provider) setPassword(user, password string) {
	if p.slow {
		p.soon[user] = password
		return
	}
	p.users[user] = password
}

func (p *Provider) addKey(id, name, secret string) { p.keys[id] = key{name, secret, p.slow} }

// UsePoints changes who is asked at each point.
func (p *Provider) UsePoints(points Points) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.points = points
}

// AddUser makes a principal with a password.
func (p *Provider) AddUser(name, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[name] = password
}

// AddKey makes a key that rota did not mint.
func (p *Provider) AddKey(id, name, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addKey(id, name, secret)
}

// Accepts reports whether the provider accepts the value now.
func (p *Provider) Accepts(v rota.Value) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepts(decode(v))
}

func (p *Provider) accepts(f fields) bool {
	switch {
	case f.ID != "":
		k, ok := p.keys[f.ID]
		return ok && !k.soon && k.secret == f.Secret
	case f.Secret != "" && f.Password == "":
		k, ok := p.named(f.Username, f.Secret)
		return ok && !k.soon
	}
	pw, ok := p.users[f.Username]
	return ok && pw == f.Password
}

// named finds the key of the name that has the secret.
func (p *Provider) named(name, secret string) (key, bool) {
	for _, k := range p.keys {
		if k.name == name && k.secret == secret {
			return k, true
		}
	}
	return key{}, false
}

// AnswerTries lets f answer every try instead of the provider, given what
// would be true: nil or an ErrDead. f must not ask the provider anything.
// nil restores the truth.
func (p *Provider) AnswerTries(f func(v rota.Value, truth error) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// Keys lists the ids of the keys that are alive, sorted.
func (p *Provider) Keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for id := range p.keys {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// Passwords are those of all users, but for users whose password was ended:
// what they have then is known to nobody.
func (p *Provider) Passwords() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := map[string]string{}
	for user, password := range p.users {
		if !p.nobody[password] {
			known[user] = password
		}
	}
	return known
}

// Names maps the id of each key that is alive to the name it was made with.
func (p *Provider) Names() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string]string{}
	for id, k := range p.keys {
		names[id] = k.name
	}
	return names
}

// Effects is how often the point took effect.
func (p *Provider) Effects(point string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.effects[point]
}

// effect does one thing at the provider, or fails as it is told.
func (p *Provider) effect(point string, do func()) error {
	p.mu.Lock()
	points := p.points
	p.mu.Unlock()
	if points.Stopped() {
		return ErrStopped
	}
	fault := points.At("provider " + point) // it may do something at the provider itself
	p.mu.Lock()
	defer p.mu.Unlock()
	act := func() {
		do()
		p.effects[point]++
	}
	if fault == DoneLate {
		p.late = append(p.late, act)
		return fmt.Errorf("%s: %w", point, ErrLost)
	}
	if fault == StopBefore {
		p.points.Stop()
		return ErrStopped
	}
	if fault == NotDoneUnclear {
		return fmt.Errorf("%s: %w", point, ErrLost)
	}
	act()
	p.arrive()
	switch fault {
	case StopAfter:
		p.points.Stop()
		return ErrStopped
	case DoneUnknown:
		return fmt.Errorf("%s: %w", point, ErrLost)
	}
	return nil
}

// arrive lets late requests take effect.
func (p *Provider) arrive() {
	for _, act := range p.late {
		act()
	}
	p.late = nil
}

// ArriveLate lets what is still on its way arrive now.
func (p *Provider) ArriveLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrive()
}
