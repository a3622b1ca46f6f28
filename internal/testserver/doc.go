// Package testserver starts real servers for tests, from Debian's packages,
// on free ports of loopback and in folders of their own. A server ends with
// its test. One that is not installed fails the test with the command that
// installs it; it never skips.
package testserver
