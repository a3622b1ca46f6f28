// Package audit keeps the record of what was asked of the secrets, by whom,
// and what came of it: one event for each call and each turn of a rotation, in
// the shape of AWS CloudTrail's events
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
// No event can hold a secret value: what an event tells of a request is picked
// member by member from a list, and there is no way to put in a rota.Value.
//
// The log is a folder of files of JSON lines, for one writer at a time:
//
//	audit-00000000000000000001.jsonl
//	audit-00000000000000081207.jsonl
//
// named by the number of their first line. A line is
//
//	{"sequence":81207,"previous":"9f86d081…","synced":81190,"event":{…},"hash":"60303ae2…"}
//
// where hash is the SHA-256 of the line up to the comma before it, previous is
// the hash of the line before it (for the very first line 64 zeros), and
// synced is the number of the last line that was known to be on the disk when
// this one was written. The chain goes on from one file to the next, so old
// files can be moved away from the front and what is left still shows whether
// a line in it was changed, removed, added or reordered.
//
// What a chain cannot show by itself is that its end was cut off, or that all
// of it was written anew by somebody who may write the folder: for that its
// head (the last number and hash, which Verify returns) must have been noted
// elsewhere.
package audit
