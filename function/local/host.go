package local

import (
	"io"
	"log"
	"time"
)

// Host is what all processes of functions on this machine have in common.
type Host struct {
	// Keeper is the program that becomes the keepers: its main must begin
	// with Keep. "" is this one.
	Keeper string
	// User is who the functions run as; nil: the user that rota runs as.
	// Only root may name another. It must be able to read their folders.
	User *User
	// Cgroup is a folder of cgroup v2 in which groups may be made; "": none,
	// and memory is watched.
	Cgroup string
	Now    func() time.Time
	NewID  func() string // ids of invocations and processes: UUIDs
}

// User is a user of the system with all its groups.
type User struct {
	UID, GID uint32
	Groups   []uint32 `json:",omitempty"`
}

// Spec is one process of a function.
type Spec struct {
	ID       string // of the process; the host gives one if it is ""
	Name     string
	ARN      string
	Argv     []string // a program without a slash is looked for in the function's PATH; one with a slash is relative to the folder
	Folder   string   // absolute: its working directory, and LAMBDA_TASK_ROOT
	Handler  string
	Env      []string      // NAME=value, its own
	Timeout  time.Duration // of one invocation
	Memory   int64         // bytes, of all its processes together
	Region   string
	Endpoint string  // of Secrets Manager; "": AWS's own
	Session  Session // "" for none
}

// MaxProcesses is how many processes one function may have at once.
const MaxProcesses = 256

// quiet is where servers write about connections that break.
var quiet = log.New(io.Discard, "", 0)
