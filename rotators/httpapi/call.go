package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rotahq/rota/rotation"
)

// call is one method call of a rotator: the requests of a verb, in order, at
// one address. Logins live as long as it does.
type call struct {
	p        *Provider
	client   *client
	req      rotation.Request
	verb     verb
	address  address
	env      *env
	loggedIn map[string]bool
}

// outcome is how far the requests of a verb came: the meaning of the last
// answer, which is accepted only if all were.
type outcome struct {
	means meaning
	say   string
	step  *step
	reply *reply
}

// run sends the requests of a verb until one is not accepted.
func (c *call) run(ctx context.Context) (outcome, error) {
	var out outcome
	for _, s := range c.p.verbs[c.verb] {
		signed, err := c.logIn(ctx, s)
		if err != nil || signed.means != accepted {
			return signed, err
		}
		out, err = c.send(ctx, s, "picked")
		if err != nil || out.means != accepted {
			return out, err
		}
	}
	return out, nil
}

// must is run for verbs where all but accepted (and gone) is an error.
func (c *call) must(ctx context.Context) (outcome, error) {
	out, err := c.run(ctx)
	if err != nil {
		return out, err
	}
	switch out.means {
	case accepted, gone:
		return out, nil
	case notYet:
		return out, fmt.Errorf("%w: %w", c.failed(out.step, "answered %d", out.reply.status), rotation.ErrNotYet)
	case duplicate:
		return out, c.failed(out.step, "answered %d: the name exists already", out.reply.status)
	case impossible:
		return out, rotation.Permanent(c.failed(out.step, "answered %d: %s", out.reply.status, out.say))
	}
	return out, rotation.Denied(c.failed(out.step, "refused with %d", out.reply.status))
}

// logIn exchanges the credential of the request's auth for a token, once in
// a call. It is accepted when there is nothing to do.
func (c *call) logIn(ctx context.Context, s *step) (outcome, error) {
	a := c.p.auth[s.auth]
	if a == nil || a.login == nil || c.loggedIn[s.auth] {
		return outcome{means: accepted}, nil
	}
	out, err := c.send(ctx, a.login, "login")
	if err != nil {
		return out, err
	}
	if out.means == refused && a.admin {
		return out, c.adminRefused(a.login, out.reply.status)
	}
	if out.means == accepted {
		if c.loggedIn == nil {
			c.loggedIn = map[string]bool{}
		}
		c.loggedIn[s.auth] = true
	}
	return out, nil
}

// send sends one request, finds the meaning of its answer, and puts what it
// picks into scope.
func (c *call) send(ctx context.Context, s *step, scope string) (outcome, error) {
	req, err := c.build(s)
	if err != nil {
		return outcome{}, err
	}
	r, err := c.client.do(ctx, req)
	if err != nil {
		return outcome{}, fmt.Errorf("%s%w", c.prefix(s), err)
	}
	out := outcome{step: s, reply: r}
	for _, a := range s.answers {
		ok, err := a.matches(c.env, r)
		if err != nil {
			return outcome{}, c.failed(s, "answer: %w", err)
		}
		if ok {
			out.means, out.say = a.means, a.say
			break
		}
	}
	a := c.p.auth[s.auth]
	if a != nil && a.admin && (out.means == refused || out.means == "" && (r.status == 401 || r.status == 403)) {
		return out, c.adminRefused(s, r.status)
	}
	if out.means == "" {
		return out, c.unknown(s, r)
	}
	if out.means != accepted {
		return out, nil
	}
	picked := map[string]any{}
	for _, p := range s.pick {
		v, err := p.from(r)
		if err != nil {
			return outcome{}, c.failed(s, "answered %d, but %w", r.status, err)
		}
		picked[p.name] = v
	}
	c.env.remember(scope, picked)
	return out, nil
}

// adminRefused is a no to the admin secret. It is never a refusal of the
// secret being rotated, so it is an ErrDenied and not an ErrRefused.
func (c *call) adminRefused(s *step, status int) error {
	why := "its credential is not accepted; correct the admin secret's value"
	if status == http.StatusForbidden {
		why = "it is not allowed to do this; give its principal the right"
	}
	return rotation.Denied(c.failed(s, "refused with %d: the admin secret %s: %s", status, c.req.Admin.ARN, why))
}

// unknown is an answer that the file gives no meaning to.
func (c *call) unknown(s *step, r *reply) error {
	after, asked := r.retryAfter(c.req.Now)
	switch {
	case r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable && asked:
		err := c.failed(s, "answered %d: the provider asks to wait", r.status)
		if !asked {
			return err
		}
		return rotation.RetryAfter(after, err)
	case r.status >= 300 && r.status < 400:
		return c.failed(s, "answered %d: redirects are not followed; the address must be the final one", r.status)
	case !r.json && r.status != http.StatusNoContent:
		return c.failed(s, "answered %d with something that is not JSON; is the address right?", r.status)
	}
	return c.failed(s, "answered %d, which means nothing known here; is the address right?", r.status)
}

func (c *call) prefix(s *step) string {
	return fmt.Sprintf("%s %s: %s: ", c.p.name, c.verb, s.rendered)
}

func (c *call) failed(s *step, format string, args ...any) error {
	return fmt.Errorf(c.p.name+" "+string(c.verb)+": "+strings.ReplaceAll(s.rendered, "%", "%%")+": "+format, args...)
}

// build renders a request. A template that names what is not there makes it
// impossible: the secret is not what the file needs.
func (c *call) build(s *step) (*http.Request, error) {
	req, err := c.render(s)
	if err != nil {
		return nil, rotation.Permanent(c.failed(s, "cannot be sent: %w", err))
	}
	return req, nil
}

