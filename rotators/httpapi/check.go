package httpapi

import (
	"slices"
	"strings"

	"github.com/rotahq/rota/rotation"
)

// scopesOf says which scopes the requests of a verb see, besides what they
// picked themselves.
var scopesOf = map[verb][]string{
	verbTest:   {"this", "admin", "settings"},
	verbProof:  {"this", "admin", "settings"},
	verbMint:   {"current", "admin", "settings", "name"},
	verbSet:    {"current", "pending", "admin", "settings", "name"},
	verbEnd:    {"current", "old", "admin", "settings", "generated"},
	verbList:   {"current", "admin", "settings", "name"},
	verbRevoke: {"current", "admin", "settings", "id"},
}

// words are the scopes that are one word.
var words = []string{"name", "id", "generated"}

// checker checks what a single key cannot show: that templates name what
// exists where they stand, and that the parts make a whole. It runs on files
// with problems too and then leaves alone what is missing, which is told
// already.
type checker struct {
	*reader
	p *Provider
}

func (c *checker) provider(root *node) {
	p := c.p
	for _, v := range []verb{verbTest, verbProof, verbMint, verbSet, verbEnd, verbList, verbRevoke} {
		needed := slices.Contains(verbsOf[p.kind], v)
		switch {
		case needed && len(p.verbs[v]) == 0:
			c.wrong(root, "a provider that has kind %s lacks %q", p.kind, v)
		case !needed && len(p.verbs[v]) > 0:
			c.wrong(p.verbs[v][0].at, "a provider that has kind %s has no %q", p.kind, v)
		}
		c.verb(v)
	}
	if slices.Contains(verbsOf[p.kind], verbList) && p.found.items == nil {
		c.wrong(root, "a provider that has kind %s lacks %q", p.kind, "found")
	}
	if (p.kind == mints) != (p.generate == nil) {
		c.wrong(root, "generate belongs to a provider where rota chooses the value, and only there")
	}
	if len(p.verbs[verbTest]) > 0 && !c.hasMeaning(verbTest, dead) {
		c.wrong(p.verbs[verbTest][0].at, "test has no answer that means dead")
	}

	c.templates(nil, []string{"admin"}, p.address.base)
	if p.address.base.uses("admin") && len(p.admin) == 0 {
		c.wrong(root, "address comes from the admin secret, but admin names no fields")
	}
	c.templates(nil, []string{"admin"}, p.identity.account, p.identity.admin)
	c.templates(nil, []string{"this"}, p.identity.principal, p.identity.id)
	if p.kind == mints && len(p.identity.id.parts) == 0 {
		c.wrong(root, "a provider that has kind %s lacks identity.id: what revoke ends must be in the value", p.kind)
	}
	if f, ok := field(p.fields, p.identity.secret); p.identity.secret != "" && (!ok || !f.Secret || !f.Required) {
		c.wrong(root, "identity.secret %q is not a required secret field of value", p.identity.secret)
	}
	if p.address.same != "" {
		if _, ok := field(p.fields, p.address.same); !ok {
			c.wrong(root, "address.must-equal %q is not a field of value", p.address.same)
		}
	}
	c.next(root)
}

func (c *checker) next(root *node) {
	scopes := []string{"current", "settings", "name", "generated"}
	picks := map[string]bool{}
	if c.p.kind == mints {
		scopes = []string{"current", "settings", "name"}
		for _, s := range c.p.verbs[verbMint] {
			addPicks(picks, s)
		}
	}
	fresh := false
	for _, m := range c.p.next {
		c.templates(map[string]map[string]bool{"picked": picks}, scopes, m.value)
		if _, ok := field(c.p.fields, m.name); !ok {
			c.wrong(m.value.at, "next sets %q, which is not a field of value", m.name)
		}
		if m.name == c.p.identity.secret {
			fresh = m.value.uses("picked") || m.value.uses("generated")
		}
	}
	if !fresh && c.p.identity.secret != "" && c.p.next != nil {
		c.wrong(root, "next must set %q to what was picked or generated", c.p.identity.secret)
	}
}

func (c *checker) verb(v verb) {
	picks := map[string]bool{}
	for _, s := range c.p.verbs[v] {
		c.step(s, map[string]map[string]bool{"picked": picks}, scopesOf[v], meaningsOf[v])
		addPicks(picks, s)
	}
}

func (c *checker) hasMeaning(v verb, m meaning) bool {
	for _, s := range c.p.verbs[v] {
		for _, a := range s.answers {
			if a.means == m {
				return true
			}
		}
	}
	return false
}

