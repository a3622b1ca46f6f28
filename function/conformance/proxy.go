package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// proxy stands before the server: it sees every call of every process, and
// does with it what the case says.
type proxy struct {
	next http.Handler

	mu   sync.Mutex
	runs map[string]*run // the latest of each access key id
}

func newProxy() *proxy { return &proxy{runs: map[string]*run{}} }

// watch has the calls that are signed with the run's key handled as the run's.
func (p *proxy) watch(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[r.at.AccessKeyID] = r
}

func (p *proxy) forget(r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs[r.at.AccessKeyID] == r {
		delete(p.runs, r.at.AccessKeyID)
	}
}

func (p *proxy) of(key string) *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs[key]
}

func (p *proxy) secretOf(key string) (string, bool) {
	if r := p.of(key); r != nil {
		return r.at.SecretAccessKey, true
	}
	return "", false
}

// maxBody is more than the server takes.
const maxBody = 2 << 20

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		lost()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	run := p.of(accessKeyID(r.Header.Get("Authorization")))
	if run == nil {
		p.next.ServeHTTP(w, r) // signed by nobody that runs: the server refuses it
		return
	}
	c := parseCall(r.Header, body)
	seen, fault := run.call(c)
	answer := func() *answerBuffer {
		a := &answerBuffer{header: http.Header{}, status: http.StatusOK}
		p.next.ServeHTTP(a, r)
		return a
	}
	switch fault {
	case Throttled:
		seen("ThrottlingException (by the kit)")
		refuse(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	case Failing:
		seen("InternalServiceError (by the kit)")
		refuse(w, http.StatusInternalServerError, "InternalServiceError", "An error occurred on the server side.")
	case KilledBefore:
		seen(string(fault))
		run.kill()
		lost()
	case KilledAfter:
		a := answer()
		seen(a.result() + ", " + string(fault))
		run.kill()
		lost()
	case RequestLost:
		seen(string(fault))
		lost()
	case AnswerLost:
		a := answer()
		seen(a.result() + ": " + string(fault))
		lost()
	default: // Overtaken was waited for in run.call
		a := answer()
		seen(a.result())
		a.send(w)
	}
}

// lost ends the connection without an answer.
func lost() { panic(http.ErrAbortHandler) }

// refuse answers an error as the service does.
func refuse(w http.ResponseWriter, status int, typ, text string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"Message":%q}`, typ, text) // the client went away
}

// accessKeyID reads the key's id out of a signature
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
func accessKeyID(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// answerBuffer holds an answer back.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answerBuffer) Header() http.Header         { return a.header }
func (a *answerBuffer) WriteHeader(status int)      { a.status = status }
func (a *answerBuffer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answerBuffer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client went away
}

// result is "ok" or the type of the error.
func (a *answerBuffer) result() string {
	if a.status == http.StatusOK {
		return resultOK
	}
	var e struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(a.body.Bytes(), &e) != nil || e.Type == "" {
		return fmt.Sprintf("HTTP %d", a.status)
	}
	return e.Type
}
