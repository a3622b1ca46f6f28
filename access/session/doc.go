// Package session knows who calls: the principals with their access keys and
// policies, as the store has them, and the temporary credentials that are
// issued for them. It is what the verifier of signatures and the evaluator of
// policies ask at each request.
//
// In process, [Directory.IssueSession] makes temporary credentials: the engine
// and the functions that it starts get theirs here.
//
//	creds, err := directory.IssueSession(ctx, session.Request{
//		Principal: session.FunctionRole(account), // exists from the first start on
//		Policy:    session.Allow([]string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}, secretARN),
//		Claim:     claim, // writes are accepted only while its number is the secret's
//		Duration:  5 * time.Minute,
//	})
//	// creds.AccessKeyID, creds.Secret, creds.Token: AWS_ACCESS_KEY_ID,
//	// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the function.
//
// # Temporary credentials are not rows
//
// The session token is the session: principal, expiry, policy, claim and the
// secret half of its key, sealed under a key that is derived from the sealing
// key. So issuing costs no commit, verifying no read of the database, nothing
// has to be swept up, every node that has the sealing key accepts them, and a
// restart does not end them. What a row would give, an end before their time,
// they have all the same: they are worth nothing while their principal is
// disabled or after it was deleted (a new one of the same name is another),
// nor once the access key that asked for them is inactive or deleted.
//
// # The cache
//
// Principals and keys, but never a value of a secret, are kept in memory: all
// of them, so that an unknown key id costs what a known one costs, and no read.
// A commit that changes a principal counts before it is acknowledged.
package session
