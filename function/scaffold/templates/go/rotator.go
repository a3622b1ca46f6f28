package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// keys is the rotator: it knows the API, and nothing of versions and labels.
// Everything in this file is for you to change. As it stands it is right for
// the API of: rota function provider.
type keys struct{}

// The interfaces that make it a rotator whose provider makes the credential.
var (
	_ rotation.Minter = keys{}
	_ rotation.Lister = keys{}
)

// value is what the secret holds, and admin what the admin's secret does.
type (
	value struct {
		URL string `json:"url"`
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	admin struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	}
)

// Descriptor says what it is.
func (keys) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{
		Name: "keys", Title: "a key of our API",
		Fields: []rotation.Field{
			{Name: "url", Required: true, Address: true, Help: "address of the API"},
			{Name: "id", Required: true, Help: "the key's id"},
			{Name: "key", Required: true, Secret: true, Help: "the key"},
		},
		Dead: "HTTP 401 to a key",
	}
}

// Plan says how a secret is rotated. It calls nobody.
func (k keys) Plan(req rotation.Request) (rotation.Plan, error) {
	id, err := k.Identify(req, req.Current)
	if err != nil {
		return rotation.Plan{}, err
	}
	if !req.Admin.Named() {
		return rotation.Plan{}, errors.New("no admin secret is named: set the tag rota:admin or ROTA_ADMIN")
	}
	return rotation.Plan{
		Identity: id, Lane: id.Provider,
		// How long the API may take until it accepts a new key.
		Propagation: rotation.Propagation{Successes: 1, Interval: time.Second, Within: 10 * time.Second},
	}, nil
}

// Identify names the key that a value holds.
func (keys) Identify(_ rotation.Request, v rota.Value) (rotation.Identity, error) {
	var in value
	if json.Unmarshal(v.Reveal(), &in) != nil || in.URL == "" || in.ID == "" {
		return rotation.Identity{}, errors.New(`the value is no JSON object with "url", "id" and "key"`)
	}
	return rotation.Identity{Provider: in.URL, Principal: in.ID, ID: in.ID, Secret: rota.StringValue(in.Key)}, nil
}

// Try uses the key of a value once.
func (keys) Try(ctx context.Context, _ rotation.Request, v rota.Value) error {
	var in value
	if json.Unmarshal(v.Reveal(), &in) != nil {
		return errors.New("the value is no JSON")
	}
	switch status, err := call(ctx, http.MethodGet, in.URL+"/whoami", in.Key, nil, nil); {
	case err != nil:
		return err
	case status == http.StatusUnauthorized:
		return rotation.ErrDead // the exact answer that proves it
	case status != http.StatusOK:
		return fmt.Errorf("the API answers %d", status)
	}
	return nil
}

// Spoil makes a value that the API must refuse.
func (keys) Spoil(_ rotation.Request, v rota.Value) (rota.Value, error) {
	var in value
	if err := json.Unmarshal(v.Reveal(), &in); err != nil {
		return rota.Value{}, errors.New("the value is no JSON")
	}
	in.Key = rand.Text()
	return encode(in)
}

// Mint has the API make a key under the request's name. rota has looked for
// keys of that name just before, and revoked them.
func (keys) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	a, err := adminOf(req)
	if err != nil {
		return rota.Value{}, err
	}
	out := value{URL: a.URL}
	status, err := call(ctx, http.MethodPost, a.URL+"/keys", a.Token, map[string]string{"name": req.Name}, &out)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("the API answers %d", status)
	}
	if err != nil {
		return rota.Value{}, err
	}
	return encode(out)
}

// List finds the keys of the request's name.
func (keys) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	a, err := adminOf(req)
	if err != nil {
		return nil, err
	}
	var found []struct{ ID string }
	status, err := call(ctx, http.MethodGet, a.URL+"/keys?name="+url.QueryEscape(req.Name), a.Token, nil, &found)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the API answers %d", status)
	}
	var out []rotation.Listed
	for _, f := range found {
		out = append(out, rotation.Listed{ID: f.ID})
	}
	return out, err
}

// Revoke ends a key. One that is gone is ended.
func (keys) Revoke(ctx context.Context, req rotation.Request, id string) error {
	a, err := adminOf(req)
	if err != nil {
		return err
	}
	status, err := call(ctx, http.MethodDelete, a.URL+"/keys/"+url.PathEscape(id), a.Token, nil, nil)
	if err == nil && status != http.StatusNoContent && status != http.StatusNotFound {
		err = fmt.Errorf("the API answers %d", status)
	}
	return err
}

func adminOf(req rotation.Request) (a admin, err error) {
	if json.Unmarshal(req.Admin.Value.Reveal(), &a) != nil || a.URL == "" || a.Token == "" {
		err = errors.New(`the admin secret is no JSON object with "url" and "token"`)
	}
	return a, err
}

func encode(v value) (rota.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return rota.Value{}, err
	}
	return rota.StringValue(string(b)), nil
}

var client = &http.Client{Timeout: 10 * time.Second}

// call calls the API. Its errors never hold a token, a key or an answer.
func call(ctx context.Context, method, address, token string, in, out any) (status int, err error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return 0, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, &body)
	if err != nil {
		return 0, errors.New("the address of the API is none")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("%s: the API cannot be reached", method)
	}
	defer func() { _ = res.Body.Close() }()
	if out != nil && res.StatusCode < 300 {
		if json.NewDecoder(res.Body).Decode(out) != nil {
			return res.StatusCode, fmt.Errorf("%s: the API's answer cannot be read", method)
		}
	}
	return res.StatusCode, nil
}
