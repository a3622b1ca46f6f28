// Package trail brings what the store has to tell to where it is read: the
// audit log, and the log of events.
//
// What a commit has to tell is a row of the store's outbox, written with it.
// The trail moves the rows to the logs in their order and removes them once
// they are on the disk. After a crash it asks the logs which of the rows they
// have, so that nothing is lost and nothing is there twice.
package trail
