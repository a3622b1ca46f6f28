package store

import (
	"strings"

	"github.com/rotahq/rota"
)

// AWS's sentences that more than one operation uses
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors).
const (
	msgNotFound      = "Secrets Manager can't find the specified secret."
	msgNoLabelValue  = "Secrets Manager can't find the specified secret value for staging label: %s"
	msgNoVersion     = "Secrets Manager can't find the specified secret value for VersionId: %s"
	msgBadName       = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
	msgMarkedDeleted = "You can't perform this operation on the secret because it was marked for deletion."
	msgTokenUsed     = "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s."
	msgNoToken       = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
	msgNoValue       = "You must provide either SecretString or SecretBinary."
	msgReplica       = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
)

// ref is a SecretId taken apart.
type ref struct {
	account, region string
	name            string
	suffix          string // "" for a name or an ARN without the suffix
}

// maxName is the length of the longest name
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
const maxName = 512

// partition is that of every ARN here.
const partition = "aws"

// validName says whether the text could name a secret. A "!" is only in
// names that AWS services make; such names can be looked up and not created.
func validName(s string, create bool) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-/_+=.@", r):
		case r == '!' && !create:
		default:
			return false
		}
	}
	return true
}

// cutSuffix takes the six characters off the end of an ARN, if it has them.
func cutSuffix(s string) (name, suffix string) {
	dash := len(s) - 7
	if dash < 1 || s[dash] != '-' || strings.Trim(s[dash+1:], suffixAlphabet) != "" {
		return s, ""
	}
	return s[:dash], s[dash+1:]
}

// parseID reads a SecretId: a name, an ARN, or an ARN without the six
// characters at its end. As on AWS, an ARN whose name ends like a suffix is
// taken for a complete one. A request is answered by the region that it was
// signed for: an ARN of another one, or of another partition, names nothing there.
func parseID(c rota.Caller, id string) (ref, error) {
	if !strings.HasPrefix(id, "arn:") {
		if !validName(id, false) {
			return ref{}, rota.E(rota.Validation, msgBadName)
		}
		return ref{account: c.Account, region: c.Region, name: id}, nil
	}
	p := strings.SplitN(id, ":", 7)
	if len(p) != 7 || p[1] != partition || p[2] != "secretsmanager" || p[5] != "secret" || p[3] != c.Region {
		return ref{}, rota.E(rota.NotFound, msgNotFound)
	}
	name, suffix := cutSuffix(p[6])
	if !validName(name, false) {
		return ref{}, rota.E(rota.NotFound, msgNotFound) // no secret can have that name
	}
	return ref{account: p[4], region: p[3], name: name, suffix: suffix}, nil
}

// seek returns the secret that the caller means, and asks nobody if it may be
// seen. One that was deleted with force is found by its ARN, and only under a
// claim on it.
func (x *session) seek(id string) (SecretRow, error) {
	r, err := parseID(x.c, id)
	if err != nil {
		return SecretRow{}, err
	}
	if x.c.Claim.Held() {
		s, ok, err := x.tx.Secret(x.c.Claim.Secret)
		if err != nil {
			return SecretRow{}, err
		}
		if ok && s.ARN() == id {
			return s, nil
		}
	}
	s, ok, err := x.tx.SecretByName(r.account, r.region, r.name)
	if err != nil {
		return SecretRow{}, err
	}
	if !ok || r.suffix != "" && r.suffix != s.Suffix {
		return SecretRow{}, rota.E(rota.NotFound, msgNotFound)
	}
	return s, nil
}