func (c *checker) step(s *step, picked map[string]map[string]bool, scopes []string, meanings []meaning) {
	c.auth(s, picked, scopes)
	all := append(append(append([]member(nil), s.query...), s.headers...), s.form...)
	for _, m := range all {
		c.templates(picked, scopes, m.value)
	}
	c.templates(picked, scopes, s.path)
	if s.json != nil {
		c.body(*s.json, picked, scopes)
	}
	ok := false
	for _, a := range s.answers {
		ok = ok || a.means == accepted
		if a.means != "" && !slices.Contains(meanings, a.means) {
			c.wrong(s.at, "an answer here cannot mean %q; it may mean %s", a.means, joinMeanings(meanings))
		}
		for _, m := range a.body {
			c.templates(picked, scopes, m.equals...)
			if m.contains != nil {
				c.templates(picked, scopes, *m.contains)
			}
		}
	}
	if !ok && len(s.answers) > 0 {
		c.wrong(s.at, "no answer means accepted")
	}
}

func (c *checker) auth(s *step, picked map[string]map[string]bool, scopes []string) {
	if s.auth == "none" || s.auth == "" {
		return
	}
	a, ok := c.p.auth[s.auth]
	if !ok {
		c.wrong(s.at, "auth %q is not defined; it may be none or %s", s.auth, strings.Join(sortedKeys(c.p.auth), ", "))
		return
	}
	with := map[string]map[string]bool{"picked": picked["picked"]}
	if a.login != nil {
		c.step(a.login, map[string]map[string]bool{}, scopes, []meaning{accepted, refused})
		with["login"] = map[string]bool{}
		addPicks(with["login"], a.login)
		a.admin = a.admin || stepUses(a.login, "admin")
	}
	for _, t := range a.templates() {
		c.templates(with, scopes, t)
		a.admin = a.admin || t.uses("admin")
	}
}

func (a *auth) templates() []template {
	var out []template
	for _, t := range []*template{a.bearer, a.user, a.password} {
		if t != nil {
			out = append(out, *t)
		}
	}
	for _, h := range a.headers {
		out = append(out, h.value)
	}
	return out
}

func stepUses(s *step, scope string) bool {
	for _, m := range append(append(append([]member(nil), s.query...), s.headers...), s.form...) {
		if m.value.uses(scope) {
			return true
		}
	}
	return s.path.uses(scope) || s.json != nil && s.json.uses(scope)
}

func (b body) uses(scope string) bool {
	if b.leaf != nil && b.leaf.uses(scope) {
		return true
	}
	for _, item := range b.items {
		if item.uses(scope) {
			return true
		}
	}
	for _, m := range b.members {
		if m.value.uses(scope) {
			return true
		}
	}
	return false
}

func (c *checker) body(b body, picked map[string]map[string]bool, scopes []string) {
	if b.leaf != nil {
		c.templates(picked, scopes, *b.leaf)
	}
	for _, item := range b.items {
		c.body(item, picked, scopes)
	}
	for _, m := range b.members {
		c.body(m.value, picked, scopes)
	}
}

// templates checks that every reference names something that exists there.
func (c *checker) templates(picked map[string]map[string]bool, scopes []string, ts ...template) {
	for _, t := range ts {
		for _, p := range t.parts {
			if p.scope == "" {
				continue
			}
			if _, ok := transforms[p.transform]; !ok && p.transform != "" {
				c.wrong(t.at, "%s: unknown transform; known are %s", p, strings.Join(sortedKeys(transforms), ", "))
			}
			c.reference(t.at, p, picked, scopes)
		}
	}
}

func (c *checker) reference(at *node, p part, picked map[string]map[string]bool, scopes []string) {
	if names, ok := picked[p.scope]; ok {
		if !names[p.name] {
			c.wrong(at, "%s: nothing of that name was picked before", p)
		}
		return
	}
	if !slices.Contains(scopes, p.scope) {
		c.wrong(at, "%s: only %s can be named here", p, strings.Join(scopes, ", "))
		return
	}
	if slices.Contains(words, p.scope) {
		if p.name != "" {
			c.wrong(at, "%s: %s stands alone", p, p.scope)
		}
		return
	}
	switch p.scope {
	case "settings":
		if !slices.ContainsFunc(c.p.settings, func(s setting) bool { return s.Name == p.name }) {
			c.wrong(at, "%s: there is no such setting", p)
		}
	case "admin":
		if _, ok := field(c.p.admin, p.name); !ok {
			c.wrong(at, "%s: admin has no such field", p)
		}
	default:
		if _, ok := field(c.p.fields, p.name); !ok {
			c.wrong(at, "%s: value has no such field", p)
		}
	}
}

func addPicks(names map[string]bool, s *step) {
	for _, p := range s.pick {
		names[p.name] = true
	}
}

func field(fields []rotation.Field, name string) (rotation.Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	return rotation.Field{}, false
}

func joinMeanings(m []meaning) string {
	s := make([]string, len(m))
	for i := range m {
		s[i] = string(m[i])
	}
	return strings.Join(s, ", ")
}
