package audit

import "time"

// Event is one event in CloudTrail's shape.
type Event struct {
	ID        string // a UUID
	RequestID string
	Name      string // of the operation, or of what happened
	Source    string // Source or OwnSource
	Type      string // APICall or ServiceEvent
	Time      time.Time
	Account   string // that the event is told to
	Region    string
	Identity  Identity
	SourceIP  string
	UserAgent string
	ReadOnly  bool

	ErrorCode    string // "" for success
	ErrorMessage string // never a value

	Request    Members // requestParameters
	Response   Members // responseElements
	Additional Members // additionalEventData
	ARN        string  // the secret that it is about; "" if that is not known
	TLS        TLS
}

// Identity is who asked.
type Identity struct {
	Type        string // IAMUser, Role, AssumedRole, Root; Unknown for a request without a valid signature
	ARN         string
	AccountID   string
	AccessKeyID string
	UserName    string
	InvokedBy   string
}

// TLS is how a request was protected; the zero TLS is not at all.
type TLS struct{ Version, CipherSuite string }

const (
	// Source is the event source of the operations of AWS's API.
	Source = "secretsmanager.amazonaws.com"
	// OwnSource is that of what only rota has.
	OwnSource = "rota"
	// APICall is the type of a call.
	APICall = "AwsApiCall"
	// ServiceEvent is the type of what no caller asked for: a turn of a
	// rotation, a deletion that is over
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-cloudtrail.html).
	ServiceEvent = "AwsServiceEvent"
)

// What somebody else chooses is cut to these lengths in bytes.
const (
	maxUserAgent = 256
	maxMessage   = 1024
)

// AppendJSON appends the event as one JSON object without a newline.
func (e Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"eventVersion":"1.11","userIdentity":`...)
	b = e.Identity.append(b)
	b = appendTime(appendName(b, "eventTime"), e.Time)
	b = appendMember(b, "eventSource", e.Source)
	b = appendMember(b, "eventName", e.Name)
	b = appendMember(b, "awsRegion", e.Region)
	b = appendMember(b, "sourceIPAddress", e.SourceIP)
	b = appendOptional(b, "userAgent", cut(e.UserAgent, maxUserAgent))
	b = appendOptional(b, "errorCode", e.ErrorCode)
	b = appendOptional(b, "errorMessage", cut(e.ErrorMessage, maxMessage))
	b = e.Request.append(appendName(b, "requestParameters"))
	b = e.Response.append(appendName(b, "responseElements"))
	if e.Additional.b != nil {
		b = e.Additional.append(appendName(b, "additionalEventData"))
	}
	b = appendMember(b, "requestID", e.RequestID)
	b = appendMember(b, "eventID", e.ID)
	b = appendFlag(b, "readOnly", e.ReadOnly)
	if e.ARN != "" {
		b = append(b, `,"resources":[{`...)
		b = appendMember(b, "accountId", e.Account)
		b = appendMember(b, "type", "AWS::SecretsManager::Secret")
		b = appendMember(b, "ARN", e.ARN)
		b = append(b, `}]`...)
	}
	b = appendMember(b, "eventType", e.Type)
	b = append(b, `,"managementEvent":true`...)
	b = appendMember(b, "recipientAccountId", e.Account)
	b = append(b, `,"eventCategory":"Management"`...)
	if e.TLS != (TLS{}) {
		b = append(b, `,"tlsDetails":{`...)
		b = appendMember(b, "tlsVersion", e.TLS.Version)
		b = appendMember(b, "cipherSuite", e.TLS.CipherSuite)
		b = append(b, '}')
	}
	return append(b, '}')
}

func (i Identity) append(b []byte) []byte {
	b = append(b, '{')
	b = appendOptional(b, "type", i.Type)
	b = appendOptional(b, "arn", i.ARN)
	b = appendOptional(b, "accountId", i.AccountID)
	b = appendOptional(b, "accessKeyId", i.AccessKeyID)
	b = appendOptional(b, "userName", i.UserName)
	b = appendOptional(b, "invokedBy", i.InvokedBy)
	return append(b, '}')
}

// Service is an event that no caller asked for. run names what it is a turn
// of, why is its errorMessage, "" for none; it must hold no value.
func Service(id, run, name string, at time.Time, account, region, arn, why string) Event {
	e := Event{
		ID: id, RequestID: "Rotation-" + arn + "-" + run, Name: name, Source: Source, Type: ServiceEvent, Time: at,
		Account: account, Region: region, ARN: arn, Identity: Identity{AccountID: account, InvokedBy: Source},
		SourceIP: Source, UserAgent: Source, ErrorMessage: why,
	}
	e.Additional.Text("SecretId", arn)
	return e
}
