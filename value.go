package rota

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Kind says in which member of the API a value travels.
type Kind uint8

// A version without a value (the empty AWSPENDING placeholder that a rotation
// starts with) has KindNone.
const (
	KindNone   Kind = 0
	KindString Kind = 1 // SecretString
	KindBinary Kind = 2 // SecretBinary
)

// MaxValueBytes is the largest value a version may hold
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxValueBytes = 65536

// hidden is what a value looks like to everything that prints.
const hidden = "[secret]"

// errWriteValue is what every encoder gets: writing a value out is explicit,
// through Reveal, so that each place that does it can be found by that name.
var errWriteValue = errors.New("rota: a secret value does not encode itself; call Reveal where it is meant")

// Value is a secret value. It cannot print itself: every fmt verb and every
// logger shows "[secret]", and every encoder gets an error. The bytes live
// in a closure, because a struct over bytes or strings is still printed by
// reflection where it sits in somebody's unexported field.
//
// The zero Value is "no value". A Value never changes.
type Value struct {
	kind   Kind
	reveal func() []byte
}

// StringValue returns a value that travels as SecretString.
func StringValue(s string) Value {
	b := []byte(s)
	return Value{KindString, func() []byte { return b }}
}

// BinaryValue returns a value that travels as SecretBinary. It copies b.
func BinaryValue(b []byte) Value {
	c := bytes.Clone(b)
	return Value{KindBinary, func() []byte { return c }}
}

// NewValue returns a value of the given kind. It copies b.
func NewValue(k Kind, b []byte) Value {
	if k == KindNone {
		return Value{}
	}
	c := bytes.Clone(b)
	return Value{k, func() []byte { return c }}
}

// Kind says whether the value is a string, binary, or absent.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return v.kind == KindNone }

// Len is the length in bytes, 0 when there is no value.
func (v Value) Len() int {
	if v.reveal == nil {
		return 0
	}
	return len(v.reveal())
}

// Reveal returns a copy of the bytes. It is the only way out of a Value.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return bytes.Clone(v.reveal())
}

// Equal compares kind and bytes. The time it takes depends on the lengths
// only.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	if v.kind == KindNone {
		return true
	}
	return subtle.ConstantTimeCompare(v.reveal(), w.reveal()) == 1
}

// Format prints "[secret]" for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue makes slog print "[secret]".
func (Value) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText refuses: JSON keys, XML, YAML and flag encoders end here.
func (Value) MarshalText() ([]byte, error) { return nil, errWriteValue }

// MarshalJSON refuses.
func (Value) MarshalJSON() ([]byte, error) { return nil, errWriteValue }

// MarshalBinary refuses.
func (Value) MarshalBinary() ([]byte, error) { return nil, errWriteValue }

// GobEncode refuses.
func (Value) GobEncode() ([]byte, error) { return nil, errWriteValue }
