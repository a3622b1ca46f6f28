// Package schedule says when a secret is to be rotated: it reads the rotation
// rules of AWS Secrets Manager and computes rotation windows from them. It is
// pure functions: no clock, no state, and everything is in UTC.
//
// A schedule comes in one of three forms: AutomaticallyAfterDays, rate(10 days)
// or cron(0 16 1,15 * ? *). Each may have a Duration, the length of the window
// in whole hours. The rules are those of
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
// and https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html.
//
// Where those pages are silent, the rule is: refuse what they do not describe.
// A schedule that works here and is refused by AWS would be found out in
// production; one that is refused here is found out when it is typed, with a
// text that says what to write instead. Parts that they describe may be
// combined where that leaves no doubt (*/2, SUN#1,SUN#3), and names may be in
// small letters.
package schedule
