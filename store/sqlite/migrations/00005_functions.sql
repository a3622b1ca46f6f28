-- Functions that are not rota's own.

-- +goose Up
CREATE TABLE functions (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    definition TEXT NOT NULL, -- JSON: how it is invoked, without anything secret
    seal_key   TEXT NOT NULL, -- that holds the environment; '' without one
    env        BLOB NOT NULL, -- its own variables, sealed
    created    BIGINT NOT NULL,
    changed    BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
) WITHOUT ROWID;
