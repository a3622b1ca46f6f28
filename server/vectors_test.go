package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/storetest"
	"github.com/rotahq/rota/wire"
)

// TestTheVectorsHoldOverTheWire: what the recorded behaviour of AWS says of
// the store is true of a client, too: the same files, each request as signed
// JSON, and each answer, error type and text read from JSON.
func TestTheVectorsHoldOverTheWire(t *testing.T) {
	open := func(t testing.TB, folder string, now func() time.Time) store.Driver {
		return testdb.Open(t, filepath.Join(folder, "rota.db"), now)
	}
	storetest.Vectors(t, open, func(w *storetest.World) storetest.API { return newOverWire(w) })
}

// overWire is a client of a server on the world's store. Each of its
// operations is one request.
type overWire struct {
	*Server
	world *storetest.World
	as    rota.Caller // on whose behalf the next request is signed
}

func newOverWire(w *storetest.World) *overWire {
	o := &overWire{world: w}
	all, err := FullAccess(storetest.Caller.Principal)
	w.Must(err)
	o.Server = New(Config{
		Store: w.Store, NewID: w.NewID, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Grants: &grants{of: map[string]Grant{storetest.Caller.Principal: all}},
		Verifier: &wire.Verifier{
			Keys: o, Now: w.Clock.Now, Services: []string{wire.Service}, Region: func(r string) bool { return slices.Contains(w.Regions(), r) },
		},
	})
	return o
}

// Key is that of whoever asks, with the claim of one who holds it.
func (o *overWire) Key(context.Context, string, string) (wire.Key, error) {
	return wire.Key{Secret: rota.StringValue(secretKey), Caller: o.as}, nil
}

// members of a request; those without a value are left out.
type members map[string]any

func (o *overWire) call(ctx context.Context, c rota.Caller, operation string, in members, out any) error {
	maps.DeleteFunc(in, func(_ string, v any) bool { return absent(v) })
	body, err := json.Marshal(in)
	o.world.Must(err)
	o.as = c
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", wire.ContentType)
	r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	wire.Sign(r, body, keyID, secretKey, c.Region, wire.Service, o.world.Clock.Now())
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		o.world.Must(json.Unmarshal(w.Body.Bytes(), out))
		return nil
	}
	var e struct {
		Type string `json:"__type"`
		Text string `json:"Message"` // encoding/json takes message as well
	}
	o.world.Must(json.Unmarshal(w.Body.Bytes(), &e))
	return rota.E(codeNamed(e.Type, e.Text), "%s", e.Text)
}

// Send brings members as they are.
func (o *overWire) Send(ctx context.Context, c rota.Caller, operation string, in map[string]any) error {
	return o.call(ctx, c, operation, in, &done{})
}

// absent is what the store's inputs have for a member that is not there.
func absent(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case *string:
		return v == nil
	case *int64:
		return v == nil
	case *bool:
		return v == nil
	case int:
		return v == 0
	case bool:
		return !v
	case []string:
		return v == nil
	case []members:
		return v == nil
	}
	return v == nil
}

// codeNamed is the code that is written as a type. Of those that share
// InvalidRequestException two have a text of their own.
func codeNamed(name, text string) rota.Code {
	var found rota.Code
	for _, c := range rota.Codes() {
		var e struct {
			Type string `json:"__type"`
			Text string `json:"Message"`
		}
		if _, body := wire.EncodeError(c); json.Unmarshal(body, &e) != nil || e.Type != name {
			continue
		}
		if e.Text == text {
			return c
		}
		if found == "" {
			found = c
		}
	}
	return found
}

// at is a time as AWS JSON writes it.
type at struct{ time.Time }

func (a *at) UnmarshalJSON(b []byte) error {
	var seconds json.Number
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	whole, part, _ := strings.Cut(seconds.String(), ".")
	ms, err := json.Number(whole + (part + "000")[:3]).Int64()
	a.Time = time.UnixMilli(ms).UTC()
	return err
}

func value(in members, v rota.Value) members {
	switch v.Kind() {
	case rota.KindString:
		in["SecretString"] = string(v.Reveal())
	case rota.KindBinary:
		in["SecretBinary"] = base64.StdEncoding.EncodeToString(v.Reveal())
	}
	return in
}

