package session

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// tokenUse keeps session tokens apart from whatever else is sealed so.
const tokenUse = "session token 1"

// maxToken is more than the largest token has: a policy of 2,048 characters of
// up to four bytes, each escaped.
const maxToken = 32 << 10

// maxTime is far away, and still a time.
const maxTime = 1 << 40

// content is what a session token says. Times are whole seconds.
type content struct {
	ID        string `json:"i"`           // the access key id, ASIA…
	Secret    []byte `json:"s"`           // the secret half
	Principal string `json:"p"`           // ARN
	Unique    string `json:"u"`           // the principal's own id
	Parent    string `json:"k,omitempty"` // the access key that asked for it; "" for rota itself
	Name      string `json:"n,omitempty"`
	Policy    string `json:"d,omitempty"`
	Claim     *claim `json:"c,omitempty"`
	Issued    int64  `json:"t"`
	Expires   int64  `json:"e"`
}

type claim struct {
	Account string `json:"a"`
	Region  string `json:"r"`
	Secret  string `json:"s"`
	Number  int64  `json:"n"`
}

// sealer seals tokens; package seal has it.
type sealer interface {
	SealToken(use string, plain []byte) ([]byte, error)
	OpenToken(use string, token []byte) ([]byte, error)
}

func (c content) seal(s sealer) (rota.Value, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return rota.Value{}, err
	}
	defer clear(plain)
	token, err := s.SealToken(tokenUse, plain)
	if err != nil {
		return rota.Value{}, err
	}
	return rota.StringValue(base64.RawURLEncoding.EncodeToString(token)), nil
}

// errToken is all that is told of a token that is none. What it says may be
// anybody's, so it is never repeated.
var errToken = errors.New("no session token of this server")

// openToken reads a session token. Whatever this server did not make is
// errToken.
func openToken(s sealer, text string) (content, error) {
	if text == "" || len(text) > maxToken || strings.ContainsAny(text, "\r\n") { // which base64 would skip
		return content{}, errToken
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return content{}, errToken
	}
	plain, err := s.OpenToken(tokenUse, token)
	if err != nil {
		return content{}, errToken
	}
	defer clear(plain)
	return readContent(plain)
}

// readContent reads what was sealed. That it was sealed here says who wrote
// it, not which version of rota: what is unknown, or does not make sense, is
// refused.
func readContent(plain []byte) (c content, err error) {
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if d.Decode(&c) != nil {
		return content{}, errToken
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return content{}, errToken
	}
	if !strings.HasPrefix(c.ID, store.TemporaryKey) || len(c.Secret) == 0 || c.Principal == "" || c.Unique == "" ||
		c.Issued <= 0 || c.Issued > maxTime || c.Expires <= c.Issued || c.Expires > c.Issued+int64(MaxDuration/time.Second) || c.Claim != nil && (c.Claim.Secret == "" || c.Claim.Number <= 0 || c.Policy == "") {
		return content{}, errToken
	}
	return c, nil
}

func (c content) claim() rota.Claim {
	if c.Claim == nil {
		return rota.Claim{}
	}
	k := c.Claim
	return rota.Claim{Secret: rota.Key{Account: k.Account, Region: k.Region, ID: k.Secret}, Number: k.Number}
}

func (c content) expires() time.Time { return time.Unix(c.Expires, 0).UTC() }
func (c content) issued() time.Time  { return time.Unix(c.Issued, 0).UTC() }
