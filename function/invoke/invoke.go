// Package invoke is what all ways to invoke a function have in common: the
// limits of AWS Lambda, and how it words what went wrong
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
package invoke

import "strings"

// The limits of Lambda in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	MaxPayload = 6_291_556 // of a synchronous request, and of any answer
	MaxEvent   = 1 << 20   // of an asynchronous request
	MaxTail    = 4 << 10   // of the log that an answer carries along
	MaxContext = 3583      // of the client's context, in base64
)

// Request is one invocation.
type Request struct {
	ID      string // what the function is told, and whoever invoked it; "" for any
	Payload []byte
	Context string // what the client tells of itself, a JSON object; "" for nothing
}

// The error types of the platform: what Lambda says of a function that could
// not say anything itself.
const (
	ExitError   = "Runtime.ExitError"
	InitError   = "Runtime.InitError"
	OutOfMemory = "Runtime.OutOfMemory"
	Timedout    = "Sandbox.Timedout"
	TooLarge    = "Function.ResponseSizeTooLarge"
	Unknown     = "Runtime.UnknownReason"
	NoAnswer    = "Invoke.Unreachable" // rota's own: see Unreachable
)

// MsgTooLarge is Lambda's sentence for an answer of more than MaxPayload.
const MsgTooLarge = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."

// Outcome is one invocation that came to its end.
type Outcome struct {
	Payload []byte   // the function's answer; of a failure, its error object
	Failure *Failure // nil: it succeeded
	Log     string   // the end of what it wrote
	Notes   []string // what else is worth telling: it answered twice, it left processes behind
}

// Failure is a function that failed, in its own words or the platform's.
// Whoever makes one sees to it that no secret value is in it.
type Failure struct {
	Type    string // errorType
	Message string // errorMessage
	Log     string // the last lines that it wrote, for a person
}

// Error begins with the cause; the end of the log follows.
func (f *Failure) Error() string {
	s := f.Type
	if f.Message != "" {
		s += ": " + f.Message
	}
	if f.Log != "" {
		s += "; its log ends: " + f.Log
	}
	return s
}

// The bounds of what the journal keeps of a log.
const (
	lastLines   = 5
	lastLineMax = 300
)

// LastLines is the end of a log as one line, short enough for a journal.
func LastLines(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		lines = append(lines, Short(line, lastLineMax))
	}
	return strings.Join(lines[max(0, len(lines)-lastLines):], " | ")
}

// Tail is the end of a log that goes along with an answer.
func Tail(log string) string { return log[max(0, len(log)-MaxTail):] }

// Unreachable is that a function elsewhere could not be invoked, or that
// nobody knows whether it was. Why holds no value.
type Unreachable struct{ Function, Why string }

func (u *Unreachable) Error() string { return "invoke " + u.Function + ": " + u.Why }
