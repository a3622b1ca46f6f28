package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// appendTarget appends the path and the query of a request as they are
// signed, each with its newline
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
// The path is as it was sent, and escaped once more, as every service but S3
// has it. It is false if the query cannot be read.
func appendTarget(b []byte, r *http.Request) ([]byte, bool) {
	if r.URL == nil || r.URL.RawQuery == "" && (r.URL.Path == "/" || r.URL.Path == "") {
		return append(b, "/\n\n"...), true
	}
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(r.URL.EscapedPath()) {
		if c == '/' || unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	b = append(b, '\n')
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, false
	}
	for _, values := range query {
		slices.Sort(values)
	}
	b = append(b, strings.ReplaceAll(query.Encode(), "+", "%20")...)
	return append(b, '\n'), true
}

// unreserved is RFC 3986's.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}
