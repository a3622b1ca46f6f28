// Package httpapi makes rotators out of data: a file of about forty lines in
// providers/ describes an outside HTTP API, and one interpreter reads it.
//
// The words of a file are few: request, auth, answers, pick. FORMAT.md holds
// all of them. What the interpreter keeps for every provider:
//
//   - The address comes from the admin secret or from the provider file,
//     never from the secret that is rotated: who may write that one could
//     otherwise have the admin's credential sent to a host of his own.
//   - https, unless the host is this machine or Options say otherwise; no
//     redirects, no proxy from the environment, answers of at most 1 MiB.
//   - Private networks are allowed: rota is an operator's tool, its providers
//     stand there, and the owner of the admin secret is trusted with the
//     address. Link-local addresses (169.254.0.0/16, fe80::/10), where clouds
//     keep their metadata service, are refused always.
//   - An error names rotator, verb, method, path as the file writes it, and
//     status. It holds no value, no body and no rendered address.
//   - A credential is dead only on the answer that the file lists, and only
//     after the file's proof requests were accepted at the same address.
package httpapi
