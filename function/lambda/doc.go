// Package lambda is the second home of the rotation handler: AWS Lambda. The
// same handler that rota serve runs in process is the rotation function of AWS
// Secrets Manager here; secrets are behind its real API, and the timer of an
// ending is a one-time schedule of EventBridge Scheduler.
//
// What the ledger is in rota serve, the staging labels are here:
//
//   - rota-ends-<time>-<version> is the ending of an old credential, put before
//     AWSCURRENT moves.
//   - rota-ends-next-<version> is on every other version whose credential may
//     be alive, also on those that are AWSCURRENT or AWSPENDING: where a
//     rotation is given up, or a person moves AWSCURRENT away, the version is
//     not purged, and the next rotation ends its credential.
//   - rota-working is held by the version that setSecret or expireSecret works
//     on, so that the two never work on one secret at once.
//
// What only the ledger knows is not known here: evidence, and what was proven
// when. The lines of the log have it.
package lambda
