package wire

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotahq/rota"
)

// Skew is how far the clock of a client may be off, either way.
const Skew = 5 * time.Minute

// Key is what a server knows about an access key.
type Key struct {
	Secret       rota.Value  // the secret access key; never empty
	SessionToken rota.Value  // to be sent along, a StringValue; the zero Value for a key without one
	Expires      time.Time   // zero: never
	Caller       rota.Caller // on whose behalf; the region and the id of the key are the request's
	Holder       any         // what Keys knows besides, for whoever gets the Identity
}

// Keys finds access keys.
type Keys interface {
	// Key returns the key with an access key id; sessionToken is what was sent
	// along, "" for none. A rota.NotFound error means that there is none; any
	// other fails the request as it is. It is asked once a request, before the
	// signature is verified. Neither an id that is not found nor a token must
	// be logged: it may be the other half of somebody's key.
	Key(ctx context.Context, accessKeyID, sessionToken string) (Key, error)
}

// Verifier verifies that a request was signed with Signature Version 4 by the
// holder of a key, in the Authorization header
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
// Presigned addresses are not accepted: the service has none.
//
// A signature holds for [Skew] before and after its date, and a request that
// is sent again within that time is accepted again, as AWS does: the
// signature proves who sent it and what, not that it came once. Operations
// that must not happen twice have a ClientRequestToken, and TLS is what keeps
// a request from being overheard.
//
// A Verifier may be used by many goroutines and must not be copied.
type Verifier struct {
	Keys     Keys
	Now      func() time.Time
	Region   func(region string) bool // whether a region is served here
	Services []string                 // that may stand in the scope: [Service]

	keys signingKeys
}

// Identity is who signed a request.
type Identity struct {
	AccessKeyID string
	Service     string      // that the request was signed for
	Caller      rota.Caller // the key's, with its id and the region that the request was signed for
	Holder      any         // the key's
}

// wrongSignature is AWS's text when the signatures differ.
const wrongSignature = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Verify verifies a request whose body was already read. Its errors have the
// codes and texts of AWS: rota.MissingAuthentication, rota.IncompleteSignature,
// rota.InvalidSignature, rota.UnrecognizedClient, rota.ExpiredToken; and
// rota.UnknownOperation for another path than "/" or a query. It may be called
// again for the same request.
//
// Signed must be Host, X-Amz-Date (or Date, where there is none), X-Amz-Target, which decides what is done,
// and X-Amz-Security-Token if there is one. Everything else that the client
// says it signed is verified too.
func (v *Verifier) Verify(r *http.Request, body []byte) (Identity, error) {
	if r.URL.Path != "/" || r.URL.RawQuery != "" {
		return Identity{}, rota.E(rota.UnknownOperation, "Send requests to the path / without a query.")
	}
	return v.verify(r, body, v.Services)
}

// VerifyPath is Verify for a service whose operations are paths, such as
// lambda: path and query are signed too, and the signature must be for that
// service.
func (v *Verifier) VerifyPath(r *http.Request, body []byte, service string) (Identity, error) {
	return v.verify(r, body, []string{service})
}