// valueRead is a value in an answer.
type valueRead struct {
	ARN, Name, VersionId string //nolint:revive // AWS's names
	SecretString         *string
	SecretBinary         []byte
	VersionStages        []rota.Label
	CreatedDate          at
}

func (r valueRead) output() store.GetSecretValueOutput {
	out := store.GetSecretValueOutput{ARN: r.ARN, Name: r.Name, VersionID: r.VersionId, VersionStages: r.VersionStages, Created: r.CreatedDate.Time}
	if r.SecretString != nil {
		out.Value = rota.StringValue(*r.SecretString)
	} else {
		out.Value = rota.BinaryValue(r.SecretBinary)
	}
	return out
}

func pairs(tags []rota.Tag) (out []members) {
	for _, t := range tags {
		out = append(out, members{"Key": t.Key, "Value": t.Value})
	}
	return out
}

func conditions(filters []store.Filter) (out []members) {
	for _, f := range filters {
		out = append(out, members{"Key": f.Key, "Values": f.Values})
	}
	return out
}

func places(regions []store.ReplicaRegion) (out []members) {
	for _, r := range regions {
		one := members{"Region": r.Region, "KmsKeyId": r.KMSKeyID}
		maps.DeleteFunc(one, func(_ string, v any) bool { return absent(v) })
		out = append(out, one)
	}
	return out
}

// replica is a region in an answer.
type replica struct {
	Region, KmsKeyId, StatusMessage string //nolint:revive // AWS's names
	Status                          rota.ReplicaStatus
	LastAccessedDate                at
}

func replicas(list []replica) (out []rota.Replica) {
	if list != nil {
		out = []rota.Replica{}
	}
	for _, r := range list {
		if r.KmsKeyId == "alias/aws/secretsmanager" { // how the wire writes that none was given
			r.KmsKeyId = ""
		}
		out = append(out, rota.Replica{Region: r.Region, KMSKeyID: r.KmsKeyId, Status: r.Status, Message: r.StatusMessage, Accessed: r.LastAccessedDate.Time})
	}
	return out
}

// done is what most answers have.
type done struct {
	ARN, Name, VersionId string //nolint:revive // AWS's names
	VersionStages        []rota.Label
	ReplicationStatus    []replica
	DeletionDate         at
	ResourcePolicy       string
}

func (o *overWire) CreateSecret(ctx context.Context, c rota.Caller, in store.CreateSecretInput) (store.CreateSecretOutput, error) {
	var out done
	err := o.call(ctx, c, "CreateSecret", value(members{
		"Name": in.Name, "ClientRequestToken": in.ClientRequestToken, "Description": in.Description, "KmsKeyId": in.KMSKeyID, "Type": in.Type,
		"Tags": pairs(in.Tags), "AddReplicaRegions": places(in.Regions), "ForceOverwriteReplicaSecret": in.Overwrite,
	}, in.Value), &out)
	return store.CreateSecretOutput{ARN: out.ARN, Name: out.Name, VersionID: out.VersionId, Replicas: replicas(out.ReplicationStatus)}, err
}

func (o *overWire) PutSecretValue(ctx context.Context, c rota.Caller, in store.PutSecretValueInput) (store.PutSecretValueOutput, error) {
	var out done
	err := o.call(ctx, c, "PutSecretValue", value(members{
		"SecretId": in.SecretID, "ClientRequestToken": in.ClientRequestToken, "VersionStages": in.VersionStages, "RotationToken": in.RotationToken,
	}, in.Value), &out)
	return store.PutSecretValueOutput{ARN: out.ARN, Name: out.Name, VersionID: out.VersionId, VersionStages: out.VersionStages}, err
}

func (o *overWire) GetSecretValue(ctx context.Context, c rota.Caller, in store.GetSecretValueInput) (store.GetSecretValueOutput, error) {
	var out valueRead
	err := o.call(ctx, c, "GetSecretValue", members{"SecretId": in.SecretID, "VersionId": in.VersionID, "VersionStage": in.VersionStage}, &out)
	if err != nil {
		return store.GetSecretValueOutput{}, err
	}
	return out.output(), nil
}

