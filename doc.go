// Package rota is the vocabulary of the program: secrets, versions, staging
// labels, rotation steps, callers, credentials and the errors that all other
// packages share. It does no input or output and imports only the standard
// library.
//
// The words are those of AWS Secrets Manager wherever AWS has one
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html).
package rota
