package httpapi

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// The classes of characters that a generated value may be made of.
var classes = map[string]string{
	"lower":  "abcdefghijklmnopqrstuvwxyz",
	"upper":  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"digit":  "0123456789",
	"symbol": "!#$%&*+-.:=?@^_~",
}

// minEntropyBits is the least that a generated value must be worth.
const minEntropyBits = 128

// generator makes the values that rota chooses.
type generator struct {
	length int
	sets   []string // one character of each is always there
}

func (g *generator) alphabet() string { return strings.Join(g.sets, "") }

func (g *generator) check() error {
	if g.length > 4096 {
		return errors.New("length is more than 4096")
	}
	for _, set := range g.sets {
		if set == "" {
			return errors.New("exclude leaves nothing of a class")
		}
	}
	if bits := float64(g.length) * math.Log2(float64(len(g.alphabet()))); len(g.sets) == 0 || bits < minEntropyBits {
		return fmt.Errorf("makes values that could be guessed: less than %d bits of randomness", minEntropyBits)
	}
	return nil
}

// make draws whole values until one has a character of every class; patching
// one up would skew it.
func (g *generator) make(r io.Reader) (string, error) {
	for range 1000 {
		b := make([]byte, g.length)
		for i := range b {
			c, err := draw(r, g.alphabet())
			if err != nil {
				return "", err
			}
			b[i] = c
		}
		if g.complete(string(b)) {
			return string(b), nil
		}
	}
	return "", errors.New("randomness: a thousand draws without a character of every class")
}

func (g *generator) complete(s string) bool {
	for _, set := range g.sets {
		if !strings.ContainsAny(s, set) {
			return false
		}
	}
	return true
}

// draw takes one character, every one equally likely.
func draw(r io.Reader, alphabet string) (byte, error) {
	if r == nil {
		return 0, errNoRand
	}
	limit := 256 - 256%len(alphabet)
	var b [1]byte
	for range 1000 {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, fmt.Errorf("randomness: %w", err)
		}
		if int(b[0]) < limit {
			return alphabet[int(b[0])%len(alphabet)], nil
		}
	}
	return 0, errors.New("randomness: a thousand bytes without a usable one")
}

// spoil makes another value of the same shape: letters for letters, digits
// for digits, the rest as it was. A value too short to be surely another
// becomes a long one.
func spoil(r io.Reader, s string) (string, error) {
	const enough = 12
	changed := 0
	b := []byte(s)
	for i, c := range b {
		for _, set := range []string{classes["lower"], classes["upper"], classes["digit"]} {
			if strings.IndexByte(set, c) < 0 {
				continue
			}
			drawn, err := draw(r, set)
			if err != nil {
				return "", err
			}
			b[i] = drawn
			changed++
		}
	}
	if changed >= enough && string(b) != s {
		return string(b), nil
	}
	all := &generator{length: 32, sets: []string{classes["lower"], classes["upper"], classes["digit"]}}
	return all.make(r)
}
