package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Sign signs a request with Signature Version 4, path and query included,
// setting its X-Amz-Date and Authorization headers: what a client
// needs who does not want the AWS SDK. Set the other headers, and
// X-Amz-Security-Token for temporary credentials, before: Content-Type and
// every X-Amz- header that is there are signed, and must not change any more.
// Nor must the Host, port included. Signing again replaces the signature; it
// holds for five minutes.
func Sign(req *http.Request, body []byte, accessKey, secretKey, region, service string, now time.Time) {
	date := now.UTC().Format(dateLayout)
	req.Header.Set(amzDate, date)

	names := []string{"host"}
	for name := range req.Header {
		name = strings.ToLower(name)
		if name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")

	scope := strings.Join([]string{date[:8], region, service, scopeEnding}, "/")
	text, _ := stringToSign(req, signed, date, scope, sha256.Sum256(body))
	key := signingKey([]byte(secretKey), date[:8], region, service)
	signature := mac(key[:], text)
	req.Header.Set("Authorization", algorithm+" Credential="+accessKey+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(signature[:]))
}
