// Package keyprovider is an outside API to try rotation functions with: it
// issues keys, lists and revokes them, and says whether it accepts one. It
// lives in memory and on loopback, and is no place for real keys.
//
//	POST   /keys         {"name":"..."}  201 {"id":"key-1","key":"..."}
//	GET    /keys?name=   [{"id":"key-1","name":"..."}]; without name all
//	DELETE /keys/{id}    204; 404 if there is none
//	PUT    /slow         on: keys that are made from now on are not accepted; off
//	GET    /whoami       200 {"id":"key-1"} or 401, for who shows a key
//
// A request shows the admin's token, or its key, as Authorization: Bearer.
// Several keys may have one name, as with most providers.
package keyprovider

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Provider is the API. It is an http.Handler.
type Provider struct {
	token string
	text  func() string
	mux   *http.ServeMux

	mu   sync.Mutex
	keys []*key
	made int
	slow bool
}

type key struct {
	id, name, secret string
	hidden           bool // made while it was slow
}

// New returns a provider without keys. Its admin shows the token; text makes
// unguessable texts.
func New(token string, text func() string) *Provider {
	p := &Provider{token: token, text: text, mux: http.NewServeMux()}
	p.mux.HandleFunc("POST /keys", p.admin(p.create))
	p.mux.HandleFunc("GET /keys", p.admin(p.list))
	p.mux.HandleFunc("DELETE /keys/{id}", p.admin(p.revoke))
	p.mux.HandleFunc("PUT /slow", p.admin(p.setSlow))
	p.mux.HandleFunc("GET /whoami", p.whoami)
	return p
}

// Issue makes a key, as POST /keys does.
func (p *Provider) Issue(name string) (id, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	k := &key{id: fmt.Sprintf("key-%d", p.made), name: name, secret: p.text(), hidden: p.slow}
	p.keys = append(p.keys, k)
	return k.id, k.secret
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p.mux.ServeHTTP(w, r)
}

func bearer(r *http.Request) string {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return text
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (p *Provider) admin(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !equal(bearer(r), p.token) {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "this is not the admin's token"})
			return
		}
		f(w, r)
	}
}

func (p *Provider) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": `the body is {"name":"..."}`})
		return
	}
	id, secret := p.Issue(in.Name)
	answer(w, http.StatusCreated, map[string]string{"id": id, "key": secret})
}

func (p *Provider) list(w http.ResponseWriter, r *http.Request) {
	name, byName := r.URL.Query().Get("name"), r.URL.Query().Has("name")
	type shown struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	out := []shown{}
	p.mu.Lock()
	for _, k := range p.keys {
		if !byName || k.name == name {
			out = append(out, shown{k.id, k.name})
		}
	}
	p.mu.Unlock()
	answer(w, http.StatusOK, out)
}

func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	before := len(p.keys)
	p.keys = slices.DeleteFunc(p.keys, func(k *key) bool { return k.id == r.PathValue("id") })
	gone := len(p.keys) == before
	p.mu.Unlock()
	if gone {
		answer(w, http.StatusNotFound, map[string]string{"error": "there is no such key"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Provider) setSlow(w http.ResponseWriter, r *http.Request) {
	var word [3]byte
	n, _ := r.Body.Read(word[:]) // a body that cannot be read is neither word
	on := string(word[:min(n, 2)]) == "on"
	p.mu.Lock()
	p.slow = on
	if !on {
		for _, k := range p.keys {
			k.hidden = false
		}
	}
	p.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (p *Provider) whoami(w http.ResponseWriter, r *http.Request) {
	shown := bearer(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		if !k.hidden && equal(shown, k.secret) {
			answer(w, http.StatusOK, map[string]string{"id": k.id})
			return
		}
	}
	answer(w, http.StatusUnauthorized, map[string]string{"error": "no such key"})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}
