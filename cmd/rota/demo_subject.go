package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rotahq/rota/rotation"
)

// demoSubject is what is rotated: keys of the demo's API, or roles.
type demoSubject struct {
	what     string // for the terminal
	rotator  string
	rotators []rotation.Rotator // besides the catalog
	settings map[string]string  // tags of the secret
	admin    string             // value of the admin secret
	first    string             // value of the secret
	use      func(ctx context.Context, value string) error
	close    func(context.Context) error // removes it
}

// newSubject makes what the demo rotates. One that comes with an error must
// still be closed.
func newSubject(ctx context.Context, o demoOptions) (*demoSubject, error) {
	if o.postgres != "" {
		return postgresSubject(ctx, o.postgres)
	}
	return apiSubject(ctx)
}

func apiSubject(ctx context.Context) (*demoSubject, error) {
	api, err := startDemoAPI(ctx)
	if err != nil {
		return nil, err
	}
	first := api.issue("made by hand")
	// A connection for each request: net/http sends a request again by itself
	// when a kept connection turns out to be closed, and clients never retry.
	user := demoRotator{&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	return &demoSubject{
		what: "an API that issues keys at " + api.url, rotators: []rotation.Rotator{newDemoRotator()}, rotator: demoRotatorName,
		admin: string(demoAdminOf(api).Reveal()), first: string(demoValue(first).Reveal()),
		use: func(ctx context.Context, value string) error {
			var k demoKey
			if err := json.Unmarshal([]byte(value), &k); err != nil {
				return errors.New("the secret cannot be read")
			}
			status, err := user.send(ctx, http.MethodGet, api.url+"/whoami", k.ID+"."+k.Secret, nil, nil)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("the API answered %d", status)
			}
			return err
		},
		close: func(context.Context) error { return api.server.Close() },
	}, nil
}
