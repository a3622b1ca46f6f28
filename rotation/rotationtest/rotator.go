package rotationtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sort"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// address is where the provider lives.
const address = "model://provider"

// fields are the members of a value: a user with its password, or a key.
type fields struct {
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	ID       string `json:"id,omitempty"`
	Secret   string `json:"secret,omitempty"`
}

func decode(v rota.Value) fields {
	var f fields
	_ = json.Unmarshal(v.Reveal(), &f) // a value that is none has no fields
	return f
}

func encode(f fields) rota.Value {
	b, _ := json.Marshal(f) // strings always encode
	return rota.StringValue(string(b))
}

// UserValue and KeyValue are the values of the two shapes.
func UserValue(user, password string) rota.Value {
	return encode(fields{Username: user, Password: password})
}

// KeyValue is the value of a minted key.
func KeyValue(id, secret string) rota.Value { return encode(fields{ID: id, Secret: secret}) }

// Users returns the rotator "model-users": it chooses passwords, for a
// single user or for two that alternate.
func (p *Provider) Users() rotation.Rotator { return users{base{p, "model-users"}} }

// Minting returns the rotator "model-keys": the provider mints. It lets limit
// keys live at once, any number where that is 0, and refuses one more.
func (p *Provider) Minting(limit int) rotation.Rotator { return keys{base{p, "model-keys"}, limit} }

// Assigning returns the rotator "model-assigned": it chooses the value, and
// the provider gives it an id that the value does not hold. A user is the
// name of the key.
func (p *Provider) Assigning() rotation.Rotator { return assigned{base{p, "model-assigned"}} }

// AssignedValue is the value of a key that the provider gave an id.
func AssignedValue(name, secret string) rota.Value {
	return encode(fields{Username: name, Secret: secret})
}

type base struct {
	p    *Provider
	name string
}

func (b base) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{
		Name: b.name, Title: "the provider in memory",
		Fields: []rotation.Field{{Name: "password", Secret: true}, {Name: "secret", Secret: true}},
		Dead:   "no such password or key",
	}
}

func (b base) Identify(_ rotation.Request, v rota.Value) (rotation.Identity, error) {
	f := decode(v)
	if f.ID != "" {
		return rotation.Identity{Provider: address, Principal: f.ID, ID: f.ID, Secret: rota.StringValue(f.Secret)}, nil
	}
	if f.Username == "" {
		return rotation.Identity{}, errors.New("the value has neither username nor id")
	}
	return rotation.Identity{Provider: address, Principal: f.Username, Secret: rota.StringValue(f.Password + f.Secret)}, nil
}

func (b base) Try(_ context.Context, _ rotation.Request, v rota.Value) error {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if b.p.points.Stopped() {
		return ErrStopped
	}
	var truth error
	if !b.p.accepts(decode(v)) {
		truth = fmt.Errorf("model: %w", rotation.ErrDead)
	}
	if b.p.answer != nil {
		return b.p.answer(v, truth)
	}
	return truth
}

func (b base) Spoil(req rotation.Request, v rota.Value) (rota.Value, error) {
	f := decode(v)
	random, err := random(req.Rand)
	if f.Secret != "" {
		f.Secret = random
	} else {
		f.Password = random
	}
	return encode(f), err
}

func (b base) plan(req rotation.Request, capacity int) (rotation.Plan, error) {
	id, err := b.Identify(req, req.Current)
	return rotation.Plan{
		Identity: id, Capacity: capacity, Lane: address,
		Propagation: rotation.Propagation{Successes: 1, Interval: time.Second, Within: 3 * time.Second},
	}, err
}

func random(r io.Reader) (string, error) {
	b := make([]byte, 12)
	_, err := io.ReadFull(r, b)
	return hex.EncodeToString(b), err
}

type users struct{ base }

func (u users) Plan(req rotation.Request) (rotation.Plan, error) {
	if req.Settings[rotation.SettingStrategy] == rotation.AlternatingUsers {
		return u.plan(req, 2)
	}
	return u.plan(req, 1)
}

