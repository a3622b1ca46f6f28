package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotahq/rota/rotation"
)

// reader turns nodes into a Provider and collects every problem on the way.
type reader struct {
	file     string
	problems Problems
}

func (r *reader) wrong(n *node, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.file, n.line, n.column, fmt.Sprintf(format, args...)})
}

// parse reads and checks one file. The Provider is usable only when there
// are no problems.
func parse(file string, src []byte) (*Provider, Problems) {
	p := &Provider{file: file, auth: map[string]*auth{}, verbs: map[verb][]*step{}}
	root, problems := parseNode(file, src)
	r := &reader{file: file, problems: problems}
	if root == nil {
		return p, problems
	}
	r.provider(root, p)
	if p.fields != nil && verbsOf[p.kind] != nil {
		(&checker{reader: r, p: p}).provider(root)
	}
	p.markAddress()
	return p, r.problems.sorted()
}

// keys walks a mapping: every key must be known and appear once, every
// required one must be there.
func (r *reader) keys(n *node, what string, known map[string]func(*node), required ...string) {
	if n.shape != mapping {
		r.wrong(n, "%s must be a mapping, not %s", what, n.shape)
		return
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		key := p.key.text
		read, ok := known[key]
		switch {
		case !ok:
			r.wrong(p.key, "unknown key %q in %s; known are %s", key, what, strings.Join(sortedKeys(known), ", "))
		case seen[key]:
			r.wrong(p.key, "key %q appears twice in %s", key, what)
		default:
			read(p.value)
		}
		seen[key] = true
	}
	for _, key := range required {
		if !seen[key] {
			r.wrong(n, "%s lacks %q", what, key)
		}
	}
}

// each walks a mapping whose keys are names of the file's own choosing.
func (r *reader) each(n *node, what string, read func(key *node, value *node)) {
	if n.shape != mapping {
		r.wrong(n, "%s must be a mapping, not %s", what, n.shape)
		return
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		if seen[p.key.text] {
			r.wrong(p.key, "%q appears twice in %s", p.key.text, what)
			continue
		}
		seen[p.key.text] = true
		read(p.key, p.value)
	}
}

func (r *reader) text(into *string) func(*node) {
	return func(n *node) {
		if n.shape != text || strings.TrimSpace(n.text) == "" {
			r.wrong(n, "must be a text, not %s", n.shape)
			return
		}
		*into = strings.TrimSpace(n.text)
	}
}

func (r *reader) matching(into *string, pattern *regexp.Regexp) func(*node) {
	return func(n *node) {
		r.text(into)(n)
		if *into != "" && !pattern.MatchString(*into) {
			r.wrong(n, "%q does not match %s", *into, pattern)
		}
	}
}

func (r *reader) flag(into *bool) func(*node) {
	return func(n *node) {
		if n.shape != boolean {
			r.wrong(n, "must be true or false, not %s", n.shape)
		}
		*into = n.text == "true"
	}
}

func (r *reader) count(into *int, least int) func(*node) {
	return func(n *node) {
		v, err := strconv.Atoi(n.text)
		if n.shape != number || err != nil || v < least || v > 1_000_000 {
			r.wrong(n, "must be a whole number of at least %d", least)
			return
		}
		*into = v
	}
}

func (r *reader) duration(into *time.Duration) func(*node) {
	return func(n *node) {
		d, err := time.ParseDuration(n.text)
		if err != nil || d < 0 || n.shape != text && n.text != "0" {
			r.wrong(n, `must be a duration such as "5s"`)
		}
		*into = d
	}
}

func (r *reader) template(into *template) func(*node) {
	return func(n *node) {
		into.at = n
		switch n.shape {
		case text:
			t, err := parseTemplate(n.text)
			if err != nil {
				r.wrong(n, "template: %s", err)
			}
			into.parts = t.parts
		case number, boolean:
			into.parts = []part{{literal: n.text}}
		default:
			r.wrong(n, "must be a text, not %s", n.shape)
		}
	}
}

func (r *reader) members(into *[]member) func(*node) {
	return func(n *node) {
		r.each(n, "this", func(key, value *node) {
			m := member{name: key.text}
			r.template(&m.value)(value)
			*into = append(*into, m)
		})
	}
}

func (r *reader) path(into *[]string) func(*node) {
	return func(n *node) {
		if !dottedPath.MatchString(n.text) {
			r.wrong(n, "must be a path such as data.0.id")
			return
		}
		*into = strings.Split(n.text, ".")
	}
}