func (o *overWire) BatchGetSecretValue(ctx context.Context, c rota.Caller, in store.BatchGetSecretValueInput) (all store.BatchGetSecretValueOutput, err error) {
	var out struct {
		SecretValues []valueRead
		Errors       []struct{ SecretId, ErrorCode, Message string } //nolint:revive // AWS's names
		NextToken    string
	}
	err = o.call(ctx, c, "BatchGetSecretValue", members{"SecretIdList": in.SecretIDs, "Filters": conditions(in.Filters), "MaxResults": in.MaxResults, "NextToken": in.NextToken}, &out)
	for _, v := range out.SecretValues {
		all.Values = append(all.Values, v.output())
	}
	for _, e := range out.Errors {
		all.Errors = append(all.Errors, store.BatchError{SecretID: e.SecretId, Code: codeNamed(e.ErrorCode, e.Message), Message: e.Message})
	}
	all.NextToken = out.NextToken
	return all, err
}

func (o *overWire) UpdateSecret(ctx context.Context, c rota.Caller, in store.UpdateSecretInput) (store.UpdateSecretOutput, error) {
	var out done
	err := o.call(ctx, c, "UpdateSecret", value(members{
		"SecretId": in.SecretID, "ClientRequestToken": in.ClientRequestToken, "Description": in.Description, "KmsKeyId": in.KMSKeyID, "Type": in.Type,
	}, in.Value), &out)
	return store.UpdateSecretOutput{ARN: out.ARN, Name: out.Name, VersionID: out.VersionId}, err
}

func (o *overWire) UpdateSecretVersionStage(ctx context.Context, c rota.Caller, in store.UpdateSecretVersionStageInput) (store.UpdateSecretVersionStageOutput, error) {
	var out done
	err := o.call(ctx, c, "UpdateSecretVersionStage", members{
		"SecretId": in.SecretID, "VersionStage": in.VersionStage, "RemoveFromVersionId": in.RemoveFromVersionID, "MoveToVersionId": in.MoveToVersionID,
	}, &out)
	return store.UpdateSecretVersionStageOutput{ARN: out.ARN, Name: out.Name}, err
}

func (o *overWire) DescribeSecret(ctx context.Context, c rota.Caller, in store.DescribeSecretInput) (s rota.Secret, err error) {
	var out struct {
		ARN, Name, Description, KmsKeyId, Type, RotationLambdaARN, PrimaryRegion string //nolint:revive // AWS's names
		RotationEnabled                                                          *bool
		RotationRules                                                            struct {
			AutomaticallyAfterDays       int
			ScheduleExpression, Duration string
		}
		CreatedDate, LastChangedDate, LastAccessedDate, DeletedDate, LastRotatedDate, NextRotationDate at
		Tags                                                                                           []rota.Tag
		VersionIdsToStages                                                                             map[string][]rota.Label
		ReplicationStatus                                                                              []replica
	}
	if err := o.call(ctx, c, "DescribeSecret", members{"SecretId": in.SecretID}, &out); err != nil {
		return s, err
	}
	arn := strings.Split(out.ARN, ":")
	rules := rota.Rules{AfterDays: out.RotationRules.AutomaticallyAfterDays, Expression: out.RotationRules.ScheduleExpression, Duration: out.RotationRules.Duration}
	return rota.Secret{
		Key:  rota.Key{Account: arn[4], Region: arn[3]},
		Name: out.Name, Suffix: out.ARN[len(out.ARN)-6:], Description: out.Description, KMSKeyID: out.KmsKeyId, Type: out.Type,
		Created: out.CreatedDate.Time, Changed: out.LastChangedDate.Time, Accessed: out.LastAccessedDate.Time, DeletionDate: out.DeletedDate.Time,
		Tags: out.Tags, EverTagged: out.Tags != nil, Stages: out.VersionIdsToStages, PrimaryRegion: out.PrimaryRegion, Replicas: replicas(out.ReplicationStatus),
		Rotation: rota.Rotation{
			Configured: out.RotationEnabled != nil, Enabled: deref(out.RotationEnabled), Function: out.RotationLambdaARN, Rules: rules,
			Last: out.LastRotatedDate.Time, Next: out.NextRotationDate.Time,
		},
	}, nil
}