func (v *Verifier) verify(r *http.Request, body []byte, services []string) (Identity, error) {
	now := v.Now()
	a, date, err := readSignature(r.Header, now)
	if err != nil {
		return Identity{}, err
	}
	if err := checkSigned(a.signed, r.Header); err != nil {
		return Identity{}, err
	}
	if a.algorithm != algorithm {
		return Identity{}, rota.E(rota.IncompleteSignature, "Unsupported AWS 'algorithm': '%s' (only %s for now).", echo(a.algorithm), algorithm)
	}
	if err := a.splitCredential(); err != nil {
		return Identity{}, err
	}
	if err := v.checkScope(a, date, services); err != nil {
		return Identity{}, err
	}
	// A key that is not there takes the time of one that is: its signature is
	// computed with the secret of no value, and thrown away.
	key, refused := v.key(r, a.keyID, now)
	if refused != nil && rota.CodeOf(refused) != rota.UnrecognizedClient {
		return Identity{}, refused
	}
	bodyHash := sha256.Sum256(body)
	if sent := r.Header.Values("X-Amz-Content-Sha256"); len(sent) > 0 && (len(sent) > 1 || sent[0] != hex.EncodeToString(bodyHash[:])) {
		return Identity{}, cmp.Or(refused, error(rota.E(rota.InvalidSignature, "The provided 'x-amz-content-sha256' header does not match what was computed.")))
	}
	text, ok := stringToSign(r, a.signed, date, a.scope, bodyHash)
	if !ok {
		return Identity{}, cmp.Or(refused, error(rota.E(rota.InvalidSignature, wrongSignature)))
	}
	derived, known := v.keys.get(a, key.Secret)
	want := mac(derived[:], text)
	if refused != nil {
		return Identity{}, refused
	}
	if subtle.ConstantTimeCompare(hex.AppendEncode(make([]byte, 0, 64), want[:]), []byte(a.signature)) != 1 {
		return Identity{}, rota.E(rota.InvalidSignature, wrongSignature)
	}
	if !known {
		v.keys.put(a, key.Secret, derived)
	}

	id := Identity{AccessKeyID: a.keyID, Service: a.service, Caller: key.Caller, Holder: key.Holder}
	id.Caller.Region, id.Caller.AccessKey = a.region, a.keyID
	return id, nil
}

