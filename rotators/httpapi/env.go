package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/rotahq/rota/rotation"
)

// env is what templates see: the scopes of one call.
type env struct {
	objects map[string]object         // current, pending, old, this, admin
	texts   map[string]string         // name, id, generated
	found   map[string]map[string]any // picked, login
	setting func(string) string
	rand    io.Reader
	now     time.Time
}

// with returns a copy of e in which scope also names o.
func (e *env) with(scope string, o object) *env {
	c := *e
	c.objects = map[string]object{scope: o}
	for k, v := range e.objects {
		if k != scope {
			c.objects[k] = v
		}
	}
	return &c
}

// withText returns a copy of e in which a one-word scope is s.
func (e *env) withText(scope, s string) *env {
	c := *e
	c.texts = map[string]string{scope: s}
	for k, v := range e.texts {
		if k != scope {
			c.texts[k] = v
		}
	}
	return &c
}

// remember puts what a request picked into a scope.
func (e *env) remember(scope string, values map[string]any) {
	if e.found == nil {
		e.found = map[string]map[string]any{}
	}
	if e.found[scope] == nil {
		e.found[scope] = map[string]any{}
	}
	for k, v := range values {
		e.found[scope][k] = v
	}
}

// resolve returns what a reference names, or errAbsent.
func (e *env) resolve(p part) (any, error) {
	v, err := e.lookup(p)
	if err != nil || p.transform == "" {
		return v, err
	}
	s, err := scalarText(v)
	if err != nil {
		return nil, err
	}
	return transforms[p.transform](e, s)
}

func (e *env) lookup(p part) (any, error) {
	if p.name == "" {
		if s, ok := e.texts[p.scope]; ok && s != "" {
			return s, nil
		}
		return nil, errAbsent
	}
	if p.scope == "settings" {
		if s := e.setting(p.name); s != "" {
			return s, nil
		}
		return nil, errAbsent
	}
	if values, ok := e.found[p.scope]; ok {
		if v, ok := values[p.name]; ok && v != nil {
			return v, nil
		}
		return nil, errAbsent
	}
	o, ok := e.objects[p.scope]
	if !ok {
		return nil, errAbsent
	}
	return o.scalar(p.name)
}

// transforms are the few things a template may do to a value.
var transforms = map[string]func(e *env, s string) (any, error){
	// RabbitMQ's stored form of a password: base64 of a 4 byte salt and the
	// SHA-256 of salt and password (https://www.rabbitmq.com/docs/passwords),
	// so that the password itself is not sent.
	"rabbitmq-sha256": func(e *env, s string) (any, error) {
		if e.rand == nil {
			return nil, errNoRand
		}
		var salt [4]byte
		if _, err := io.ReadFull(e.rand, salt[:]); err != nil {
			return nil, fmt.Errorf("randomness: %w", err)
		}
		sum := sha256.Sum256(append(salt[:], s...))
		return base64.StdEncoding.EncodeToString(append(salt[:], sum[:]...)), nil
	},
	// A duration from now as UTC with microseconds and no zone, rounded up
	// to whole seconds: OpenStack's notation.
	"from-now-utc-micros": func(e *env, s string) (any, error) {
		d, err := parseDuration(s)
		if err != nil {
			return nil, err
		}
		at := e.now.UTC().Add(d + time.Second - 1).Truncate(time.Second)
		return at.Format("2006-01-02T15:04:05.000000"), nil
	},
}

var errNoRand = errors.New("the request carries no randomness")

func newEnv(p *Provider, req rotation.Request) *env {
	return &env{
		objects: map[string]object{},
		texts:   map[string]string{"name": req.Name},
		setting: func(name string) string { return p.setting(req, name) },
		rand:    req.Rand,
		now:     req.Now,
	}
}

func escapePath(s string) string { return url.PathEscape(s) }
