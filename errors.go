package rota

import (
	"errors"
	"fmt"
	"strings"
)

// Code is what went wrong, one code each. It is itself an error, so that
// errors.Is(err, rota.NotFound) works on whatever wraps it.
type Code string

// Error makes a Code an error to compare with.
func (c Code) Error() string { return string(c) }

// The codes. Package wire has the one table that maps them to AWS's names
// and HTTP statuses.
const (
	NotFound           Code = "not found"
	Exists             Code = "exists"
	InvalidParameter   Code = "invalid parameter"
	InvalidRequest     Code = "invalid request"
	InvalidNextToken   Code = "invalid next token"
	LimitExceeded      Code = "limit exceeded"
	MalformedPolicy    Code = "malformed policy"
	PublicPolicy       Code = "public policy"
	PreconditionNotMet Code = "precondition not met"
	EncryptionFailed   Code = "encryption failed"
	DecryptionFailed   Code = "decryption failed"
	Internal           Code = "internal"

	// Not in the service model, from the framework in front of it.
	Validation            Code = "validation"
	AccessDenied          Code = "access denied"
	Throttled             Code = "throttled"
	Serialization         Code = "serialization"
	UnknownOperation      Code = "unknown operation"
	TooLarge              Code = "too large"
	InvalidSignature      Code = "invalid signature"
	IncompleteSignature   Code = "incomplete signature"
	MissingAuthentication Code = "missing authentication"
	UnrecognizedClient    Code = "unrecognized client"
	ExpiredToken          Code = "expired token"

	// ClaimLost is a write refused because its claim is no longer the
	// secret's: somebody else works on it now.
	ClaimLost Code = "claim lost"
	// Busy is a claim refused because somebody else holds one.
	Busy Code = "busy"
)

// Codes lists every code, for the test that each has a row in the table.
func Codes() []Code {
	return []Code{
		NotFound, Exists, InvalidParameter, InvalidRequest, InvalidNextToken, LimitExceeded, MalformedPolicy,
		PublicPolicy, PreconditionNotMet, EncryptionFailed, DecryptionFailed, Internal, Validation, AccessDenied,
		Throttled, Serialization, UnknownOperation, TooLarge, InvalidSignature, IncompleteSignature,
		MissingAuthentication, UnrecognizedClient, ExpiredToken, ClaimLost, Busy,
	}
}

// Error is an error with a code. Message is for the caller and is AWS's own
// sentence where it has one. Op, Secret and Err are for the log. None of
// them ever holds a value.
type Error struct {
	Code    Code
	Message string
	Op      string
	Secret  string // name or ARN
	Hint    string // what to do next
	Err     error  // the cause
}

// E makes an Error with a message for the caller.
func E(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = string(e.Code)
	}
	if where := strings.TrimSpace(e.Op + " " + e.Secret); where != "" {
		s = where + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, code) true.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// CodeOf returns the code of err: Internal if it has none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return Internal
}
