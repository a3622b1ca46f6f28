package postgres

import (
	"errors"
	"fmt"
	"io"

	"github.com/rotahq/rota/internal/password"
)

// minBits is the least entropy that a rule for passwords may leave.
const minBits = 64

// newPasswordRule says how passwords are made. A class that exclude leaves
// nothing of is not required.
func newPasswordRule(length int, exclude string) (password.Rule, error) {
	rule := password.Rule{
		Length:  length,
		Classes: password.Exclude(exclude, password.Lower, password.Upper, password.Digits, password.Punctuation),
	}
	if rule.Bits() < minBits {
		return password.Rule{}, fmt.Errorf(
			"%d of the %d characters left by %s make a password that can be guessed: raise %s or exclude fewer",
			length, len(rule.Alphabet()), settingExclude, settingLength)
	}
	return rule, nil
}

// generate draws a password in which every class occurs.
func generate(rule password.Rule, random io.Reader) (string, error) {
	s, err := rule.DrawEach(random)
	switch {
	case errors.Is(err, password.ErrStuck):
		return "", fmt.Errorf("make a password: %w", err)
	case err != nil:
		return "", fmt.Errorf("make a password: read randomness: %w", err)
	}
	return s, nil
}