func (c *call) render(s *step) (*http.Request, error) {
	path, err := s.path.escaped(c.env, pathSegment)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(c.address.base + path)
	if err != nil {
		return nil, errors.New("its path is not one of a URL")
	}
	query, err := c.values(s.query)
	if err != nil {
		return nil, err
	}
	target.RawQuery = query.Encode()
	var (
		content     []byte
		contentType string
	)
	switch {
	case s.json != nil:
		tree, _, err := s.json.render(c.env)
		if err != nil {
			return nil, err
		}
		if content, err = encodeJSON(tree); err != nil {
			return nil, err
		}
		contentType = "application/json"
	case s.form != nil:
		form, err := c.values(s.form)
		if err != nil {
			return nil, err
		}
		content, contentType = []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	req := &http.Request{Method: s.method, URL: target, Host: target.Host, Header: http.Header{}}
	if contentType != "" {
		req, err = http.NewRequest(s.method, target.String(), bytes.NewReader(content))
		if err != nil {
			return nil, errors.New("it is not a request of HTTP")
		}
		req.Header.Set("Content-Type", contentType)
	}
	if err := c.setHeaders(req, s.headers); err != nil {
		return nil, err
	}
	return req, c.sign(req, s)
}

func (c *call) sign(req *http.Request, s *step) error {
	a := c.p.auth[s.auth]
	if a == nil {
		return nil
	}
	if a.bearer != nil {
		token, err := a.bearer.escaped(c.env, headerValue)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if a.user != nil {
		user, err := a.user.escaped(c.env, basicUser)
		if err != nil {
			return err
		}
		password, err := a.password.escaped(c.env, headerValue)
		if err != nil {
			return err
		}
		req.SetBasicAuth(user, password)
	}
	return c.setHeaders(req, a.headers)
}

func (c *call) setHeaders(req *http.Request, headers []member) error {
	for _, h := range headers {
		v, err := h.value.escaped(c.env, headerValue)
		if err != nil {
			return fmt.Errorf("header %s: %w", h.name, err)
		}
		req.Header.Set(h.name, v)
	}
	return nil
}

// values renders query or form parameters. One that is nothing but a
// reference to what is absent is left out.
func (c *call) values(members []member) (url.Values, error) {
	out := url.Values{}
	for _, m := range members {
		v, err := m.value.text(c.env)
		if _, alone := m.value.single(); alone && errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Set(m.name, v)
	}
	return out, nil
}

// render makes the JSON. omit says that the node is nothing but a reference
// to what is absent, and that the member it belongs to is left out.
func (b body) render(e *env) (v any, omit bool, err error) {
	switch b.shape {
	case text:
		if p, ok := b.leaf.single(); ok {
			v, err := e.resolve(p)
			if errors.Is(err, errAbsent) {
				return nil, true, nil
			}
			if err != nil {
				return nil, false, fmt.Errorf("%s: %w", p, err)
			}
			return v, false, nil
		}
		v, err := b.leaf.text(e)
		return v, false, err
	case list:
		out := []any{}
		for _, item := range b.items {
			v, omit, err := item.render(e)
			if err != nil {
				return nil, false, err
			}
			if !omit {
				out = append(out, v)
			}
		}
		return out, false, nil
	case mapping:
		out := map[string]any{}
		for _, m := range b.members {
			v, omit, err := m.value.render(e)
			if err != nil {
				return nil, false, err
			}
			if !omit {
				out[m.name] = v
			}
		}
		return out, false, nil
	}
	return b.literal, false, nil
}

func (a answer) matches(e *env, r *reply) (bool, error) {
	if !slices.Contains(a.statuses, r.status) {
		return false, nil
	}
	if len(a.body) > 0 && !r.json {
		return false, nil
	}
	for _, m := range a.body {
		if ok, err := m.matches(e, r.body); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m matcher) matches(e *env, body any) (bool, error) {
	v, there := at(body, m.path)
	if m.exists != nil && there != *m.exists {
		return false, nil
	}
	if m.contains == nil && len(m.equals) == 0 {
		return true, nil
	}
	have, err := scalarText(v)
	if !there || err != nil {
		return false, nil
	}
	if m.contains != nil {
		want, err := m.contains.text(e)
		return err == nil && want != "" && strings.Contains(have, want), err
	}
	for _, t := range m.equals {
		want, err := t.text(e)
		if err != nil {
			return false, err
		}
		if have == want {
			return true, nil
		}
	}
	return false, nil
}

// from takes the value out of an answer. nil is an optional one that is not
// there.
func (p pick) from(r *reply) (any, error) {
	if p.header != "" {
		if v := r.header.Get(p.header); v != "" {
			return v, nil
		}
		if p.optional {
			return nil, nil
		}
		return nil, fmt.Errorf("without the header %s", p.header)
	}
	v, ok := at(r.body, p.path)
	if !ok || v == nil || v == "" {
		if p.optional {
			return nil, nil
		}
		return nil, fmt.Errorf("without %s in its body", strings.Join(p.path, "."))
	}
	if p.keep == nil {
		return v, nil
	}
	return p.kept(v)
}

func (p pick) kept(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, name := range p.keep {
			if have, ok := v[name]; ok {
				out[name] = have
			}
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			kept, err := p.kept(item)
			if err != nil {
				return nil, err
			}
			out = append(out, kept)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s in its body is not an object or a list of them", strings.Join(p.path, "."))
}
