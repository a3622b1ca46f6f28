// Package e2e holds the tests that drive the built program from outside, as
// a user does: the binary, over the wire, against real servers. It has no
// code of its own.
package e2e
