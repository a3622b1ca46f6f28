package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// exercised is what all tests of this package sent to the server and got from
// it: the ground that docs/api.md stands on.
var exercised = &coverage{tests: map[cell]map[string]bool{}}

// cell is one cell of the table: a member of a request that was answered with
// success ("in"), a member of such an answer ("out"), or an error.
type cell struct{ operation, kind, name string }

type coverage struct {
	mu    sync.Mutex
	tests map[cell]map[string]bool
}

func (c *coverage) note(test, operation, kind, name string) {
	k := cell{operation, kind, name}
	if c.tests[k] == nil {
		c.tests[k] = map[string]bool{}
	}
	c.tests[k][test] = true
}

// record is the handler, with its requests and answers noted for a test:
// names of members and of errors, never a value.
func (c *coverage) record(test string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
		if !ours {
			next.ServeHTTP(w, r)
			return
		}
		var body []byte
		if r.ContentLength >= 0 && r.ContentLength <= MaxBody {
			body, _ = io.ReadAll(r.Body) // what is cut short is so for the server too
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client went away
		c.mu.Lock()
		defer c.mu.Unlock()
		c.noteCall(test, operation, body, answer)
	})
}

func (c *coverage) noteCall(test, operation string, body []byte, answer *httptest.ResponseRecorder) {
	var out map[string]any
	if json.Unmarshal(answer.Body.Bytes(), &out) != nil {
		return
	}
	if answer.Code != http.StatusOK {
		name, _ := out["__type"].(string)
		c.note(test, operation, "error", name)
		c.note(test, every, "error", name)
		return
	}
	var in map[string]any
	if json.Unmarshal(body, &in) != nil {
		return
	}
	c.noteMembers(test, operation, "in", "", in)
	c.noteMembers(test, operation, "out", "", out)
	// What goes wrong with one secret of a batch is in the answer.
	list, _ := out["Errors"].([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			name, _ := m["ErrorCode"].(string)
			c.note(test, operation, "error", name)
		}
	}
}

// noteMembers notes members at every depth, as a dotted path. What is under a
// name that the service model does not have is never asked for.
func (c *coverage) noteMembers(test, operation, kind, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			c.note(test, operation, kind, path+name)
			c.noteMembers(test, operation, kind, path+name+".", member)
		}
	case []any:
		for _, element := range v {
			c.noteMembers(test, operation, kind, path, element)
		}
	}
}
