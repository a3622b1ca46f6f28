package store

import (
	"encoding/base64"
	"encoding/json"

	"github.com/rotahq/rota"
)

// page makes and reads the NextToken of one list. A token is the place in the
// list, sealed for the request: it tells nothing, and goes on only where it
// came from. It survives restarts.
type page struct {
	store *Store
	scope string
	max   int
}

// newPage is for a list of the given operation; what the request asks for, with
// its defaults, is what the tokens are sealed for. max 0 is the most.
func (s *Store) newPage(op string, maxResults, most int, request ...any) page {
	if maxResults <= 0 || maxResults > most {
		maxResults = most
	}
	scope, err := json.Marshal(append([]any{op}, request...))
	if err != nil {
		panic("store: a list request does not encode: " + err.Error()) // plain structs only
	}
	return page{s, "page token " + string(scope), maxResults}
}

// next is the token for what comes after the cursor.
func (p page) next(cursor any) (string, error) {
	text, err := json.Marshal(cursor)
	if err != nil {
		return "", err
	}
	sealed, err := p.store.cfg.Sealer.SealToken(p.scope, text)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func badToken() error {
	return rota.E(rota.InvalidNextToken, "The NextToken isn't valid for this request.")
}

// read puts the place into cursor; an empty token leaves it as it is.
func (p page) read(token string, cursor any) error {
	if token == "" {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != token { // decoding passes over line breaks
		return badToken()
	}
	text, err := p.store.cfg.Sealer.OpenToken(p.scope, sealed)
	if err != nil || json.Unmarshal(text, cursor) != nil {
		return badToken()
	}
	return nil
}
