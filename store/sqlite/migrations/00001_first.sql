-- Times are milliseconds since 1970 in UTC, 0 for none. Ids are text. Every
-- key has account and region.

-- +goose Up
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    id             TEXT NOT NULL,
    name           TEXT NOT NULL,
    suffix         TEXT NOT NULL,
    description    TEXT NOT NULL,
    kms_key_id     TEXT NOT NULL, -- as given
    type           TEXT NOT NULL,
    create_token   TEXT NOT NULL,
    created        BIGINT NOT NULL,
    changed        BIGINT NOT NULL,
    accessed       BIGINT NOT NULL,
    deletion_date  BIGINT NOT NULL,
    gone           BIGINT NOT NULL, -- deleted, and kept for an open ending
    ever_tagged    BIGINT NOT NULL,
    configured     BIGINT NOT NULL, -- rotation was set up at some time
    enabled        BIGINT NOT NULL,
    function       TEXT NOT NULL,
    after_days     BIGINT NOT NULL,
    expression     TEXT NOT NULL,
    duration       TEXT NOT NULL,
    metadata       TEXT NOT NULL, -- JSON
    role_arn       TEXT NOT NULL,
    last_rotated   BIGINT NOT NULL,
    next_rotation  BIGINT NOT NULL,
    anchor         BIGINT NOT NULL, -- what the schedule counts from
    start          BIGINT NOT NULL, -- the moment chosen in the next window
    PRIMARY KEY (account, region, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX secrets_name ON secrets (account, region, name) WHERE gone = 0;
CREATE UNIQUE INDEX secrets_arn ON secrets (account, region, name, suffix);
CREATE INDEX secrets_created ON secrets (account, region, created, id);
CREATE INDEX secrets_changed ON secrets (account, region, changed, id);
CREATE INDEX secrets_accessed ON secrets (account, region, accessed, id);
CREATE INDEX secrets_deleted ON secrets (deletion_date) WHERE deletion_date > 0;

CREATE TABLE versions (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    secret     TEXT NOT NULL,
    id         TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    accessed   BIGINT NOT NULL,
    kind       BIGINT NOT NULL, -- 0 no value, 1 string, 2 binary
    kms_key_id TEXT NOT NULL,   -- as given when the value was stored
    seal_key   TEXT NOT NULL,   -- the sealing key that holds the value
    value      BLOB,
    PRIMARY KEY (account, region, secret, id),
    FOREIGN KEY (account, region, secret) REFERENCES secrets (account, region, id)
);

-- The key is the rule: a label sits on one version.
CREATE TABLE labels (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    secret  TEXT NOT NULL,
    label   TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (account, region, secret, label),
    FOREIGN KEY (account, region, secret, version) REFERENCES versions (account, region, secret, id)
) WITHOUT ROWID;
CREATE INDEX labels_version ON labels (account, region, secret, version);

CREATE TABLE tags (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    secret  TEXT NOT NULL,
    pos     BIGINT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (account, region, secret, key)
) WITHOUT ROWID;

-- The queue, the claim and the state of the attempt in one row, so that they
-- change together.
CREATE TABLE tasks (
    account        TEXT NOT NULL,
    region         TEXT NOT NULL,
    secret         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    token          TEXT NOT NULL,
    rotation_token TEXT NOT NULL,
    cause          TEXT NOT NULL,
    asked          BIGINT NOT NULL,
    attempt        BIGINT NOT NULL,
    started        BIGINT NOT NULL,
    touched        BIGINT NOT NULL,
    resolve        BIGINT NOT NULL,
    last_error     TEXT NOT NULL,
    due            BIGINT NOT NULL,
    lane           TEXT NOT NULL,
    capacity       BIGINT NOT NULL,
    admin_account  TEXT NOT NULL,
    admin_region   TEXT NOT NULL,
    admin_id       TEXT NOT NULL,
    claim_number   BIGINT NOT NULL, -- only grows
    claim_owner    TEXT NOT NULL,
    claim_use      TEXT NOT NULL,
    claim_until    BIGINT NOT NULL,
    claim_admin_account TEXT NOT NULL,
    claim_admin_region  TEXT NOT NULL,
    claim_admin_id      TEXT NOT NULL,
    PRIMARY KEY (account, region, secret),
    FOREIGN KEY (account, region, secret) REFERENCES secrets (account, region, id)
) WITHOUT ROWID;
-- A secret that is not due costs nothing: the engine reads this index only.
CREATE INDEX tasks_due ON tasks (due, lane, claim_until) WHERE due > 0;
CREATE INDEX tasks_busy ON tasks (kind) WHERE kind <> '' OR claim_owner <> '';
CREATE INDEX tasks_admin ON tasks (claim_admin_id, claim_until) WHERE claim_admin_id <> '';

-- The ledger references nothing: it outlives versions and secrets.
CREATE TABLE credentials (
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    secret      TEXT NOT NULL,
    id          TEXT NOT NULL,
    secret_arn  TEXT NOT NULL,
    version     TEXT NOT NULL,
    rotator     TEXT NOT NULL,
    provider    TEXT NOT NULL,
    principal   TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL, -- keyed hash
    metadata    TEXT NOT NULL, -- JSON
    state       TEXT NOT NULL,
    lane        TEXT NOT NULL,
    policy      TEXT NOT NULL, -- as fixed at finish
    not_before  BIGINT NOT NULL,
    deadline    BIGINT NOT NULL,
    due         BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    evidence    TEXT NOT NULL,
    created     BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    PRIMARY KEY (account, region, secret, id)
) WITHOUT ROWID;
CREATE INDEX credentials_arn ON credentials (secret_arn);
CREATE INDEX credentials_state ON credentials (state);
CREATE INDEX credentials_due ON credentials (due, lane) WHERE due > 0;

CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    secret   TEXT NOT NULL,
    token    TEXT NOT NULL,
    claim    BIGINT NOT NULL,
    attempt  BIGINT NOT NULL,
    step     TEXT NOT NULL,
    started  BIGINT NOT NULL,
    duration BIGINT NOT NULL, -- microseconds
    outcome  TEXT NOT NULL,
    cause    TEXT NOT NULL,
    next     TEXT NOT NULL
);
CREATE INDEX journal_secret ON journal (account, region, secret, seq);

CREATE TABLE readers (
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    secret     TEXT NOT NULL,
    version    TEXT NOT NULL,
    principal  TEXT NOT NULL,
    instance   TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    grade      TEXT NOT NULL,
    PRIMARY KEY (account, region, secret, version, principal, instance)
) WITHOUT ROWID;

CREATE TABLE provider_checks (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    address TEXT NOT NULL,
    checks  BIGINT NOT NULL,
    seen    BIGINT NOT NULL,
    PRIMARY KEY (account, region, address)
) WITHOUT ROWID;

CREATE TABLE tombstones (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    name    TEXT NOT NULL,
    suffix  TEXT NOT NULL,
    id      TEXT NOT NULL,
    created BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    purged  BIGINT NOT NULL,
    PRIMARY KEY (account, region, name, suffix, id)
) WITHOUT ROWID;
