-- Who may call: users and roles, their policies and access keys.

-- +goose Up
CREATE TABLE principals (
    arn      TEXT PRIMARY KEY,  -- has the account in it
    name     TEXT NOT NULL,     -- user/ or role/ and the name without its path, in lower case
    id       TEXT NOT NULL,     -- of this one: another with the same ARN later has another
    disabled BIGINT NOT NULL,
    created  BIGINT NOT NULL,
    changed  BIGINT NOT NULL    -- it or its policies
) WITHOUT ROWID;
CREATE UNIQUE INDEX principals_name ON principals (name);

CREATE TABLE principal_policies (
    principal   TEXT NOT NULL,
    name        TEXT NOT NULL,
    document    TEXT NOT NULL,
    full_access BIGINT NOT NULL, -- allows everything on everything
    denies      BIGINT NOT NULL, -- has a statement that denies
    changed     BIGINT NOT NULL,
    PRIMARY KEY (principal, name),
    FOREIGN KEY (principal) REFERENCES principals (arn)
);
CREATE INDEX principal_policies_full ON principal_policies (full_access) WHERE full_access > 0;

CREATE TABLE access_keys (
    id        TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    inactive  BIGINT NOT NULL,
    created   BIGINT NOT NULL,
    used      BIGINT NOT NULL, -- about: written later, many at once
    seal_key  TEXT NOT NULL,   -- the sealing key that holds the secret
    secret    BLOB NOT NULL,
    FOREIGN KEY (principal) REFERENCES principals (arn)
);
CREATE INDEX access_keys_principal ON access_keys (principal);