// readSignature reads the two headers that a signature consists of, and checks
// the clock: the cheapest check, and the one whose answer lets a client mend
// itself.
func readSignature(h http.Header, now time.Time) (a authorization, date string, err error) {
	dateHeader := dateHeaderOf(h)
	headers, dates := h.Values("Authorization"), h.Values(dateHeader)
	if len(headers) == 0 || !strings.HasPrefix(headers[0], "AWS4-") {
		return a, "", rota.E(rota.MissingAuthentication, "Missing Authentication Token")
	}
	if len(headers) > 1 || len(dates) > 1 {
		return a, "", rota.E(rota.IncompleteSignature, "The Authorization and %s headers must be there once.", dateHeader)
	}
	if a, err = parseAuthorization(headers[0]); err != nil {
		return a, "", err
	}
	missing := a.missing()
	if len(dates) == 0 {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if missing != "" {
		return a, "", rota.E(rota.IncompleteSignature, "%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", missing, hashed(headers[0]))
	}
	date = dates[0]
	if at, err := http.ParseTime(date); err == nil && dateHeader == plainDate {
		date = at.UTC().Format(dateLayout) // as the string to sign has it
	}
	return a, date, checkDate(date, now)
}

// plainDate is HTTP's own header, which dates a request that has none of AWS's.
const plainDate = "Date"

// dateHeaderOf is the header that a request's date is in.
func dateHeaderOf(h http.Header) string {
	if h.Values(amzDate) == nil && h.Values(plainDate) != nil {
		return plainDate
	}
	return amzDate
}

func checkDate(date string, now time.Time) error {
	at, err := time.Parse(dateLayout, date)
	if err != nil || len(date) != len(dateLayout) { // Parse lets fractions pass
		return rota.E(rota.IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", echo(date))
	}
	now = now.UTC()
	if limit := now.Add(-Skew); at.Before(limit.Truncate(time.Second)) {
		return rota.E(rota.InvalidSignature, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			date, limit.Format(dateLayout), now.Format(dateLayout))
	}
	if limit := now.Add(Skew); at.After(limit) {
		return rota.E(rota.InvalidSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			date, limit.Format(dateLayout), now.Format(dateLayout))
	}
	return nil
}

// checkSigned checks the list of signed headers: in lower case, sorted, each
// once, and none missing that must be in it.
func checkSigned(signed string, h http.Header) error {
	var host, date, target, token bool
	last, dateHeader := "", dateHeaderOf(h)
	for name := range strings.SplitSeq(signed, ";") {
		if name <= last || strings.ToLower(name) != name {
			return rota.E(rota.IncompleteSignature, "SignedHeaders must be lower case names, sorted, each once.")
		}
		last = name
		switch name {
		case "host":
			host = true
		case strings.ToLower(dateHeader):
			date = true
		case "x-amz-target":
			target = true
		case "x-amz-security-token":
			token = true
		}
	}
	switch {
	case !host:
		return mustBeSigned("'Host' or ':authority'")
	case !date:
		return mustBeSigned("'" + dateHeader + "'")
	case !target && h.Values("X-Amz-Target") != nil:
		return mustBeSigned("'X-Amz-Target'")
	case !token && h.Values(tokenHeader) != nil:
		return mustBeSigned("'X-Amz-Security-Token'")
	}
	return nil
}

func mustBeSigned(what string) error {
	return rota.E(rota.InvalidSignature, "%s must be a 'SignedHeader' in the AWS Authorization.", what)
}

// checkScope checks what the signature is for, all of it, as AWS does.
func (v *Verifier) checkScope(a authorization, date string, services []string) error {
	var wrong []string
	if !v.Region(a.region) {
		wrong = append(wrong, "Credential should be scoped to a valid region, not '"+echo(a.region)+"'.")
	}
	if !slices.Contains(services, a.service) {
		wrong = append(wrong, "Credential should be scoped to correct service: '"+strings.Join(services, "' or '")+"'.")
	}
	if a.ending != scopeEnding {
		wrong = append(wrong, "Credential should be scoped with a valid terminator: '"+scopeEnding+"', not '"+echo(a.ending)+"'.")
	}
	if day := date[:8]; a.date != day {
		wrong = append(wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			echo(a.date)+"' != '"+day+"', from '"+date+"'.")
	}
	if wrong == nil {
		return nil
	}
	return rota.E(rota.InvalidSignature, "%s", strings.Join(wrong, " "))
}

// key finds the key that signed, and checks that it may still be used and
// that the session token sent is its own.
func (v *Verifier) key(r *http.Request, id string, now time.Time) (Key, error) {
	tokens := r.Header.Values(tokenHeader)
	sent := ""
	if len(tokens) > 0 {
		sent = tokens[0]
	}
	key, err := v.Keys.Key(r.Context(), id, sent)
	if errors.Is(err, rota.NotFound) {
		return Key{}, rota.E(rota.UnrecognizedClient, "The security token included in the request is invalid.")
	}
	if err != nil {
		return Key{}, err
	}
	var token rota.Value
	if len(tokens) > 0 {
		token = rota.StringValue(sent)
	}
	if len(tokens) > 1 || !token.Equal(key.SessionToken) || key.Secret.Len() == 0 {
		return Key{}, rota.E(rota.UnrecognizedClient, "The security token included in the request is invalid.")
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return Key{}, rota.E(rota.ExpiredToken, "The security token included in the request is expired")
	}
	return key, nil
}

// maxSigningKeys bounds the memory: a key is about 300 bytes with its entry.
const maxSigningKeys = 1024

// signingKeys remembers derived keys, each of one access key, day, region and
// service: deriving takes four of the five HMACs of a request. An entry is
// used only while the secret is the one it was derived from, so a key that is
// replaced or revoked is so at once. When it is full, everything goes: what is
// in use comes back with its next request. Only keys that verified a request
// get in.
type signingKeys struct {
	mu sync.RWMutex
	m  map[keyScope]signingEntry
}

type keyScope struct{ id, scope string }

type signingEntry struct {
	secret rota.Value
	key    [sha256.Size]byte
}

// get returns the derived key, and whether it was remembered.
func (k *signingKeys) get(a authorization, secret rota.Value) (key [sha256.Size]byte, known bool) {
	k.mu.RLock()
	e, ok := k.m[keyScope{a.keyID, a.scope}]
	k.mu.RUnlock()
	if ok && e.secret.Equal(secret) {
		return e.key, true
	}
	return signingKey(secret.Reveal(), a.date, a.region, a.service), false
}

func (k *signingKeys) put(a authorization, secret rota.Value, key [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil || len(k.m) >= maxSigningKeys {
		k.m = map[keyScope]signingEntry{}
	}
	k.m[keyScope{strings.Clone(a.keyID), strings.Clone(a.scope)}] = signingEntry{secret, key}
}
