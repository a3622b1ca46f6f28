package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// demoRotator rotates keys of the demo's API. The provider mints; the admin
// secret says where it is and holds the token that may mint.
type demoRotator struct{ http *http.Client }

var (
	_ rotation.Minter = demoRotator{}
	_ rotation.Lister = demoRotator{}
)

func newDemoRotator() demoRotator { return demoRotator{&http.Client{Timeout: 10 * time.Second}} }

const demoRotatorName = "demo-api"

type demoAdminValue struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// demoAdminOf is the value of an admin secret for an API.
func demoAdminOf(a *demoAPI) rota.Value {
	b, _ := json.Marshal(demoAdminValue{a.url, a.admin}) // two strings always encode
	return rota.StringValue(string(b))
}

// Descriptor tells what it is.
func (demoRotator) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{
		Name: demoRotatorName, Title: "keys of the demo's own API", Dead: "401 unknown key",
		Fields: []rotation.Field{{Name: "id", Required: true}, {Name: "secret", Required: true, Secret: true}},
	}
}

func demoFields(v rota.Value) (k demoKey, err error) {
	if err := json.Unmarshal(v.Reveal(), &k); err != nil || k.ID == "" || k.Secret == "" {
		return k, errors.New("the value needs the fields id and secret")
	}
	return k, nil
}

// Plan says how it is rotated.
func (d demoRotator) Plan(req rotation.Request) (rotation.Plan, error) {
	id, err := d.Identify(req, req.Current)
	return rotation.Plan{
		Identity: id, Lane: id.Provider,
		Propagation: rotation.Propagation{Successes: 1, Interval: 100 * time.Millisecond, Within: 5 * time.Second},
	}, err
}

// Identify names the key.
func (demoRotator) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	k, err := demoFields(v)
	if err != nil {
		return rotation.Identity{}, err
	}
	var admin demoAdminValue
	if err := json.Unmarshal(req.Admin.Value.Reveal(), &admin); err != nil || admin.URL == "" {
		return rotation.Identity{}, errors.New("the admin secret needs the fields url and token")
	}
	return rotation.Identity{Provider: admin.URL, Principal: k.ID, ID: k.ID, Secret: rota.StringValue(k.Secret)}, nil
}

// Spoil makes a key that the API must refuse.
func (demoRotator) Spoil(_ rotation.Request, v rota.Value) (rota.Value, error) {
	k, err := demoFields(v)
	if err != nil {
		return v, err
	}
	k.Secret = rand.Text()
	return demoValue(k), nil
}

func demoValue(k demoKey) rota.Value {
	b, _ := json.Marshal(map[string]string{"id": k.ID, "secret": k.Secret}) // strings always encode
	return rota.StringValue(string(b))
}

// Try uses the key once.
func (d demoRotator) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	k, err := demoFields(v)
	if err != nil {
		return err
	}
	var admin demoAdminValue
	if err := json.Unmarshal(req.Admin.Value.Reveal(), &admin); err != nil {
		return errors.New("the admin secret cannot be read")
	}
	status, err := d.send(ctx, http.MethodGet, admin.URL+"/whoami", k.ID+"."+k.Secret, nil, nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		return nil
	case status == http.StatusUnauthorized:
		return fmt.Errorf("GET /whoami: 401 unknown key: %w", rotation.ErrDead)
	}
	return fmt.Errorf("GET /whoami: %d", status)
}

// Mint makes a key.
func (d demoRotator) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	var k demoKey
	status, err := d.admin(ctx, req, http.MethodPost, "/keys", map[string]string{"name": req.Name}, &k)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("POST /keys: %d", status)
	}
	if err != nil {
		return rota.Value{}, err
	}
	return demoValue(k), nil
}

// List finds keys by name.
func (d demoRotator) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	var keys []demoKey
	status, err := d.admin(ctx, req, http.MethodGet, "/keys?name="+url.QueryEscape(req.Name), nil, &keys)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET /keys: %d", status)
	}
	var out []rotation.Listed
	for _, k := range keys {
		out = append(out, rotation.Listed{ID: k.ID})
	}
	return out, err
}

// Revoke ends a key; gone is success.
func (d demoRotator) Revoke(ctx context.Context, req rotation.Request, id string) error {
	status, err := d.admin(ctx, req, http.MethodDelete, "/keys/"+url.PathEscape(id), nil, nil)
	if err == nil && status != http.StatusNoContent && status != http.StatusNotFound {
		err = fmt.Errorf("DELETE /keys: %d", status)
	}
	return err
}

func (d demoRotator) admin(ctx context.Context, req rotation.Request, method, path string, in, out any) (int, error) {
	var admin demoAdminValue
	if err := json.Unmarshal(req.Admin.Value.Reveal(), &admin); err != nil {
		return 0, errors.New("the admin secret cannot be read")
	}
	return d.send(ctx, method, admin.URL+path, admin.Token, in, out)
}

func (d demoRotator) send(ctx context.Context, method, address, token string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return 0, errors.New("the admin secret's url is no address")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := d.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("%s the demo's API: not reached", method)
	}
	defer func() { _ = res.Body.Close() }()
	if out != nil && res.StatusCode < 300 {
		if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(out); err != nil {
			return 0, fmt.Errorf("%s the demo's API: the answer cannot be read", method)
		}
	}
	return res.StatusCode, nil
}
