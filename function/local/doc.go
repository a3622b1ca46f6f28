// Package local runs a Lambda function as a process of this machine. It
// provides the Lambda Runtime API that the function's runtime client speaks
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), so that a
// program made for Lambda runs unmodified: a Go or Rust bootstrap, Python,
// Node, anything with a runtime client.
//
// Between rota and the function stands its keeper: this same program, started
// again to do nothing else. All that the function starts, however it detaches
// itself, becomes the keeper's child when its parent is gone
// (PR_SET_CHILD_SUBREAPER, prctl(2)), so that nothing escapes it, and nothing
// of one function can be taken for another's. The keeper ends them all when
// the function ends, uses too much memory, or when rota closes the pipe
// between them, which also happens if rota is killed.
//
// What is best effort: a limit of memory without a cgroup is looked at every
// tenth of a second; and a function that runs as the same user as rota can do
// what that user can, ending its keeper or reading rota's files included.
// Run functions as a user of their own (Host.User) where that matters.
//
// It works on Linux only.
package local
