package keyprovider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
)

// Value is what a secret with one of the keys holds, and with Token instead of
// ID and Key what the admin's secret does.
type Value struct {
	URL   string `json:"url"`
	ID    string `json:"id,omitempty"`
	Key   string `json:"key,omitempty"`
	Token string `json:"token,omitempty"`
}

// Secret returns it as a secret's value.
func (v Value) Secret() rota.Value {
	b, _ := json.Marshal(v) // strings always encode
	return rota.StringValue(string(b))
}

// ParseValue reads one.
func ParseValue(v rota.Value) (out Value, err error) {
	if json.Unmarshal(v.Reveal(), &out) != nil || out.URL == "" {
		return Value{}, errors.New(`the value is no JSON object with a "url"`)
	}
	return out, nil
}

var client = &http.Client{Timeout: 10 * time.Second}

// Accepts tries the key of a value.
func Accepts(ctx context.Context, v rota.Value) (conformance.Verdict, error) {
	in, err := ParseValue(v)
	if err != nil {
		return conformance.Unknown, nil // not a value of this provider's
	}
	status, err := send(ctx, http.MethodGet, in.URL+"/whoami", in.Key, nil, nil)
	switch {
	case err != nil:
		return conformance.Unknown, nil
	case status == http.StatusOK:
		return conformance.Accepted, nil
	case status == http.StatusUnauthorized:
		return conformance.Refused, nil
	}
	return conformance.Unknown, nil
}

// List lists the ids of all keys, for the admin.
func (v Value) List(ctx context.Context) (ids []string, err error) {
	var keys []struct{ ID string }
	status, err := send(ctx, http.MethodGet, v.URL+"/keys", v.Token, nil, &keys)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("list the keys: the provider answers %d", status)
	}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids, err
}

// Slow makes the provider slow, or quick again, for the admin.
func (v Value) Slow(ctx context.Context, on bool) error {
	word := "off"
	if on {
		word = "on"
	}
	status, err := send(ctx, http.MethodPut, v.URL+"/slow", v.Token, []byte(word), nil)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("make the provider slow: it answers %d", status)
	}
	return err
}

func send(ctx context.Context, method, url, token string, body []byte, out any) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if out != nil && res.StatusCode == http.StatusOK {
		err = json.NewDecoder(res.Body).Decode(out)
	}
	return res.StatusCode, err
}
