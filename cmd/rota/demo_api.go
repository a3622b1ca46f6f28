package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// demoAPI is the outside API of the demo: it issues keys, lists them by name
// and revokes them, and lets whoever has a live key in. It is no part of the
// catalog.
type demoAPI struct {
	url    string
	server *http.Server
	admin  string

	mu   sync.Mutex
	keys map[string]demoKey // by id
}

type demoKey struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret,omitempty"`
}

// demoLatency is what a near API takes to answer.
const demoLatency = 3 * time.Millisecond

func startDemoAPI(ctx context.Context) (*demoAPI, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the demo's API: %w", err)
	}
	a := &demoAPI{url: "http://" + l.Addr().String(), admin: rand.Text(), keys: map[string]demoKey{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /whoami", a.whoami)
	mux.HandleFunc("POST /keys", a.mint)
	mux.HandleFunc("GET /keys", a.list)
	mux.HandleFunc("DELETE /keys/{id}", a.revoke)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the demo cannot go on
		}
	}()
	return a, nil
}

func (a *demoAPI) issue(name string) demoKey {
	k := demoKey{ID: "key-" + rand.Text()[:8], Name: name, Secret: rand.Text()}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[k.ID] = k
	return k
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func (a *demoAPI) whoami(w http.ResponseWriter, r *http.Request) {
	time.Sleep(demoLatency)
	id, secret, _ := strings.Cut(bearer(r), ".")
	a.mu.Lock()
	k, ok := a.keys[id]
	a.mu.Unlock()
	if !ok || subtle.ConstantTimeCompare([]byte(k.Secret), []byte(secret)) != 1 {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "unknown key"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": id})
}

// allowed lets only the admin token mint, list and revoke.
func (a *demoAPI) allowed(w http.ResponseWriter, r *http.Request) bool {
	time.Sleep(demoLatency)
	if subtle.ConstantTimeCompare([]byte(bearer(r)), []byte(a.admin)) == 1 {
		return true
	}
	answer(w, http.StatusForbidden, map[string]string{"error": "admin only"})
	return false
}

func (a *demoAPI) mint(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name string `json:"name"`
	}
	if !a.allowed(w, r) {
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "bad request"})
		return
	}
	answer(w, http.StatusCreated, a.issue(in.Name))
}

func (a *demoAPI) list(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w, r) {
		return
	}
	name, found := r.URL.Query().Get("name"), []demoKey{}
	a.mu.Lock()
	for _, k := range a.keys {
		if k.Name == name {
			found = append(found, demoKey{ID: k.ID, Name: k.Name})
		}
	}
	a.mu.Unlock()
	answer(w, http.StatusOK, found)
}

func (a *demoAPI) revoke(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w, r) {
		return
	}
	a.mu.Lock()
	_, ok := a.keys[r.PathValue("id")]
	delete(a.keys, r.PathValue("id"))
	a.mu.Unlock()
	if !ok {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such key"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away
}