// items walks a list; one item may stand without its list.
func (r *reader) items(n *node, read func(*node)) {
	if n.shape != list {
		read(n)
		return
	}
	if len(n.items) == 0 {
		r.wrong(n, "the list is empty")
	}
	for _, item := range n.items {
		read(item)
	}
}

var (
	dottedPath   = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
	typeForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,60}$`)
	fieldForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,60}$`)
	linkForm     = regexp.MustCompile(`^https://[^\s<>]+$`)
	requestForm  = regexp.MustCompile(`^([A-Z]+) (/\S*(?:\{\{[^}]*\}\}\S*)*)$`)
	headerForm   = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	jsonNumber   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	addressField = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$`)
)

func (r *reader) provider(n *node, p *Provider) {
	r.keys(n, "a provider", map[string]func(*node){
		"name":           r.matching(&p.name, nameForm),
		"type":           r.matching(&p.typ, typeForm),
		"title":          r.text(&p.title),
		"docs":           r.matching(&p.docs, linkForm),
		"kind":           func(n *node) { r.kind(n, p) },
		"semantics":      r.text(&p.semantics),
		"dead":           r.text(&p.dead),
		"cannot-detect":  r.text(&p.cannotDetect),
		"capacity":       func(n *node) { r.capacity(n, p) },
		"propagation":    func(n *node) { r.propagation(n, p) },
		"revocation-lag": r.duration(&p.lag),
		"value":          func(n *node) { r.fields(n, &p.fields) },
		"admin":          func(n *node) { r.fields(n, &p.admin) },
		"settings":       func(n *node) { r.settings(n, p) },
		"address": func(n *node) {
			r.keys(n, "address", map[string]func(*node){
				"base":       r.template(&p.address.base),
				"suffix":     r.matching(&p.address.suffix, addressField),
				"must-equal": r.text(&p.address.same),
			}, "base")
		},
		"identity": func(n *node) {
			r.keys(n, "identity", map[string]func(*node){
				"account":   r.template(&p.identity.account),
				"principal": r.template(&p.identity.principal),
				"id":        r.template(&p.identity.id),
				"secret":    r.text(&p.identity.secret),
				"admin":     r.template(&p.identity.admin),
			}, "principal", "secret")
		},
		"generate": func(n *node) { r.generator(n, p) },
		"auth": func(n *node) {
			r.each(n, "auth", func(key, value *node) { r.auth(key, value, p) })
		},
		"next": r.members(&p.next),
		"found": func(n *node) {
			r.keys(n, "found", map[string]func(*node){
				"items": r.path(&p.found.items), "name": r.path(&p.found.name), "id": r.path(&p.found.id),
				"metadata": func(n *node) { r.picks(n, &p.found.metadata) },
			}, "items", "name", "id")
		},
		"test":   r.verb(p, verbTest),
		"proof":  r.verb(p, verbProof),
		"mint":   r.verb(p, verbMint),
		"set":    r.verb(p, verbSet),
		"end":    r.verb(p, verbEnd),
		"list":   r.verb(p, verbList),
		"revoke": r.verb(p, verbRevoke),
	}, "name", "title", "docs", "kind", "semantics", "dead", "capacity", "propagation", "value", "address", "identity",
		"next", "test", "proof")
	if p.name != "" && p.name != nameOfFile(r.file) {
		r.wrong(n, "name %q must be the file's: %q", p.name, nameOfFile(r.file))
	}
}

func (r *reader) kind(n *node, p *Provider) {
	p.kind = kind(n.text)
	if _, ok := verbsOf[p.kind]; !ok {
		r.wrong(n, "kind %q is not mint, choose or assign", n.text)
	}
}

func (r *reader) capacity(n *node, p *Provider) {
	switch n.text {
	case "many":
		p.capacity = 0
	case "1", "2":
		p.capacity = int(n.text[0] - '0')
	default:
		r.wrong(n, "capacity is 1, 2 or many")
	}
}

func (r *reader) propagation(n *node, p *Provider) {
	r.keys(n, "propagation", map[string]func(*node){
		"successes": r.count(&p.propagation.Successes, 1),
		"interval":  r.duration(&p.propagation.Interval),
		"within":    r.duration(&p.propagation.Within),
	}, "successes", "interval", "within")
}

func (r *reader) fields(n *node, into *[]rotation.Field) {
	r.each(n, "this", func(key, value *node) {
		f := rotation.Field{Name: key.text}
		if !fieldForm.MatchString(key.text) {
			r.wrong(key, "field name %q does not match %s", key.text, fieldForm)
		}
		r.keys(value, "a field", map[string]func(*node){
			"required": r.flag(&f.Required), "secret": r.flag(&f.Secret), "help": r.text(&f.Help),
		}, "help")
		*into = append(*into, f)
	})
}

func (r *reader) settings(n *node, p *Provider) {
	r.each(n, "settings", func(key, value *node) {
		s := setting{Setting: rotation.Setting{Name: key.text}}
		shared := []string{
			rotation.SettingRotator, rotation.SettingStrategy, rotation.SettingExpire, rotation.SettingAdmin,
		}
		if !nameForm.MatchString(key.text) || slices.Contains(shared, key.text) {
			r.wrong(key, "%q cannot be the name of a setting", key.text)
		}
		r.keys(value, "a setting", map[string]func(*node){
			"default":  r.text(&s.Default),
			"help":     r.text(&s.Help),
			"duration": r.flag(&s.duration),
			"pattern": func(n *node) {
				var err error
				if s.pattern, err = regexp.Compile("^(?:" + n.text + ")$"); err != nil {
					r.wrong(n, "pattern is not a regular expression")
				}
			},
		}, "help")
		s.Check = s.check
		if err := s.check(s.Default); err != nil {
			r.wrong(value, "default of %s %s", key.text, err)
		}
		p.settings = append(p.settings, s)
	})
}

func (r *reader) generator(n *node, p *Provider) {
	length, exclude := 0, ""
	var sets []string
	seen := map[string]bool{}
	r.keys(n, "generate", map[string]func(*node){
		"length":  r.count(&length, 1),
		"exclude": r.text(&exclude),
		"classes": func(n *node) {
			r.items(n, func(n *node) {
				set, ok := classes[n.text]
				if !ok {
					r.wrong(n, "unknown class %q; known are %s", n.text, strings.Join(sortedKeys(classes), ", "))
				}
				if seen[n.text] {
					r.wrong(n, "the class %q stands twice", n.text)
				}
				seen[n.text] = true
				sets = append(sets, set)
			})
		},
	}, "length", "classes")
	rule, err := newGenerator(length, sets, exclude)
	if err != nil {
		r.wrong(n, "generate: %s", err)
	}
	p.generate = &rule
}

func (r *reader) auth(key, n *node, p *Provider) {
	a := &auth{}
	if !nameForm.MatchString(key.text) || key.text == "none" {
		r.wrong(key, "%q cannot be the name of an auth", key.text)
	}
	one := func(into **template) func(*node) {
		return func(n *node) {
			*into = &template{}
			r.template(*into)(n)
		}
	}
	r.keys(n, "an auth", map[string]func(*node){
		"bearer":  one(&a.bearer),
		"headers": r.members(&a.headers),
		"basic": func(n *node) {
			r.keys(n, "basic", map[string]func(*node){"user": one(&a.user), "password": one(&a.password)}, "user", "password")
		},
		"login": func(n *node) { a.login = r.step(n, "login") },
	})
	if a.bearer != nil && a.user != nil {
		r.wrong(n, "an auth is bearer or basic, not both")
	}
	if a.bearer == nil && a.user == nil && len(a.headers) == 0 {
		r.wrong(n, "an auth needs bearer, basic or headers")
	}
	r.headerNames(n, a.headers)
	if a.login != nil {
		a.login.auth = "none"
	}
	p.auth[key.text] = a
}

func (r *reader) headerNames(n *node, headers []member) {
	for _, h := range headers {
		at := n
		if h.value.at != nil {
			at = h.value.at
		}
		switch http.CanonicalHeaderKey(h.name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type":
			r.wrong(at, "header %s is not the file's to set", h.name)
		}
		if !headerForm.MatchString(h.name) {
			r.wrong(at, "%q is not the name of a header", h.name)
		}
	}
}

func (r *reader) verb(p *Provider, v verb) func(*node) {
	return func(n *node) {
		r.items(n, func(n *node) {
			if s := r.step(n, "a request of "+string(v), "auth"); s != nil {
				p.verbs[v] = append(p.verbs[v], s)
			}
		})
	}
}

func (r *reader) step(n *node, what string, required ...string) *step {
	s := &step{at: n}
	r.keys(n, what, map[string]func(*node){
		"request": func(n *node) { r.request(n, s) },
		"query":   r.members(&s.query),
		"headers": r.members(&s.headers),
		"form":    r.members(&s.form),
		"json": func(n *node) {
			b := r.body(n)
			s.json = &b
		},
		"auth":    r.text(&s.auth),
		"answers": func(n *node) { r.items(n, func(n *node) { r.answer(n, s) }) },
		"pick":    func(n *node) { r.picks(n, &s.pick) },
	}, append([]string{"request", "answers"}, required...)...)
	if s.json != nil && s.form != nil {
		r.wrong(n, "a request has a json or a form body, not both")
	}
	r.headerNames(n, s.headers)
	return s
}

func (r *reader) request(n *node, s *step) {
	m := requestForm.FindStringSubmatch(n.text)
	if m == nil {
		r.wrong(n, `must be a method and a path: "GET /v1/keys"`)
		return
	}
	s.method, s.rendered = m[1], n.text
	r.template(&s.path)(&node{line: n.line, column: n.column, shape: text, text: m[2]})
	for i, p := range s.path.parts {
		if p.scope == "" {
			if strings.ContainsAny(p.literal, "?#\\") || strings.Contains(p.literal, "//") || !printable(p.literal) {
				r.wrong(n, "a path holds no ?, # or empty segment; parameters stand under query")
			}
			continue
		}
		before := i > 0 && strings.HasSuffix(s.path.parts[i-1].literal, "/")
		after := i+1 == len(s.path.parts) || strings.HasPrefix(s.path.parts[i+1].literal, "/")
		if !before || !after {
			r.wrong(n, "%s must be a whole segment of the path", p)
		}
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func (r *reader) body(n *node) body {
	b := body{shape: n.shape}
	switch n.shape {
	case text:
		b.leaf = &template{}
		r.template(b.leaf)(n)
	case number:
		b.literal = json.Number(n.text)
		if !jsonNumber.MatchString(n.text) {
			r.wrong(n, "%s is not a number of JSON", n.text)
		}
	case boolean:
		b.literal = n.text == "true"
	case list:
		for _, item := range n.items {
			b.items = append(b.items, r.body(item))
		}
	case mapping:
		r.each(n, "a body", func(key, value *node) {
			b.members = append(b.members, bodyMember{key.text, r.body(value)})
		})
	}
	return b
}

func (r *reader) answer(n *node, s *step) {
	var a answer
	means := ""
	r.keys(n, "an answer", map[string]func(*node){
		"status": func(n *node) {
			r.items(n, func(n *node) {
				status := 0
				r.count(&status, 100)(n)
				if status > 599 {
					r.wrong(n, "%d is not an HTTP status", status)
				}
				a.statuses = append(a.statuses, status)
			})
		},
		"means": r.text(&means),
		"say":   r.text(&a.say),
		"body": func(n *node) {
			r.each(n, "a body", func(key, value *node) { a.body = append(a.body, r.matcher(key, value)) })
		},
	}, "status", "means")
	a.means = meaning(means)
	if a.means == impossible && a.say == "" {
		r.wrong(n, `an answer that means impossible lacks "say": what to do next`)
	}
	s.answers = append(s.answers, a)
}

func (r *reader) matcher(key, n *node) matcher {
	var m matcher
	r.path(&m.path)(key)
	if n.shape == mapping {
		r.keys(n, "a matcher", map[string]func(*node){
			"contains": func(n *node) {
				m.contains = &template{}
				r.template(m.contains)(n)
			},
			"exists": func(n *node) {
				m.exists = new(bool)
				r.flag(m.exists)(n)
			},
		})
		if m.contains == nil && m.exists == nil {
			r.wrong(n, "a matcher needs contains or exists")
		}
		return m
	}
	r.items(n, func(n *node) {
		var t template
		r.template(&t)(n)
		m.equals = append(m.equals, t)
	})
	return m
}

func (r *reader) picks(n *node, into *[]pick) {
	r.each(n, "pick", func(key, value *node) {
		p := pick{name: key.text}
		if !fieldForm.MatchString(key.text) {
			r.wrong(key, "%q cannot be the name of a pick", key.text)
		}
		if value.shape == text {
			r.path(&p.path)(value)
			*into = append(*into, p)
			return
		}
		r.keys(value, "a pick", map[string]func(*node){
			"header":   r.matching(&p.header, headerForm),
			"path":     r.path(&p.path),
			"optional": r.flag(&p.optional),
			"keep": func(n *node) {
				r.items(n, func(n *node) {
					name := ""
					r.matching(&name, fieldForm)(n)
					p.keep = append(p.keep, name)
				})
			},
		})
		if (p.header == "") == (p.path == nil) {
			r.wrong(value, "a pick needs either header or path")
		}
		*into = append(*into, p)
	})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
