-- +goose Up

-- The answers to calls with an Idempotency-Key, for a day.
CREATE TABLE replays (
    actor       TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL, -- of the call
    created_at  BIGINT NOT NULL,
    answer      TEXT COLLATE "C",          -- JSON; NULL while the call is under way
    PRIMARY KEY (actor, key)
);
CREATE INDEX replays_created ON replays (created_at);
