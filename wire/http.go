package wire

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

// ContentType is the type of every request and response.
const ContentType = "application/x-amz-json-1.1"

// The prefixes of X-Amz-Target: AWS's operations and rota's own. Both are
// signed for Service.
const (
	Service     = "secretsmanager"
	ServiceRota = "rota"
)

// Target reads the operation that a request asks for out of its X-Amz-Target
// header, as in secretsmanager.GetSecretValue or rota.Status. Of service
// [Service] only the 23 operations of the model are known; of
// [ServiceRota] any name of letters and digits is returned, and whoever
// routes it knows which exist. The error has the code
// [rota.UnknownOperation].
func Target(h http.Header) (service, operation string, err error) {
	targets := h.Values("X-Amz-Target")
	if len(targets) == 1 {
		service, operation, _ = strings.Cut(targets[0], ".")
		switch {
		case service == Service && slices.Contains(operations, operation),
			service == ServiceRota && isName(operation):
			return service, operation, nil
		}
	}
	return "", "", rota.E(rota.UnknownOperation, "The X-Amz-Target header names no operation that is known here: %s.",
		strconv.Quote(echo(strings.Join(targets, ", "))))
}

// Operations returns the operations of [Service], sorted.
func Operations() []string { return slices.Clone(operations) }

func isName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// Write answers a request with a body, [Encode]'s or another in JSON, and
// status 200. The server's own Date header is what lets clients correct a
// wrong clock.
func Write(w http.ResponseWriter, requestID string, body []byte) error {
	return write(w, http.StatusOK, requestID, body)
}

// WriteError answers a request with an error, as [EncodeError] tells it. The
// error it returns is of writing only.
func WriteError(w http.ResponseWriter, requestID string, err error) error {
	status, body := EncodeError(err)
	return write(w, status, requestID, body)
}

func write(w http.ResponseWriter, status int, requestID string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", requestID) // x-amzn-RequestId in AWS's spelling; names of headers have no case
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
