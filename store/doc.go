// Package store keeps secrets and obeys every rule that AWS Secrets Manager
// has for them: versions, staging labels, idempotency by client request
// token, deletion and restoration, rotation set-up. It also keeps what
// rotation needs beside the secrets: the queue with its claims, the
// credential ledger, the journal and the readers.
//
// All rules are here, above a small Driver, so that they are the same on
// every database. Package storetest has the suite that each driver passes.
//
// Errors are *rota.Error; messages that AWS is known to send are verbatim
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/). An
// operation that returns an error has changed nothing, with the exceptions
// that its comment names.
package store
