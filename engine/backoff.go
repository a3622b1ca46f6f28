package engine

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	firstDelay = time.Second
	longDelay  = 5 * time.Minute
	// MaxAttempts ends the retries of one rotation: with the delays between
	// them that is ten to twenty minutes. Then the attempt is resolved, and
	// the store plans a fresh one in the hours of the window.
	MaxAttempts = 12
	// maxAsked bounds the wait that a provider may ask for.
	maxAsked = time.Hour
)

// delay is the wait before the attempt that follows the given number of
// failed ones: doubling, with up to half of it taken off at random so that
// what failed together does not come back together.
func delay(failed int, asked time.Duration, rand io.Reader) time.Duration {
	d := min(firstDelay<<min(max(failed-1, 0), 20), longDelay)
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err == nil {
		d -= time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d/2))
	}
	return max(d, min(asked, maxAsked))
}
