-- ListSecrets finds secrets by the beginning of a tag.

-- +goose Up
CREATE INDEX tags_by_key ON tags (account, region, key);
CREATE INDEX tags_by_value ON tags (account, region, value);
