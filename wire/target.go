package wire

import (
	"cmp"
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
	// Names, and then values, are in the order that they have once escaped, in
	// which %C3 comes before a.
	type param struct{ name, value string }
	var params []param
	for name, values := range query {
		for _, value := range values {
			params = append(params, param{escape(name), escape(value)})
		}
	}
	slices.SortFunc(params, func(a, b param) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value))
	})
	for i, p := range params {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}
	return append(b, '\n'), true
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// unreserved is RFC 3986's.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}
