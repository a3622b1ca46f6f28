// Package wire is the protocol of AWS Secrets Manager, AWS JSON 1.1, as pure
// code: the shapes of its 23 operations with their server-side JSON, their
// validation in AWS's words, the one table from rota's error codes to AWS's
// errors, and Signature Version 4, both verifying and signing. It opens no
// socket, knows no store and has no routes.
//
// A server handles a request in this order: read the body, [Verifier.Verify],
// [Target], [Decode], the operation, [Encode], [Write]; or [WriteError] where
// one of them fails.
//
// # What is checked here, and what is not
//
// [Decode] checks what the service model states: required members, lengths,
// ranges, patterns and enumerations. Where AWS answers with a sentence of its
// own instead, the rule belongs to the store:
//
//   - an absent ClientRequestToken (the model does not require it; only the
//     length of one that was sent is checked here);
//   - the characters of a secret's name, in Name and in SecretId (the model
//     has no pattern for them);
//   - an empty SecretString or SecretBinary: the model says at least 1, AWS
//     answers "You must provide either SecretString or SecretBinary.", so the
//     minimum is not applied here;
//   - both values at once, RecoveryWindowInDays, tag counts and everything
//     that takes more than one member to judge.
//
// The model wins where it has a range and AWS has no recorded sentence:
// PasswordLength, MaxResults, Filters, empty lists and empty tokens.
//
// Lengths of text are counted in characters, of secret values in bytes
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
//
// # Presence
//
// A nil pointer, nil slice, nil map, empty non-pointer string, zero time and
// zero [rota.Value] are absent members, and are never written. In requests,
// text that may be empty is a *string, so that "" differs from absent.
//
// A response structure has two members for a value, SecretString and
// SecretBinary. A value is written only in the member of its own kind, so
// both may be set to the same value. Only the responses of GetSecretValue,
// BatchGetSecretValue and GetRandomPassword can hold a value at all: the
// generator refuses any other.
package wire

//go:generate go run ./gen