func (u users) Choose(req rotation.Request) (rota.Value, error) {
	f := decode(req.Current)
	if req.Settings[rotation.SettingStrategy] == rotation.AlternatingUsers {
		if name, ok := strings.CutSuffix(f.Username, "_clone"); ok {
			f.Username = name
		} else {
			f.Username += "_clone"
		}
	}
	var err error
	f.Password, err = random(req.Rand)
	return encode(f), err
}

func (u users) Set(_ context.Context, req rotation.Request) error {
	next := decode(req.Pending)
	u.p.mu.Lock()
	allowed := req.Admin.Named() || u.p.accepts(decode(req.Current)) || u.p.accepts(decode(req.Previous))
	u.p.mu.Unlock()
	if !allowed {
		return rotation.Denied(errors.New("model: neither the current nor the previous password logs in"))
	}
	return u.p.effect("set", func() { u.p.setPassword(next.Username, next.Password) })
}

func (u users) End(_ context.Context, req rotation.Request, old rota.Value) error {
	unknown, err := random(req.Rand)
	if err != nil {
		return err
	}
	return u.p.effect("end", func() {
		u.p.setPassword(decode(old).Username, unknown)
		u.p.nobody[unknown] = true
	})
}

type keys struct {
	base
	limit int
}

func (k keys) Plan(req rotation.Request) (rotation.Plan, error) {
	if decode(req.Current).ID == "" {
		return rotation.Plan{}, errors.New("the value lacks the field id, which must be ended later")
	}
	return k.plan(req, k.limit)
}

func (k keys) Mint(_ context.Context, req rotation.Request) (rota.Value, error) {
	secret, err := random(req.Rand)
	if err != nil {
		return rota.Value{}, err
	}
	var id string
	full := false
	err = k.p.effect("mint", func() {
		if full = k.limit > 0 && len(k.p.keys) >= k.limit; full {
			return
		}
		k.p.minted++
		id = fmt.Sprintf("key-%d", k.p.minted)
		k.p.addKey(id, req.Name, secret)
	})
	if err == nil && full {
		err = fmt.Errorf("model: there are %d keys already", k.limit)
	}
	return encode(fields{ID: id, Secret: secret}), err
}

func (k keys) List(_ context.Context, req rotation.Request) ([]rotation.Listed, error) {
	return k.list(req.Name)
}

func (k keys) Revoke(_ context.Context, _ rotation.Request, id string) error { return k.revoke(id) }

type assigned struct{ base }

func (a assigned) Plan(req rotation.Request) (rotation.Plan, error) { return a.plan(req, 0) }

func (a assigned) Choose(req rotation.Request) (rota.Value, error) {
	secret, err := random(req.Rand)
	return AssignedValue(req.Name, secret), err
}

func (a assigned) Set(_ context.Context, req rotation.Request) error {
	next := decode(req.Pending)
	return a.p.effect("assign", func() {
		if _, made := a.p.named(next.Username, next.Secret); !made {
			a.p.minted++
			a.p.addKey(fmt.Sprintf("key-%d", a.p.minted), next.Username, next.Secret)
		}
	})
}

func (a assigned) End(_ context.Context, _ rotation.Request, old rota.Value) error {
	f := decode(old)
	return a.p.effect("end", func() {
		maps.DeleteFunc(a.p.keys, func(_ string, k key) bool { return k.name == f.Username })
	})
}

func (a assigned) List(_ context.Context, req rotation.Request) ([]rotation.Listed, error) {
	return a.list(req.Name)
}

func (a assigned) Revoke(_ context.Context, _ rotation.Request, id string) error { return a.revoke(id) }

func (b base) list(name string) ([]rotation.Listed, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if b.p.points.Stopped() {
		return nil, ErrStopped
	}
	var out []rotation.Listed
	for id, key := range b.p.keys {
		if key.name == name {
			out = append(out, rotation.Listed{ID: id})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}

func (b base) revoke(id string) error {
	return b.p.effect("revoke", func() { delete(b.p.keys, id) })
}
