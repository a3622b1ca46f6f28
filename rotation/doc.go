// Package rotation is the rotation handler: AWS's four steps and the fifth,
// expireSecret, for every rotator. It runs in both homes: inside rota serve
// and on AWS Lambda, and sees secrets only through the Secrets Manager
// operations that a rotation function has.
package rotation
