package invoke

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	typeMax    = 200
	messageMax = 2000
)

// ParseFailure reads what a function posts as its error: a JSON object with
// errorType and errorMessage. headerType is the type that the request's
// header tells, "" for none. What cannot be read is still a failure, and says
// so; nothing is ever taken for a success.
func ParseFailure(body []byte, headerType string) *Failure {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	f := &Failure{}
	if err := json.Unmarshal(body, &e); err != nil {
		f.Message = "the function reported an error that is not a JSON object with errorType and errorMessage"
	} else {
		f.Type, f.Message = Short(e.Type, typeMax), Short(e.Message, messageMax)
	}
	if f.Type == "" {
		f.Type = Short(headerType, typeMax)
	}
	if f.Type == "" {
		f.Type = Unknown
	}
	return f
}

// Answer is the error object that whoever invoked is answered. As from Lambda,
// what the platform says of a function names the request; the journal, which
// has the cause first, does without.
func (f *Failure) Answer(requestID string) []byte {
	told := *f
	switch f.Type {
	case ExitError, InitError, OutOfMemory, Timedout:
		if !strings.HasPrefix(f.Message, requestPrefix) { // as a platform elsewhere said it
			told.Message = requestPrefix + requestID + " Error: " + f.Message
		}
	}
	return told.Payload()
}

const requestPrefix = "RequestId: "

// Payload is a failure as an error object.
func (f *Failure) Payload() []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{f.Type, f.Message})
	if err != nil {
		return []byte(`{}`) // two strings always encode
	}
	return b
}

// Short is a text on one line, of at most n bytes: control characters are
// spaces, what is no UTF-8 is a question mark, and what is cut ends in "…".
func Short(s string, n int) string {
	long := len(s) > n
	if long {
		s = s[:n]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && size == 1 {
			s = s[:len(s)-1]
		}
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, s))
	if long {
		s += "…"
	}
	return s
}
