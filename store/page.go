package store

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/rotahq/rota"
)

// page makes and reads the NextToken of one list. A token holds the place in
// the list and a keyed hash over it and the request, so that it goes on only
// where it came from. It survives restarts.
type page struct {
	store *Store
	scope []byte
	max   int
}

// newPage is for a list of the given operation; what the request asks for is
// part of the hash. max 0 is the most.
func (s *Store) newPage(op string, maxResults, most int, request ...any) page {
	if maxResults <= 0 || maxResults > most {
		maxResults = most
	}
	scope, err := json.Marshal(append([]any{op}, request...))
	if err != nil {
		panic("store: a list request does not encode: " + err.Error()) // plain structs only
	}
	return page{s, scope, maxResults}
}

// next is the token for what comes after the cursor.
func (p page) next(cursor any) (string, error) {
	text, err := json.Marshal(cursor)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.Strict().EncodeToString(text) + "." + p.sign(text), nil
}

func (p page) sign(text []byte) string {
	return p.store.cfg.Sealer.Fingerprint([]byte("page token"), p.scope, text)
}

func badToken() error {
	return rota.E(rota.InvalidNextToken, "The NextToken isn't valid for this request.")
}

// read puts the place into cursor; an empty token leaves it as it is.
func (p page) read(token string, cursor any) error {
	if token == "" {
		return nil
	}
	head, sum, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil || subtle.ConstantTimeCompare([]byte(sum), []byte(p.sign(text))) != 1 || json.Unmarshal(text, cursor) != nil {
		return badToken()
	}
	return nil
}
