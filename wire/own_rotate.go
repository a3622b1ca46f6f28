package wire

import "encoding/json"

// RotateInput sets rotation up and begins one as a whole (rota.Rotate): the
// settings change and an attempt is given up only if the rotation begins, and
// nothing changes if it does not. It is what TagResource, UntagResource,
// UpdateSecretVersionStage and RotateSecret do, and takes the rights of those
// of them that it needs. Settings are the secret's tags rota:KEY.
type RotateInput struct {
	SecretId           string
	Tags               []Tag              `json:",omitempty"` // set before
	TagKeys            []string           `json:",omitempty"` // taken off before
	GiveUpVersionId    string             `json:",omitempty"` // loses AWSPENDING: its attempt is given up
	ClientRequestToken string             `json:",omitempty"`
	RotationLambdaARN  string             `json:",omitempty"`
	RotationRules      *RotationRulesType `json:",omitempty"`
	RotateImmediately  *bool              `json:",omitempty"` // nil: true
}

// RotateOutput is what RotateSecret answers.
type RotateOutput struct{ ARN, Name, VersionId string }

// Call is a call of one of AWS's operations.
type Call struct {
	Operation string
	Body      []byte
}

// Calls are the calls that a rotation is made of, in their order. Tags are set
// before others are taken off, so that a setting can make room for another.
func (in RotateInput) Calls() (calls []Call) {
	add := func(operation string, members map[string]any) {
		members["SecretId"] = in.SecretId
		body, _ := json.Marshal(members) // text, flags and lists of them always encode
		calls = append(calls, Call{operation, body})
	}
	if len(in.Tags) > 0 {
		add("TagResource", map[string]any{"Tags": in.Tags})
	}
	if len(in.TagKeys) > 0 {
		add("UntagResource", map[string]any{"TagKeys": in.TagKeys})
	}
	if in.GiveUpVersionId != "" {
		add("UpdateSecretVersionStage", map[string]any{"VersionStage": "AWSPENDING", "RemoveFromVersionId": in.GiveUpVersionId})
	}
	rotate := map[string]any{"ClientRequestToken": in.ClientRequestToken}
	if in.RotationLambdaARN != "" {
		rotate["RotationLambdaARN"] = in.RotationLambdaARN
	}
	if r := in.RotationRules; r != nil {
		rules := map[string]any{}
		if r.AutomaticallyAfterDays != nil {
			rules["AutomaticallyAfterDays"] = *r.AutomaticallyAfterDays
		}
		if r.Duration != "" {
			rules["Duration"] = r.Duration
		}
		if r.ScheduleExpression != "" {
			rules["ScheduleExpression"] = r.ScheduleExpression
		}
		rotate["RotationRules"] = rules
	}
	if in.RotateImmediately != nil {
		rotate["RotateImmediately"] = *in.RotateImmediately
	}
	add("RotateSecret", rotate)
	return calls
}
