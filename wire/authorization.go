package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/rotahq/rota"
)

const algorithm = "AWS4-HMAC-SHA256"

// authorization is an Authorization header taken apart. Every part is a piece
// of the header.
type authorization struct {
	algorithm  string
	credential string
	signed     string // names of headers, separated by ";"
	signature  string

	keyID, scope                  string // the credential, cut at the first slash
	date, region, service, ending string // the scope
}

// parseAuthorization reads a header like
//
//	AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request, SignedHeaders=<a;b>, Signature=<hex>
//
// Parameters come in any order and spaces around them do not matter. The
// credential's five parts are not looked at here: see splitCredential.
func parseAuthorization(header string) (a authorization, err error) {
	rest := ""
	a.algorithm, rest, _ = strings.Cut(strings.TrimSpace(header), " ")
	for param := range strings.SplitSeq(rest, ",") {
		param = strings.TrimSpace(param)
		if param == "" {
			continue
		}
		name, value, ok := strings.Cut(param, "=")
		if !ok {
			return a, rota.E(rota.IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '%s'.", hashed(header))
		}
		var into *string
		switch name {
		case "Credential":
			into = &a.credential
		case "SignedHeaders":
			into = &a.signed
		case "Signature":
			into = &a.signature
		default:
			continue
		}
		if *into != "" {
			return a, rota.E(rota.IncompleteSignature, "Authorization header has more than one '%s' parameter.", name)
		}
		*into = value
	}
	return a, nil
}

// missing names the parameters that the header lacks, in AWS's sentences.
func (a authorization) missing() string {
	s := ""
	for _, p := range []struct{ name, value string }{
		{"Credential", a.credential}, {"Signature", a.signature}, {"SignedHeaders", a.signed},
	} {
		if p.value == "" {
			s += "Authorization header requires '" + p.name + "' parameter. "
		}
	}
	return s
}

// splitCredential takes the credential apart. AWS's message shows the
// credential; this one only counts, because somebody who swaps the two halves
// of an access key sends the secret half here, and it may hold slashes.
func (a *authorization) splitCredential() error {
	keyID, scope, _ := strings.Cut(a.credential, "/")
	parts := strings.SplitN(scope, "/", 5)
	if keyID == "" || len(parts) != 4 {
		return rota.E(rota.IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got %d", 1+strings.Count(a.credential, "/"))
	}
	a.keyID, a.scope = keyID, scope
	a.date, a.region, a.service, a.ending = parts[0], parts[1], parts[2], parts[3]
	return nil
}

// hashed stands for a header in a message, as AWS has it: people send other
// services' tokens here by mistake, and errors are logged.
func hashed(header string) string {
	sum := sha256.Sum256([]byte(header))
	return base64.StdEncoding.EncodeToString(sum[:])
}
