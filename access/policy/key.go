package policy

import (
	"strings"
	"unicode"
)

// Key is a condition key that this server can know.
type Key uint8

// The keys that AWS Secrets Manager documents
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html),
// and the global ones that mean something here
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
// What is derived need not, and cannot, be given in a [Request].Context.
const (
	_ Key = iota

	// Of the request.
	AddReplicaRegions             // regions, one value each
	BlockPublicPolicy             // "true" or "false"
	Description                   // as in the request
	ExternalSecretRotationRoleArn // ARN
	ForceDeleteWithoutRecovery    // "true" or "false"
	ForceOverwriteReplicaSecret   // "true" or "false"
	KmsKeyArn                     // ARN
	KmsKeyId                      // as in the request
	ModifyRotationRules           // "true" or "false"
	Name                          // as in the request
	RecoveryWindowInDays          // days
	RotateImmediately             // "true" or "false"
	RotationLambdaARN             // ARN
	SecretId                      // name or ARN, as in the request
	Type                          // as in the request
	VersionId                     // as in the request
	VersionStage                  // one value for each label in the request
	RequestTag                    // Tag is the tag's key
	TagKeys                       // one value for each tag in the request

	// Of the secret.
	ResourceAllowRotationLambdaArn // ARN of the secret's rotation function
	ResourceType                   // the secret's Type
	ResourceTag                    // Tag is the tag's key; aws:ResourceTag and secretsmanager:ResourceTag
	SecretPrimaryRegion            // region
	ResourceAccount                // derived from Request.Resource

	// Of the caller.
	PrincipalAccount      // derived from Request.Principal
	PrincipalArn          // derived: the role's ARN for a session
	PrincipalIsAWSService // derived: always "false", no AWS service calls here
	PrincipalType         // derived
	TokenIssueTime        // RFC 3339; only with temporary credentials
	UserID                // the unique id; derived for root
	Username              // derived; only of IAM users

	// Of the connection.
	CurrentTime     // derived from Request.Time
	EpochTime       // derived from Request.Time
	RequestedRegion // region
	SecureTransport // "true" or "false"
	SourceAccount   // derived: absent, no AWS service calls on anybody's behalf here
	SourceArn       // derived: absent, as SourceAccount
	SourceIp        // IP address of the caller, without port
	UserAgent       // as sent
	ViaAWSService   // derived: always "false", as SourceAccount

	noKey // one past the last
)

// keyKind is what values a key has, and thereby which operators make sense.
type keyKind uint8

const (
	freeText keyKind = iota
	arnText
	boolText
	numberText
	timeText
	ipText
)

type keyInfo struct {
	name string // in AWS's spelling
	kind keyKind
	tag  bool // a prefix: a tag's key follows
	many bool // ArrayOf: needs ForAllValues or ForAnyValue
}

