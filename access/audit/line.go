package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
)

// A line is written and read by hand, byte for byte: what is hashed must have
// one form only.
const (
	lineSequence = `{"sequence":`
	linePrevious = `,"previous":"`
	lineSynced   = `","synced":`
	lineEvent    = `,"event":`
	lineHash     = `,"hash":"`
	lineEnd      = `"}`

	hashLen = 2 * sha256.Size
	tailLen = len(lineHash) + hashLen + len(lineEnd)
)

// beginning is the previous hash of the first line of all.
var beginning = string(bytes.Repeat([]byte{'0'}, hashLen))

// line is a line of the log.
type line struct {
	sequence uint64
	previous string // the hash of the line before it
	synced   uint64 // all lines up to this one were on the disk before this one was written
	event    []byte
	hash     string
}

// appendLine appends a line without its newline, and returns its hash.
func appendLine(b []byte, sequence uint64, previous string, synced uint64, event []byte) (_ []byte, hash string) {
	start := len(b)
	b = append(b, lineSequence...)
	b = strconv.AppendUint(b, sequence, 10)
	b = append(b, linePrevious...)
	b = append(b, previous...)
	b = append(b, lineSynced...)
	b = strconv.AppendUint(b, synced, 10)
	b = append(b, lineEvent...)
	b = append(b, event...)
	hash = hashOf(b[start:])
	b = append(b, lineHash...)
	b = append(b, hash...)
	return append(b, lineEnd...), hash
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var (
	errForm = errors.New("it is not a line of this log")
	errHash = errors.New("it is not what was written: its hash is another")
)

// parseLine reads a line without its newline. A line that it takes is, byte
// for byte, the one that appendLine writes.
func parseLine(b []byte) (l line, err error) {
	if len(b) < tailLen {
		return l, errForm
	}
	body, tail := b[:len(b)-tailLen], b[len(b)-tailLen:]
	rest, ok := bytes.CutPrefix(body, []byte(lineSequence))
	number, rest, found := bytes.Cut(rest, []byte(linePrevious))
	previous, rest, also := bytes.Cut(rest, []byte(lineSynced))
	synced, event, too := bytes.Cut(rest, []byte(lineEvent))
	if !ok || !found || !also || !too || len(previous) != hashLen {
		return l, errForm
	}
	if !bytes.HasPrefix(tail, []byte(lineHash)) || !bytes.HasSuffix(tail, []byte(lineEnd)) {
		return l, errForm
	}
	l = line{previous: string(previous), event: event, hash: string(tail[len(lineHash) : len(lineHash)+hashLen])}
	if hashOf(body) != l.hash {
		return line{}, errHash
	}
	var fits, fit bool
	l.sequence, fits = parseNumber(number)
	l.synced, fit = parseNumber(synced)
	if !fits || !fit || l.synced >= l.sequence || !json.Valid(event) || event[0] != '{' {
		return line{}, errForm
	}
	return l, nil
}

// parseNumber takes the one form of a number.
func parseNumber(b []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(b), 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == string(b)
}
