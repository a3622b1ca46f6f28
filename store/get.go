package store

import (
	"context"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// GetSecretValueInput is the input of GetSecretValue. Without version and
// stage it is AWSCURRENT.
type GetSecretValueInput struct {
	SecretID     string
	VersionID    string
	VersionStage rota.Label
}

// GetSecretValueOutput is its output.
type GetSecretValueOutput struct {
	ARN, Name     string
	VersionID     string
	Value         rota.Value
	VersionStages []rota.Label // sorted by name; nil for a version without
	Created       time.Time    // of the version
}

// GetSecretValue returns a value
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
// It records who read before it answers, unless the last record is younger
// than a minute: if that cannot be written, there is no answer. The date of
// the last access is written if it can be. A caller with a claim is no reader.
func (s *Store) GetSecretValue(ctx context.Context, c rota.Caller, in GetSecretValueInput) (GetSecretValueOutput, error) {
	got, err := s.get(ctx, c, in)
	if err == nil && !c.Claim.Held() {
		err = s.accessed(ctx, c, got)
	}
	if err != nil {
		return GetSecretValueOutput{}, wrap(getValue, in.SecretID, err)
	}
	return got.out, nil
}

const getValue = "GetSecretValue"

// read is a value that was read, with what decides if that must be recorded.
type read struct {
	out             GetSecretValueOutput
	key             rota.Key
	secretAccessed  time.Time
	versionAccessed time.Time
}

func (s *Store) get(ctx context.Context, c rota.Caller, in GetSecretValueInput) (read, error) {
	if in.VersionID == "" && !c.Claim.Held() {
		r, ok, err := s.fetch(ctx, c, in)
		if ok || err != nil {
			return r, err
		}
	}
	var r read
	err := s.view(ctx, c, getValue, in.SecretID, func(x *session) (err error) {
		r, err = x.get(in)
		return err
	})
	return r, err
}

// fetch is the short way, for a value under a label. ok is false when the
// long way must find out what to answer.
func (s *Store) fetch(ctx context.Context, c rota.Caller, in GetSecretValueInput) (r read, ok bool, err error) {
	c = s.placed(c)
	ref, err := parseID(c, in.SecretID)
	if err != nil {
		return r, false, nil
	}
	label := in.VersionStage
	if label == "" {
		label = rota.Current
	}
	f, ok, err := s.d.Fetch(ctx, FetchQuery{Account: ref.account, Region: ref.region, Name: ref.name, Suffix: ref.suffix, Label: label})
	if err != nil || !ok || f.Deleted || f.Kind == rota.KindNone {
		return r, false, err
	}
	row := SecretRow{Secret: rota.Secret{Key: f.Key, Name: f.Name, Suffix: f.Suffix, Type: f.Type, PrimaryRegion: f.PrimaryRegion}}
	row.Rotation.Function = f.Function
	if !c.Trusted() {
		on := resourceOf(row.Secret, f.Tags, f.Policy, in.SecretID)
		if err := allowed(c, actionOf(getValue), on, unseen(c, in.SecretID, in.SecretID)); err != nil {
			return r, false, err
		}
	}
	value, err := s.unseal(row, VersionRow{Version: rota.Version{ID: f.Version, Kind: f.Kind}, Blob: f.Blob})
	if err != nil {
		return r, false, err
	}
	slices.Sort(f.Labels)
	return read{
		out:            GetSecretValueOutput{row.ARN(), f.Name, f.Version, value, f.Labels, f.Created},
		key:            f.Key,
		secretAccessed: f.SecretAccessed, versionAccessed: f.VersionAccessed,
	}, true, nil
}

func (x *session) get(in GetSecretValueInput) (r read, err error) {
	it, err := x.openReplica(in.SecretID)
	if err != nil {
		return r, err
	}
	label := in.VersionStage
	if label == "" && in.VersionID == "" {
		label = rota.Current
	}
	id := in.VersionID
	if id == "" {
		if id = it.labels[label]; id == "" {
			return r, rota.E(rota.NotFound, msgNoLabelValue, label)
		}
	}
	v, ok, err := x.tx.Version(it.row.Key, id)
	switch {
	case err != nil:
		return r, err
	case ok && label != "" && it.labels[label] != id:
		return r, rota.E(rota.InvalidRequest, "You provided a VersionStage that is not associated to the provided VersionId.")
	case (!ok || v.Kind == rota.KindNone) && in.VersionID != "":
		return r, rota.E(rota.NotFound, msgNoVersion, id)
	case !ok || v.Kind == rota.KindNone:
		return r, rota.E(rota.NotFound, msgNoLabelValue, label)
	}
	value, err := x.unseal(it.row, v)
	if err != nil {
		return r, err
	}
	return read{
		out: GetSecretValueOutput{it.row.ARN(), it.row.Name, id, value, sorted(it.labels, id), v.Created},
		key: it.row.Key, secretAccessed: it.row.Accessed, versionAccessed: v.Accessed,
	}, nil
}
