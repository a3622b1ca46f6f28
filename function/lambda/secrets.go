package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// secrets is Secrets Manager as the handler sees it, for one invocation. The
// secret of the event may be read and written; any other is an admin secret,
// which the allow-list must name, and is only read. Each call checks that by
// itself, whatever the handler asked before.
type secrets struct {
	api   SecretsManager
	id    string // as the event names it
	allow Allow

	own    rota.Secret     // the secret of the event, as last seen
	admins map[string]bool // ids of those that the allow-list names
}

var _ rotation.Secrets = (*secrets)(nil)

// Describe returns the secret. It may be repeated.
func (s *secrets) Describe(ctx context.Context, id string) (rota.Secret, error) {
	out, err := s.api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		return rota.Secret{}, failed("DescribeSecret", id, err)
	}
	sec, err := described(out)
	if err != nil {
		return rota.Secret{}, err
	}
	switch {
	case s.mine(id, sec):
		s.own = sec
	default:
		if err := s.allow.admin(sec); err != nil {
			return rota.Secret{}, rotation.Permanent(err)
		}
		if s.admins == nil {
			s.admins = map[string]bool{}
		}
		s.admins[id], s.admins[sec.ARN()] = true, true
	}
	return sec, nil
}

// mine tells the secret of the event from an admin secret: the first one that
// is described is the former.
func (s *secrets) mine(id string, sec rota.Secret) bool {
	return s.own.Name == "" && id == s.id || s.own.ARN() == sec.ARN()
}

// named reports whether an id is the one of the event's secret.
func (s *secrets) named(id string) bool {
	return id != "" && (id == s.id || s.own.Name != "" && id == s.own.ARN())
}

// mayRead refuses what is neither the secret of the event nor an admin secret
// that is allowed.
func (s *secrets) mayRead(ctx context.Context, id string) error {
	if s.named(id) || s.admins[id] {
		return nil
	}
	_, err := s.Describe(ctx, id)
	return err
}

// mayWrite refuses what is not the secret of the event.
func (s *secrets) mayWrite(id string) error {
	if s.named(id) {
		return nil
	}
	return rotation.Permanent(fmt.Errorf("the secret %s is not the one in rotation, %s, and this function writes to no other", id, s.id))
}

// Get returns a value. It may be repeated.
func (s *secrets) Get(ctx context.Context, id, version, label string) (rota.Value, error) {
	if err := s.mayRead(ctx, id); err != nil {
		return rota.Value{}, err
	}
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if version != "" {
		in.VersionId = &version
	}
	if label != "" {
		in.VersionStage = &label
	}
	out, err := s.api.GetSecretValue(ctx, in)
	if err != nil {
		return rota.Value{}, failed("GetSecretValue", id, err)
	}
	if out.SecretString != nil {
		return rota.StringValue(*out.SecretString), nil
	}
	return rota.BinaryValue(out.SecretBinary), nil
}

// Put stores the pending value. In the same call its version gets the label
// by which it is ended if the rotation is given up. It may be repeated with
// the same value.
func (s *secrets) Put(ctx context.Context, id, token string, v rota.Value, rotationToken string) error {
	if err := s.mayWrite(id); err != nil {
		return err
	}
	in := &secretsmanager.PutSecretValueInput{SecretId: &id, ClientRequestToken: &token, VersionStages: []string{rota.Pending}}
	if has := s.own.VersionOf(alive(token)); has == "" || has == token { // the label holds only the beginning of the id
		in.VersionStages = append(in.VersionStages, alive(token))
	}
	if rotationToken != "" {
		in.RotationToken = &rotationToken
	}
	switch v.Kind() {
	case rota.KindString:
		in.SecretString = aws.String(string(v.Reveal()))
	case rota.KindBinary:
		in.SecretBinary = v.Reveal()
	case rota.KindNone:
		return fmt.Errorf("PutSecretValue %s: there is no value", id)
	}
	if _, err := s.api.PutSecretValue(ctx, in); err != nil {
		return failed("PutSecretValue", id, err)
	}
	for _, l := range in.VersionStages {
		s.labelled(l, "", token)
	}
	return nil
}

// UpdateVersionStage moves a label. Where AWS refuses although the label is
// where it should be, an earlier attempt of the SDK moved it, and only its
// answer was lost.
func (s *secrets) UpdateVersionStage(ctx context.Context, id, label, removeFrom, moveTo string) error {
	if err := s.mayWrite(id); err != nil {
		return err
	}
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &id, VersionStage: &label}
	if removeFrom != "" {
		in.RemoveFromVersionId = &removeFrom
	}
	if moveTo != "" {
		in.MoveToVersionId = &moveTo
	}
	_, err := s.api.UpdateSecretVersionStage(ctx, in)
	err = failed("UpdateSecretVersionStage", id, err)
	if errors.Is(err, rota.InvalidParameter) {
		if now, derr := s.Describe(ctx, id); derr == nil && now.VersionOf(label) == moveTo {
			return nil
		}
	}
	if err == nil {
		s.labelled(label, removeFrom, moveTo)
	}
	return err
}

// labelled follows a change of ours in what is known of the secret.
func (s *secrets) labelled(label, from, to string) {
	stages := maps.Clone(s.own.Stages)
	if stages == nil {
		stages = map[string][]rota.Label{}
	}
	if from != "" {
		stages[from] = slices.DeleteFunc(slices.Clone(stages[from]), func(l rota.Label) bool { return l == label })
	}
	if to != "" && !slices.Contains(stages[to], label) {
		stages[to] = append(slices.Clone(stages[to]), label)
	}
	s.own.Stages = stages
}