func (o *overWire) ListSecretVersionIds(ctx context.Context, c rota.Caller, in store.ListSecretVersionIDsInput) (list store.ListSecretVersionIDsOutput, err error) { //nolint:revive // AWS's name
	var out struct {
		ARN, Name, NextToken string
		Versions             []struct {
			VersionId     string //nolint:revive // AWS's name
			VersionStages []rota.Label
		}
	}
	err = o.call(ctx, c, "ListSecretVersionIds", members{"SecretId": in.SecretID, "MaxResults": in.MaxResults, "NextToken": in.NextToken, "IncludeDeprecated": in.IncludeDeprecated}, &out)
	list.ARN, list.Name, list.NextToken = out.ARN, out.Name, out.NextToken
	for _, v := range out.Versions {
		list.Versions = append(list.Versions, rota.Version{ID: v.VersionId, Labels: v.VersionStages})
	}
	return list, err
}

func (o *overWire) ListSecrets(ctx context.Context, c rota.Caller, in store.ListSecretsInput) (list store.ListSecretsOutput, err error) {
	var out struct {
		SecretList []struct{ Name string }
		NextToken  string
	}
	order := ""
	if in.Descending {
		order = "desc"
	}
	err = o.call(ctx, c, "ListSecrets", members{
		"Filters": conditions(in.Filters), "IncludePlannedDeletion": in.IncludePlannedDeletion, "MaxResults": in.MaxResults, "NextToken": in.NextToken,
		"SortBy": string(in.SortBy), "SortOrder": order,
	}, &out)
	list.NextToken = out.NextToken
	for _, s := range out.SecretList {
		list.Secrets = append(list.Secrets, rota.Secret{Name: s.Name})
	}
	return list, err
}

func (o *overWire) DeleteSecret(ctx context.Context, c rota.Caller, in store.DeleteSecretInput) (store.DeleteSecretOutput, error) {
	var out done
	err := o.call(ctx, c, "DeleteSecret", members{"SecretId": in.SecretID, "RecoveryWindowInDays": in.RecoveryWindowInDays, "ForceDeleteWithoutRecovery": in.ForceDeleteWithoutRecovery}, &out)
	return store.DeleteSecretOutput{ARN: out.ARN, Name: out.Name, DeletionDate: out.DeletionDate.Time}, err
}

func (o *overWire) RestoreSecret(ctx context.Context, c rota.Caller, id string) (store.RestoreSecretOutput, error) {
	var out done
	err := o.call(ctx, c, "RestoreSecret", members{"SecretId": id}, &out)
	return store.RestoreSecretOutput{ARN: out.ARN, Name: out.Name}, err
}

func (o *overWire) TagResource(ctx context.Context, c rota.Caller, id string, tags []rota.Tag) error {
	return o.call(ctx, c, "TagResource", members{"SecretId": id, "Tags": pairs(tags)}, &done{})
}

func (o *overWire) UntagResource(ctx context.Context, c rota.Caller, id string, keys []string) error {
	return o.call(ctx, c, "UntagResource", members{"SecretId": id, "TagKeys": keys}, &done{})
}

func (o *overWire) RotateSecret(ctx context.Context, c rota.Caller, in store.RotateSecretInput) (store.RotateSecretOutput, error) {
	var out done
	m := members{
		"SecretId": in.SecretID, "ClientRequestToken": in.ClientRequestToken, "RotationLambdaARN": in.RotationLambdaARN, "RotateImmediately": in.RotateImmediately,
		"ExternalSecretRotationRoleArn": in.RoleARN,
	}
	if r := in.RotationRules; r != nil {
		rules := members{"ScheduleExpression": r.Expression, "Duration": r.Duration}
		maps.DeleteFunc(rules, func(_ string, v any) bool { return absent(v) })
		if r.AfterDays != 0 {
			rules["AutomaticallyAfterDays"] = r.AfterDays
		}
		m["RotationRules"] = rules
	}
	var metadata []members
	for _, i := range in.Metadata {
		metadata = append(metadata, members{"Key": i.Key, "Value": i.Value})
	}
	m["ExternalSecretRotationMetadata"] = metadata
	err := o.call(ctx, c, "RotateSecret", m, &out)
	return store.RotateSecretOutput{ARN: out.ARN, Name: out.Name, VersionID: out.VersionId}, err
}

