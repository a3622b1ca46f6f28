// Package password draws passwords: from the classes of characters of
// GetRandomPassword, without some of them, each password that a rule allows
// equally likely. It holds no limits of its own: how long and how hard to
// guess a password must be is the caller's to say, with Bits.
package password

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
)

// The classes of GetRandomPassword
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html).
const (
	Lower       = "abcdefghijklmnopqrstuvwxyz"
	Upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	Digits      = "0123456789"
	Punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	Space       = " "
)

// Exclude returns the classes without the given characters. A class that
// nothing is left of is dropped, so that no password has to have it.
func Exclude(chars string, classes ...string) []string {
	var left []string
	for _, class := range classes {
		class = strings.Map(func(r rune) rune {
			if strings.ContainsRune(chars, r) {
				return -1
			}
			return r
		}, class)
		if class != "" {
			left = append(left, class)
		}
	}
	return left
}

// Rule says what a password is made of. Classes are not empty, are ASCII and
// share no character.
type Rule struct {
	Length  int // in characters
	Classes []string
}

// Alphabet is the characters of all classes.
func (r Rule) Alphabet() string { return strings.Join(r.Classes, "") }

// Bits is the entropy of Draw. DrawEach has a little less: not one bit less
// where at least half of the draws have every class.
func (r Rule) Bits() float64 {
	n := len(r.Alphabet())
	if n == 0 {
		return 0
	}
	return float64(r.Length) * math.Log2(float64(n))
}

var (
	// ErrStuck says that very many random bytes made no password.
	ErrStuck = errors.New("the source of randomness does not vary")
	// ErrImpossible says that no password can follow the rule.
	ErrImpossible = errors.New("no password follows the rule")
)

// Draw makes a password of characters of any class. An error of random comes
// back as it is; the others are ErrStuck and ErrImpossible.
func (r Rule) Draw(random io.Reader) (string, error) {
	return r.draw(random, func([]byte) bool { return true })
}

// DrawEach is Draw for a password with a character of every class at least.
// Whole passwords are drawn until one has them all: to put a missing one in
// would favour some passwords over others.
func (r Rule) DrawEach(random io.Reader) (string, error) {
	if r.Length < len(r.Classes) {
		return "", ErrImpossible
	}
	return r.draw(random, r.complete)
}

func (r Rule) complete(password []byte) bool {
	for _, class := range r.Classes {
		if !bytes.ContainsAny(password, class) {
			return false
		}
	}
	return true
}

// draw takes bytes that fit into a whole number of alphabets and drops the
// rest, so that no character is favoured.
func (r Rule) draw(random io.Reader, enough func([]byte) bool) (string, error) {
	alphabet := r.Alphabet()
	n := len(alphabet)
	if r.Length < 1 || n < 1 || n > 256 {
		return "", ErrImpossible
	}
	fits := 256 - 256%n
	out, buf := make([]byte, 0, r.Length), make([]byte, r.Length)
	for left := r.patience(); left > 0; {
		// Never more than is missing, so that no byte is read and lost.
		missing := buf[:r.Length-len(out)]
		if _, err := io.ReadFull(random, missing); err != nil {
			return "", err
		}
		left -= len(missing)
		for _, b := range missing {
			if int(b) < fits {
				out = append(out, alphabet[int(b)%n])
			}
		}
		if len(out) < r.Length {
			continue
		}
		if enough(out) {
			return string(out), nil
		}
		out = out[:0]
	}
	return "", ErrStuck
}

// patience is how many random bytes are read before the source is called
// stuck. Of GetRandomPassword's classes the rarest success is five characters
// of punctuation and four classes with one character left each: one draw in
// 16 000, or 80 000 bytes.
func (r Rule) patience() int { return max(1<<23, 2000*r.Length) }
