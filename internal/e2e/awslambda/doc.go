// Package awslambda drives the built program as AWS Lambda does: a process
// under the Lambda Runtime API, with rota's own store in the place of AWS
// Secrets Manager.
package awslambda
