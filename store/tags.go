package store

import (
	"context"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// maxTags is the quota of tags
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html).
const maxTags = 50

// checkTags refuses tags that cannot be set, whatever secret they are for.
func (s *Store) checkTags(tags []rota.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "":
			return rota.E(rota.InvalidParameter, "A tag has no Key.")
		case seen[t.Key]:
			return rota.E(rota.InvalidParameter, "The tag key %s is given more than once.", t.Key)
		case strings.HasPrefix(t.Key, "aws:"):
			return rota.E(rota.InvalidParameter, "The tag key %s begins with aws:, which is reserved for AWS.", t.Key)
		}
		seen[t.Key] = true
		if s.cfg.Functions != nil {
			if err := s.cfg.Functions.CheckTag(t.Key, t.Value); err != nil {
				return err
			}
		}
	}
	if len(tags) > maxTags {
		return rota.E(rota.InvalidParameter, "A secret can have at most %d tags.", maxTags)
	}
	return nil
}

// TagResource sets tags; one that exists keeps its place. It may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html).
func (s *Store) TagResource(ctx context.Context, c rota.Caller, secretID string, tags []rota.Tag) error {
	return s.update(ctx, c, "TagResource", secretID, func(x *session) error {
		it, err := x.open(secretID)
		if err != nil {
			return err
		}
		if err := x.checkTags(tags); err != nil {
			return err
		}
		have, err := x.tx.Tags(it.row.Key)
		if err != nil {
			return err
		}
		for _, t := range tags {
			if i := slices.IndexFunc(have, func(h rota.Tag) bool { return h.Key == t.Key }); i >= 0 {
				have[i] = t
			} else {
				have = append(have, t)
			}
		}
		if len(have) > maxTags {
			return rota.E(rota.InvalidParameter, "A secret can have at most %d tags.", maxTags)
		}
		return it.setTags(have)
	})
}

// UntagResource removes tags; a key that is not there is no error. It may be
// repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UntagResource.html).
func (s *Store) UntagResource(ctx context.Context, c rota.Caller, secretID string, keys []string) error {
	return s.update(ctx, c, "UntagResource", secretID, func(x *session) error {
		it, err := x.open(secretID)
		if err != nil {
			return err
		}
		have, err := x.tx.Tags(it.row.Key)
		if err != nil {
			return err
		}
		return it.setTags(slices.DeleteFunc(have, func(t rota.Tag) bool { return slices.Contains(keys, t.Key) }))
	})
}

func (it *item) setTags(tags []rota.Tag) error {
	if err := it.tx.PutTags(it.row.Key, tags); err != nil {
		return err
	}
	// A change of tags after which the caller could not change them again is
	// refused, as on AWS
	// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html).
	if err := it.may(it.action, it.row, it.id); err != nil {
		return err
	}
	it.row.EverTagged = it.row.EverTagged || len(tags) > 0
	it.changed()
	if err := it.settingsChanged(); err != nil {
		return err
	}
	return it.save()
}
