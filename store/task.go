package store

import (
	"time"

	"github.com/rotahq/rota"
)

// TaskKind is what a rotation row is busy with.
type TaskKind string

// The kinds. An idle task only waits for its next start.
const (
	Idle   TaskKind = ""
	Rotate TaskKind = "rotate" // the four steps towards Token
	Test   TaskKind = "test"   // testSecret alone, of RotateImmediately=false
)

// Task is the rotation row of a secret: the queue, the claim and the state of
// the attempt in one, written in the same transaction as what it guards.
type Task struct {
	Secret rota.Key
	Name   string
	ARN    string

	Kind          TaskKind
	Token         string // the version being made or tested; AWSPENDING is on it
	RotationToken string // handed to the function with every step
	Cause         string // why it runs: "schedule rate(4 hours)", "asked for by <principal>"
	Asked         bool   // by a person: does not wait for an open overlap
	Attempt       int    // attempts that failed so far
	Started       time.Time
	Touched       bool   // setSecret may have begun: the provider may know the pending value
	Resolve       bool   // given up, cancelled or deleted: the handler must resolve before it goes idle
	LastError     string // of the last attempt; never a value

	// Due is when the engine looks at it: the next attempt while busy, the
	// next scheduled start while idle. Zero: not by itself.
	Due time.Time

	Lane     string
	Capacity int      // 0: many
	Admin    rota.Key // the admin secret that its steps use; zero if none

	Claim Lease
}

// Lease is the claim as the row holds it.
type Lease struct {
	Number int64 // only grows
	Owner  string
	Use    string    // "rotate", "test", "end"
	Until  time.Time // zero when released
	Admin  rota.Key  // the admin secret that the work uses; zero if none
}

// Active reports whether somebody holds the claim at the time now.
func (l Lease) Active(now time.Time) bool { return l.Owner != "" && l.Until.After(now) }

// Work is one thing that is due, as the engine finds it. It must be read
// again under the claim.
type Work struct {
	Secret     rota.Key
	Lane       string
	Due        time.Time
	Version    string // of an ending: the version whose credential ends
	Credential string // of an ending: the ledger row; "" for a task
}

// ClaimRequest asks for the claim of a secret.
type ClaimRequest struct {
	Secret rota.Key
	Owner  string        // the node
	Use    string        // "rotate", "test", "end"; "": what the queue says is to be done
	For    time.Duration // until the claim lapses by itself
	Admin  rota.Key      // the admin secret that the work uses; zero: the one that the queue knows
}
