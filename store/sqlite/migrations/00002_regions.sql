-- More than one region, replicas and resource policies.

-- +goose Up
ALTER TABLE secrets ADD COLUMN primary_region TEXT NOT NULL DEFAULT ''; -- '' unless replicated

-- Where a secret is replicated to. While the status is InSync the replica is
-- a row of secrets, with the id of its primary.
CREATE TABLE replicas (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL, -- the primary's
    secret     TEXT NOT NULL,
    replica    TEXT NOT NULL, -- region
    seq        BIGINT NOT NULL,
    kms_key_id TEXT NOT NULL, -- as given
    status     TEXT NOT NULL,
    message    TEXT NOT NULL,
    PRIMARY KEY (account, region, secret, replica)
) WITHOUT ROWID;

CREATE TABLE policies (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    secret   TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (account, region, secret)
) WITHOUT ROWID;
