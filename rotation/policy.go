package rotation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PolicyKind is when an old credential ends.
type PolicyKind string

// The kinds of policy.
const (
	Immediately  PolicyKind = "immediately"
	After        PolicyKind = "after"
	NextRotation PolicyKind = "next-rotation"
)

// Policy decides when the old credential ends. It is read at finishSecret
// and fixed then.
type Policy struct {
	Kind  PolicyKind
	After time.Duration // with After
}

// DefaultPolicy lets every reader that looks once a day move in time.
func DefaultPolicy() Policy { return Policy{Kind: After, After: 24 * time.Hour} }

// ParsePolicy reads "immediately", "after <duration>" or "next-rotation". A
// duration is a whole number and s, m, h or d.
func ParsePolicy(s string) (Policy, error) {
	words := strings.Fields(s)
	switch {
	case len(words) == 1 && words[0] == string(Immediately):
		return Policy{Kind: Immediately}, nil
	case len(words) == 1 && words[0] == string(NextRotation):
		return Policy{Kind: NextRotation}, nil
	case len(words) == 2 && words[0] == string(After):
		d, err := ParseDuration(words[1])
		if err != nil {
			return Policy{}, err
		}
		return Policy{Kind: After, After: d}, nil
	case len(words) > 0 && words[0] == "when-unused":
		return Policy{}, errors.New("the policy when-unused is not in this release; use immediately, next-rotation or after <duration>, for example after 24h")
	}
	return Policy{}, fmt.Errorf("%q is no expiry policy; use immediately, next-rotation or after <duration>, for example after 24h", s)
}

// String is the text that ParsePolicy reads.
func (p Policy) String() string {
	if p.Kind == After {
		return string(After) + " " + formatDuration(p.After)
	}
	return string(p.Kind)
}

// End is when a credential superseded at the time finished may end; zero for
// next-rotation.
func (p Policy) End(finished time.Time) time.Time {
	switch p.Kind {
	case After:
		return finished.Add(p.After)
	case NextRotation:
		return time.Time{}
	}
	return finished
}

// maxDuration keeps times far from overflow; nobody overlaps for longer.
const maxDuration = 10 * 365 * 24 * time.Hour

var units = []struct {
	letter byte
	unit   time.Duration
}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// ParseDuration reads a whole number and s, m, h or d: "90s", "24h", "7d".
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no duration; write a whole number and s, m, h or d, for example 24h", s)
	if len(s) < 2 {
		return 0, bad
	}
	for _, u := range units {
		if s[len(s)-1] != u.letter {
			continue
		}
		digits := s[:len(s)-1]
		if strings.Trim(digits, "0123456789") != "" {
			return 0, bad
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n > int64(maxDuration/u.unit) {
			return 0, fmt.Errorf("the duration %q is too long; ten years is the most", s)
		}
		return time.Duration(n) * u.unit, nil
	}
	return 0, bad
}

// formatDuration writes one day as 24h, as people and the docs say it.
func formatDuration(d time.Duration) string {
	for _, u := range units {
		if d%u.unit == 0 && d >= u.unit && (u.letter != 'd' || d > u.unit) {
			return strconv.FormatInt(int64(d/u.unit), 10) + string(u.letter)
		}
	}
	return "0s"
}
