-- What commits have to tell, until it was delivered.

-- +goose Up
CREATE TABLE outbox (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
    kind TEXT NOT NULL, -- where it is to be delivered
    id   TEXT NOT NULL, -- the event's
    body BLOB NOT NULL  -- JSON
);
