package httpapi

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rotahq/rota/internal/password"
)

// The classes of characters that a generated value may be made of.
var classes = map[string]string{
	"lower":  password.Lower,
	"upper":  password.Upper,
	"digit":  password.Digits,
	"symbol": "!#$%&*+-.:=?@^_~",
}

const (
	// minEntropyBits is the least that a generated value must be worth.
	minEntropyBits = 128

	maxGenerated = 4096
)

// newGenerator is the rule of the values that rota chooses. It comes back
// with its error too: the reader of files goes on to the next problem.
func newGenerator(length int, sets []string, exclude string) (password.Rule, error) {
	rule := password.Rule{Length: length, Classes: password.Exclude(exclude, sets...)}
	switch {
	case length > maxGenerated:
		return rule, fmt.Errorf("length is more than %d", maxGenerated)
	case len(rule.Classes) < len(sets):
		return rule, errors.New("exclude leaves nothing of a class")
	case rule.Bits() < minEntropyBits:
		return rule, fmt.Errorf("makes values that could be guessed: less than %d bits of randomness", minEntropyBits)
	}
	return rule, nil
}

// generate draws a value with a character of every class.
func generate(rule password.Rule, random io.Reader) (string, error) {
	if random == nil {
		return "", errNoRand
	}
	s, err := rule.DrawEach(random)
	switch {
	case errors.Is(err, password.ErrStuck):
		return "", errors.New("randomness: a thousand draws without a character of every class")
	case err != nil:
		return "", fmt.Errorf("randomness: %w", err)
	}
	return s, nil
}

// spoil makes another value of the same shape: letters for letters, digits
// for digits, the rest as it was. A value too short to be surely another
// becomes a long one.
func spoil(r io.Reader, s string) (string, error) {
	const enough = 12
	changed := 0
	b := []byte(s)
	alphanumeric := []string{password.Lower, password.Upper, password.Digits}
	for i, c := range b {
		for _, set := range alphanumeric {
			if strings.IndexByte(set, c) < 0 {
				continue
			}
			drawn, err := generate(password.Rule{Length: 1, Classes: []string{set}}, r)
			if err != nil {
				return "", err
			}
			b[i] = drawn[0]
			changed++
		}
	}
	if changed >= enough && string(b) != s {
		return string(b), nil
	}
	return generate(password.Rule{Length: 32, Classes: alphanumeric}, r)
}
