package postgres

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// The character classes of GetRandomPassword
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html).
var classes = [...]string{
	"abcdefghijklmnopqrstuvwxyz",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"0123456789",
	"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}

// minBits is the least entropy that a rule for passwords may leave.
const minBits = 64

// passwordRule says how passwords are made.
type passwordRule struct {
	length   int
	classes  []string // without the excluded characters; an emptied class is not required
	alphabet string
}

func newPasswordRule(length int, exclude string) (passwordRule, error) {
	p := passwordRule{length: length}
	for _, c := range classes {
		c = strings.Map(func(r rune) rune {
			if strings.ContainsRune(exclude, r) {
				return -1
			}
			return r
		}, c)
		if c != "" {
			p.classes = append(p.classes, c)
			p.alphabet += c
		}
	}
	bits := 0.0
	if p.alphabet != "" {
		bits = float64(length) * math.Log2(float64(len(p.alphabet)))
	}
	if bits < minBits {
		return passwordRule{}, fmt.Errorf(
			"%d of the %d characters left by %s make a password that can be guessed: raise %s or exclude fewer",
			length, len(p.alphabet), settingExclude, settingLength)
	}
	return p, nil
}

// generate draws a password in which every class occurs, each such password
// equally likely: whole passwords are drawn until one has them all.
func (p passwordRule) generate(random io.Reader) (string, error) {
	// At 10 characters of all classes well over half of the draws fit: a
	// thousand in a row that do not mean a source that is not random.
	for range 1000 {
		s, err := p.draw(random)
		if err != nil {
			return "", err
		}
		if p.complete(s) {
			return s, nil
		}
	}
	return "", errors.New("make a password: the source of randomness does not vary")
}

// draw takes bytes that fit into a whole number of alphabets and drops the
// rest, so that no character is favoured.
func (p passwordRule) draw(random io.Reader) (string, error) {
	n := len(p.alphabet)
	limit := 256 - 256%n
	out := make([]byte, 0, p.length)
	buf := make([]byte, p.length)
	for len(out) < p.length {
		if _, err := io.ReadFull(random, buf[:p.length-len(out)]); err != nil {
			return "", fmt.Errorf("make a password: read randomness: %w", err)
		}
		for _, b := range buf[:p.length-len(out)] {
			if int(b) < limit {
				out = append(out, p.alphabet[int(b)%n])
			}
		}
	}
	return string(out), nil
}

func (p passwordRule) complete(s string) bool {
	for _, c := range p.classes {
		if !strings.ContainsAny(s, c) {
			return false
		}
	}
	return true
}
