package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/password"
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
)

// GetRandomPassword makes a password; it keeps nothing. A kind of character
// that ExcludeCharacters leaves nothing of is not required
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html).
func (s *Store) GetRandomPassword(_ context.Context, c rota.Caller, in GetRandomPasswordInput) (v rota.Value, err error) {
	const op = "GetRandomPassword"
	if err = permit(c, op); err == nil {
		v, err = s.password(in)
	}
	return v, wrap(op, "", err)
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
		{password.Lower, !in.ExcludeLowercase},
		{password.Upper, !in.ExcludeUppercase},
		{password.Digits, !in.ExcludeNumbers},
		{password.Punctuation, !in.ExcludePunctuation},
		{password.Space, in.IncludeSpace},
	} {
		if c.take {
			classes = append(classes, c.set)
		}
	}
	rule := password.Rule{Length: int(n), Classes: password.Exclude(in.ExcludeCharacters, classes...)}
	if len(rule.Classes) == 0 {
		return rota.Value{}, rota.E(rota.InvalidParameter, "The password can't be made because every character is excluded.")
	}
	draw := rule.Draw
	if in.RequireEachIncludedType == nil || *in.RequireEachIncludedType {
		if rule.Length < len(rule.Classes) {
			return rota.Value{}, rota.E(rota.InvalidParameter, "Password length is too short based on the required types.")
		}
		draw = rule.DrawEach
	}
	text, err := draw(s.cfg.Rand)
	switch {
	case errors.Is(err, password.ErrStuck):
		return rota.Value{}, err
	case err != nil:
		return rota.Value{}, fmt.Errorf("read randomness: %w", err)
	}
	return rota.StringValue(text), nil
}
