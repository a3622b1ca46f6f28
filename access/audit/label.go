package audit

import "time"

// LabelEvent is what Amazon EventBridge is told when a staging label other
// than AWSPENDING and AWSPREVIOUS is put on a version: "Secret Label Updated"
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html).
type LabelEvent struct {
	ID              string // a UUID
	Time            time.Time
	Account, Region string
	ARN, Name       string // of the secret
	Label           string
	Version         string // that has the label now
}

// AppendJSON appends the event as one JSON object without a newline.
func (e LabelEvent) AppendJSON(b []byte) []byte {
	b = append(b, `{"version":"0"`...)
	b = appendMember(b, "id", e.ID)
	b = appendMember(b, "detail-type", "Secret Label Updated")
	b = appendMember(b, "source", "aws.secretsmanager")
	b = appendMember(b, "account", e.Account)
	b = appendTime(appendName(b, "time"), e.Time)
	b = appendMember(b, "region", e.Region)
	b = append(b, `,"resources":[`...)
	b = appendText(b, e.ARN)
	b = append(b, `],"detail":{`...)
	b = appendMember(b, "name", e.Name)
	b = appendMember(b, "labelUpdated", e.Label)
	b = appendMember(b, "versionId", e.Version)
	return append(b, '}', '}')
}
