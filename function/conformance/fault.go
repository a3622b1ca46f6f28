package conformance

// Fault is what happens at one call of the function to the API.
type Fault string

// The faults. A function that is killed is followed by another process that
// the service sends the four steps again; one that sees an error may try again
// by itself, as AWS's SDKs do.
const (
	None         Fault = ""
	KilledBefore Fault = "killed before it was done"
	KilledAfter  Fault = "killed after it was done"
	RequestLost  Fault = "the request was lost"
	AnswerLost   Fault = "done, and the answer was lost"
	Throttled    Fault = "throttled, and each call after it"
	Failing      Fault = "an internal error, and at each call after it"
	// Overtaken: the call is held back while the service sends the same step
	// to a second process, which runs to its end; then it is done.
	Overtaken Fault = "overtaken by a second invocation"
	// Forestalled: the call is held back while a person makes another version
	// AWSCURRENT; then it is done.
	Forestalled Fault = "forestalled by a person who makes another version AWSCURRENT"
)

// holds reports whether the call is held back while something else happens.
func (f Fault) holds() bool { return f == Overtaken || f == Forestalled }

// faultsOf are what can happen at a call. A read changes nothing: whether it
// was done does not matter.
func faultsOf(c Call) []Fault {
	if c.read() {
		return []Fault{KilledBefore, Throttled}
	}
	faults := []Fault{KilledBefore, KilledAfter, RequestLost, AnswerLost, Throttled, Failing, Overtaken}
	if c.movesCurrent() {
		faults = append(faults, Forestalled)
	}
	return faults
}
