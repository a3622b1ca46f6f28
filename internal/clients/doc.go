// Package clients holds the tests that let AWS's own clients live the whole
// life of a secret with the built program, as docs/clients.md tells: the AWS
// CLI, boto3, the JavaScript SDK, the Go SDK and its cache. It has no code of
// its own. What is in testdata is also an example to copy from.
package clients
