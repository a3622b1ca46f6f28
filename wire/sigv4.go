package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// The parts of Signature Version 4 that signing and verifying share
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

const (
	dateLayout  = "20060102T150405Z" // of X-Amz-Date
	scopeEnding = "aws4_request"
	amzDate     = "X-Amz-Date"
	tokenHeader = "X-Amz-Security-Token"
)

// stringToSign returns what the signature is made over. signed are the names
// of the signed headers in lower case, sorted, separated by ";". It is false
// if one of them is not in the request, or its query cannot be read.
func stringToSign(r *http.Request, signed, date, scope string, bodyHash [sha256.Size]byte) ([]byte, bool) {
	c := make([]byte, 0, 1024)
	c = append(c, r.Method...)
	c, ok := appendTarget(append(c, '\n'), r)
	if !ok {
		return nil, false
	}
	for name := range strings.SplitSeq(signed, ";") {
		c = append(c, name...)
		c = append(c, ':')
		if c, ok = appendHeader(c, r, name); !ok {
			return nil, false
		}
		c = append(c, '\n')
	}
	c = append(c, '\n')
	c = append(c, signed...)
	c = append(c, '\n')
	c = hex.AppendEncode(c, bodyHash[:])
	hash := sha256.Sum256(c)

	s := append(c[:0], algorithm...)
	s = append(s, '\n')
	s = append(s, date...)
	s = append(s, '\n')
	s = append(s, scope...)
	s = append(s, '\n')
	return hex.AppendEncode(s, hash[:]), true
}

// appendHeader appends the value of a header for signing: each line trimmed,
// runs of spaces made one, the lines of one name joined by commas. It is false
// if the request has no such header. Host and Content-Length are where
// net/http keeps them.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, bool) {
	if name == "host" {
		host := r.Host
		if host == "" && r.URL != nil { // of a client's request
			host = r.URL.Host
		}
		return append(b, host...), host != ""
	}
	values := r.Header.Values(name)
	if values == nil && name == "content-length" && r.ContentLength >= 0 {
		return strconv.AppendInt(b, r.ContentLength, 10), true
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		v = strings.TrimSpace(v)
		for j := range len(v) {
			if v[j] != ' ' || v[j-1] != ' ' { // the first byte is no space
				b = append(b, v[j])
			}
		}
	}
	return b, values != nil
}

// signingKey derives the key of one day, region and service: four HMACs.
func signingKey(secret []byte, date, region, service string) [sha256.Size]byte {
	key := append([]byte("AWS4"), secret...)
	for _, part := range []string{date, region, service, scopeEnding} {
		sum := mac(key, []byte(part))
		key = sum[:]
	}
	return [sha256.Size]byte(key)
}

func mac(key, data []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}