var keys = [noKey]keyInfo{
	AddReplicaRegions:             {name: "secretsmanager:AddReplicaRegions", many: true},
	BlockPublicPolicy:             {name: "secretsmanager:BlockPublicPolicy", kind: boolText},
	Description:                   {name: "secretsmanager:Description"},
	ExternalSecretRotationRoleArn: {name: "secretsmanager:ExternalSecretRotationRoleArn", kind: arnText},
	ForceDeleteWithoutRecovery:    {name: "secretsmanager:ForceDeleteWithoutRecovery", kind: boolText},
	ForceOverwriteReplicaSecret:   {name: "secretsmanager:ForceOverwriteReplicaSecret", kind: boolText},
	KmsKeyArn:                     {name: "secretsmanager:KmsKeyArn", kind: arnText},
	KmsKeyId:                      {name: "secretsmanager:KmsKeyId"},
	ModifyRotationRules:           {name: "secretsmanager:ModifyRotationRules", kind: boolText},
	Name:                          {name: "secretsmanager:Name"},
	RecoveryWindowInDays:          {name: "secretsmanager:RecoveryWindowInDays", kind: numberText},
	RotateImmediately:             {name: "secretsmanager:RotateImmediately", kind: boolText},
	RotationLambdaARN:             {name: "secretsmanager:RotationLambdaARN", kind: arnText},
	SecretId:                      {name: "secretsmanager:SecretId", kind: arnText},
	Type:                          {name: "secretsmanager:Type"},
	VersionId:                     {name: "secretsmanager:VersionId"},
	VersionStage:                  {name: "secretsmanager:VersionStage"},
	RequestTag:                    {name: "aws:RequestTag/", tag: true},
	TagKeys:                       {name: "aws:TagKeys", many: true},

	ResourceAllowRotationLambdaArn: {name: "secretsmanager:resource/AllowRotationLambdaArn", kind: arnText},
	ResourceType:                   {name: "secretsmanager:resource/Type"},
	ResourceTag:                    {name: "aws:ResourceTag/", tag: true},
	SecretPrimaryRegion:            {name: "secretsmanager:SecretPrimaryRegion"},
	ResourceAccount:                {name: "aws:ResourceAccount"},

	PrincipalAccount:      {name: "aws:PrincipalAccount"},
	PrincipalArn:          {name: "aws:PrincipalArn", kind: arnText},
	PrincipalIsAWSService: {name: "aws:PrincipalIsAWSService", kind: boolText},
	PrincipalType:         {name: "aws:PrincipalType"},
	TokenIssueTime:        {name: "aws:TokenIssueTime", kind: timeText},
	UserID:                {name: "aws:userid"},
	Username:              {name: "aws:username"},

	CurrentTime:     {name: "aws:CurrentTime", kind: timeText},
	EpochTime:       {name: "aws:EpochTime", kind: timeText},
	RequestedRegion: {name: "aws:RequestedRegion"},
	SecureTransport: {name: "aws:SecureTransport", kind: boolText},
	SourceAccount:   {name: "aws:SourceAccount"},
	SourceArn:       {name: "aws:SourceArn", kind: arnText},
	SourceIp:        {name: "aws:SourceIp", kind: ipText},
	UserAgent:       {name: "aws:UserAgent"},
	ViaAWSService:   {name: "aws:ViaAWSService", kind: boolText},
}

// resourceTagAlias is the service's own name of aws:ResourceTag.
const resourceTagAlias = "secretsmanager:ResourceTag/"

// isTagKey has what AWS allows in the key of a tag
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html).
// What looks like more is a slip, as a variable without the comma before its
// default value.
func isTagKey(s string) bool {
	n := 0
	for _, r := range s {
		if n++; !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return n > 0 && n <= 128
}

func (k Key) info() *keyInfo { return &keys[k] }

// String is the key in AWS's spelling; of tags, the prefix with its slash.
func (k Key) String() string {
	if k == 0 || k >= noKey {
		return "no condition key"
	}
	return keys[k].name
}

// Derived reports whether the key follows from the rest of the request, so
// that a value in its context is not looked at.
func (k Key) Derived() bool {
	switch k {
	case ResourceAccount, PrincipalAccount, PrincipalArn, PrincipalIsAWSService, PrincipalType, Username,
		CurrentTime, EpochTime, SourceAccount, SourceArn, ViaAWSService:
		return true
	}
	return false
}

// Keys lists the known condition keys in AWS's spelling, tags as prefix/tag-key.
func Keys() []string {
	var names []string
	for k := Key(1); k < noKey; k++ {
		names = append(names, shown(k))
	}
	return append(names, resourceTagAlias+"tag-key")
}

func shown(k Key) string {
	if k.info().tag {
		return k.String() + "tag-key"
	}
	return k.String()
}

// ParseKey reads a condition key as a policy names it. Names are not case
// sensitive, and neither is the key of a tag that follows
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html).
// tag is what comes after the slash of RequestTag and ResourceTag.
// A key that this server can never know is an error that lists the known ones.
func ParseKey(name string) (k Key, tag string, err error) {
	k, tag, problem := lookupKey(name)
	if problem != nil {
		return 0, "", problem.refusal(identity)
	}
	return k, tag, nil
}

func lookupKey(name string) (Key, string, *Problem) {
	for k := Key(1); k < noKey; k++ {
		info := k.info()
		if !info.tag {
			if strings.EqualFold(name, info.name) {
				return k, "", nil
			}
			continue
		}
		tag, ok := cutFold(name, info.name)
		if !ok && k == ResourceTag {
			tag, ok = cutFold(name, resourceTagAlias)
		}
		if ok {
			if !isTagKey(tag) {
				return 0, "", bad("write the key of a tag after the slash: up to 128 letters, digits, spaces and _.:/=+-@", "%s has no key of a tag", quote(name))
			}
			return k, tag, nil
		}
	}
	return 0, "", unknown("the known condition keys are "+strings.Join(Keys(), ", "), "%s is not a condition key that this server can know", quote(name))
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
