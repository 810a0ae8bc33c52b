-- +goose Up

-- The answers to calls with an Idempotency-Key, for a day.
CREATE TABLE replays (
    actor       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL, -- of the call
    created_at  INTEGER NOT NULL,
    answer      TEXT,             -- JSON; NULL while the call is under way
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replays_created ON replays (created_at);
