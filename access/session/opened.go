package session

import (
	"crypto/subtle"
	"sync"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

// opened remembers session tokens that were opened, and their parsed policies,
// by the id of the key. When it is full everything goes: what is in use comes
// back with its next request.
type opened struct {
	mu sync.RWMutex
	m  map[string]*session
}

// maxOpened bounds the memory: a session with the longest policy is some 30 KB.
const maxOpened = 1024

// session is a token that was opened.
type session struct {
	content
	token  rota.Value
	secret rota.Value
	policy *policy.Policy
}

func (o *opened) get(id, token string) *session {
	o.mu.RLock()
	s := o.m[id]
	o.mu.RUnlock()
	if s == nil || subtle.ConstantTimeCompare(s.token.Reveal(), []byte(token)) != 1 {
		return nil
	}
	return s
}

func (o *opened) put(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.m == nil || len(o.m) >= maxOpened {
		o.m = map[string]*session{}
	}
	o.m[s.ID] = s
}

// temporary finds the key of temporary credentials. Whether they still count
// is looked up each time; what the token says does not change.
func (d *Directory) temporary(id, token string) (Key, error) {
	s := d.sessions.get(id, token)
	known := s != nil
	if !known {
		var err error
		if s, err = d.openSession(id, token); err != nil {
			return Key{}, err
		}
	}
	d.mu.RLock()
	p, parent := d.principals[s.Principal], d.keys[s.Parent]
	d.mu.RUnlock()
	if p == nil || p.row.ID != s.Unique || p.row.Disabled {
		return Key{}, errNoKey
	}
	if s.Parent != "" && (parent == nil || parent.row.Inactive || parent.of != p) {
		return Key{}, errNoKey
	}
	if p.broken != nil {
		return Key{}, p.broken
	}
	if !known {
		d.sessions.put(s)
	}
	k := Key{Secret: s.secret, Token: s.token, Expires: s.expires(), Caller: d.caller(p, id)}
	k.Caller.Instance, k.Caller.Claim = s.Name, s.claim()
	k.Identity = p.identity.in(&Session{Name: s.Name, Policy: s.policy, Claim: s.claim(), Issued: s.issued(), Expires: s.expires()})
	return k, nil
}

// openSession opens a token that was not seen before.
func (d *Directory) openSession(id, token string) (*session, error) {
	c, err := openToken(d.sealer, token)
	if err != nil || c.ID != id {
		return nil, errNoKey
	}
	s := &session{content: c, token: rota.StringValue(token), secret: rota.StringValue(string(c.Secret))}
	clear(s.content.Secret)
	if c.Policy != "" {
		if s.policy, err = policy.ParseIdentity(policyOfSession, c.Policy); err != nil {
			// Issued by a rota that knew more. It must not count for less.
			return nil, errNoKey
		}
	}
	return s, nil
}