func (o *overWire) CancelRotateSecret(ctx context.Context, c rota.Caller, id string) (store.CancelRotateSecretOutput, error) {
	var out done
	err := o.call(ctx, c, "CancelRotateSecret", members{"SecretId": id}, &out)
	return store.CancelRotateSecretOutput{ARN: out.ARN, Name: out.Name, VersionID: out.VersionId}, err
}

func (o *overWire) GetRandomPassword(ctx context.Context, c rota.Caller, in store.GetRandomPasswordInput) (rota.Value, error) {
	var out struct{ RandomPassword string }
	err := o.call(ctx, c, "GetRandomPassword", members{
		"PasswordLength": in.PasswordLength, "ExcludeCharacters": in.ExcludeCharacters, "ExcludeNumbers": in.ExcludeNumbers, "ExcludePunctuation": in.ExcludePunctuation,
		"ExcludeUppercase": in.ExcludeUppercase, "ExcludeLowercase": in.ExcludeLowercase, "IncludeSpace": in.IncludeSpace, "RequireEachIncludedType": in.RequireEachIncludedType,
	}, &out)
	return rota.StringValue(out.RandomPassword), err
}

func (o *overWire) ReplicateSecretToRegions(ctx context.Context, c rota.Caller, in store.ReplicateInput) (store.ReplicationOutput, error) {
	var out done
	err := o.call(ctx, c, "ReplicateSecretToRegions", members{"SecretId": in.SecretID, "AddReplicaRegions": places(in.Regions), "ForceOverwriteReplicaSecret": in.Overwrite}, &out)
	return store.ReplicationOutput{ARN: out.ARN, Replicas: replicas(out.ReplicationStatus)}, err
}

func (o *overWire) RemoveRegionsFromReplication(ctx context.Context, c rota.Caller, id string, regions []string) (store.ReplicationOutput, error) {
	var out done
	err := o.call(ctx, c, "RemoveRegionsFromReplication", members{"SecretId": id, "RemoveReplicaRegions": regions}, &out)
	return store.ReplicationOutput{ARN: out.ARN, Replicas: replicas(out.ReplicationStatus)}, err
}

func (o *overWire) StopReplicationToReplica(ctx context.Context, c rota.Caller, id string) (string, error) {
	var out done
	err := o.call(ctx, c, "StopReplicationToReplica", members{"SecretId": id}, &out)
	return out.ARN, err
}

func (o *overWire) policy(ctx context.Context, c rota.Caller, operation string, in members) (store.ResourcePolicyOutput, error) {
	var out done
	err := o.call(ctx, c, operation, in, &out)
	return store.ResourcePolicyOutput{ARN: out.ARN, Name: out.Name, Document: out.ResourcePolicy}, err
}

func (o *overWire) GetResourcePolicy(ctx context.Context, c rota.Caller, id string) (store.ResourcePolicyOutput, error) {
	return o.policy(ctx, c, "GetResourcePolicy", members{"SecretId": id})
}

func (o *overWire) PutResourcePolicy(ctx context.Context, c rota.Caller, in store.PutResourcePolicyInput) (store.ResourcePolicyOutput, error) {
	return o.policy(ctx, c, "PutResourcePolicy", members{"SecretId": in.SecretID, "ResourcePolicy": in.Document, "BlockPublicPolicy": in.BlockPublic})
}

func (o *overWire) DeleteResourcePolicy(ctx context.Context, c rota.Caller, id string) (store.ResourcePolicyOutput, error) {
	return o.policy(ctx, c, "DeleteResourcePolicy", members{"SecretId": id})
}

func (o *overWire) ValidateResourcePolicy(ctx context.Context, c rota.Caller, id, document string) (findings []store.PolicyFinding, err error) {
	var out struct {
		PolicyValidationPassed bool
		ValidationErrors       []struct{ CheckName, ErrorMessage string }
	}
	err = o.call(ctx, c, "ValidateResourcePolicy", members{"SecretId": id, "ResourcePolicy": document}, &out)
	for _, e := range out.ValidationErrors {
		findings = append(findings, store.PolicyFinding{CheckName: e.CheckName, Message: e.ErrorMessage})
	}
	if err == nil && out.PolicyValidationPassed != (len(findings) == 0) {
		o.world.T.Errorf("passed is %v with the findings %v", out.PolicyValidationPassed, findings)
	}
	return findings, err
}
