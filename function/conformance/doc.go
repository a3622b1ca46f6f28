// Package conformance is the kit that tells whether a rotation function
// survives. It plays the service's side of a rotation against any function, in
// any language: with rota's own store behind rota's own server in the place of
// AWS Secrets Manager, so that the function meets real labels and real errors,
// and with a proxy before it that loses requests and answers, throttles, and
// tells the moment at which the function is killed.
//
// Everything that can happen at a call is enumerated and not sampled: a clean
// rotation is recorded first, and each of its calls is then the one at which
// something happens ([Fault]). What must hold is the list [Rules]; a [Finding]
// names the rule that was broken and the trace that shows it. Only the provider
// knows which credentials work and which exist: see [Provider]. What could not
// be asked is reported as not checked.
//
//	report, err := conformance.Run(ctx, conformance.Config{
//		Function: conformance.InProcess(handle),
//		Value:    rota.StringValue(`{"username":"app","password":"the present one"}`),
//		Provider: conformance.Provider{Accepts: tries},
//	})
//
// For authors of a rotator in Go [Rotators] makes a function of it. There is
// package rotationtest too: a provider and a home in memory.
//
// rota function test is this package as a command; docs/conformance.md tells
// how to use it.
package conformance
