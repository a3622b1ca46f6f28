package store

import (
	"context"
	"strings"

	"github.com/rotahq/rota"
)

// GetRandomPasswordInput is the input of GetRandomPassword.
type GetRandomPasswordInput struct {
	PasswordLength          *int64 // nil: 32; 1 to 4096
	ExcludeCharacters       string
	ExcludeNumbers          bool
	ExcludePunctuation      bool
	ExcludeUppercase        bool
	ExcludeLowercase        bool
	IncludeSpace            bool
	RequireEachIncludedType *bool // nil: true
}

const (
	defaultPassword = 32
	maxPassword     = 4096
	punctuation     = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// GetRandomPassword makes a password; it keeps nothing. A kind of character
// that ExcludeCharacters leaves nothing of is not required
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html).
func (s *Store) GetRandomPassword(_ context.Context, _ rota.Caller, in GetRandomPasswordInput) (rota.Value, error) {
	v, err := s.password(in)
	return v, wrap("GetRandomPassword", "", err)
}

func (s *Store) password(in GetRandomPasswordInput) (rota.Value, error) {
	n := int64(defaultPassword)
	if in.PasswordLength != nil {
		n = *in.PasswordLength
	}
	if n < 1 || n > maxPassword {
		return rota.Value{}, rota.E(rota.Validation,
			"1 validation error detected: Value '%d' at 'passwordLength' failed to satisfy constraint: Member must have value between 1 and %d", n, maxPassword)
	}
	var classes []string
	for _, c := range []struct {
		set  string
		take bool
	}{
		{"abcdefghijklmnopqrstuvwxyz", !in.ExcludeLowercase},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", !in.ExcludeUppercase},
		{"0123456789", !in.ExcludeNumbers},
		{punctuation, !in.ExcludePunctuation},
		{" ", in.IncludeSpace},
	} {
		set := strings.Map(func(r rune) rune {
			if strings.ContainsRune(in.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, c.set)
		if c.take && set != "" {
			classes = append(classes, set)
		}
	}
	if len(classes) == 0 {
		return rota.Value{}, rota.E(rota.InvalidParameter, "The password can't be made because every character is excluded.")
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	if each && n < int64(len(classes)) {
		return rota.Value{}, rota.E(rota.InvalidParameter, "Password length is too short based on the required types.")
	}
	text, err := s.pick(classes, int(n), each)
	return rota.StringValue(text), err
}

// pick takes characters of all classes together, one of each class among
// them if so asked, in random order.
func (s *Store) pick(classes []string, n int, each bool) (string, error) {
	r, b := s.cfg.Rand, make([]byte, 0, n)
	if each {
		for _, set := range classes {
			one, err := randomText(r, set, 1)
			if err != nil {
				return "", err
			}
			b = append(b, one...)
		}
	}
	rest, err := randomText(r, strings.Join(classes, ""), n-len(b))
	if err != nil {
		return "", err
	}
	b = append(b, rest...)
	for i := range b {
		j, err := randomBelow(r, len(b)-i)
		if err != nil {
			return "", err
		}
		b[i], b[i+j] = b[i+j], b[i]
	}
	return string(b), nil
}
