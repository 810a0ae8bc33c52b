-- +goose Up

-- Who is told what: docs/adr/0011-outbox.md.
CREATE TABLE channels (
    id            TEXT    NOT NULL PRIMARY KEY,
    kind          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    enabled       INTEGER NOT NULL,
    language      TEXT    NOT NULL,
    settings      TEXT    NOT NULL, -- JSON, as it may be shown
    sealed        TEXT    NOT NULL, -- the whole settings, sealed
    per_minute    INTEGER NOT NULL, -- 0: as the service says
    template      TEXT,
    failing_since INTEGER,          -- nothing could be sent since then
    sent_at       INTEGER,          -- when the latest message was made
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE rules (
    id      INTEGER NOT NULL PRIMARY KEY, -- 1: all rules are one row
    version INTEGER NOT NULL,
    rules   TEXT    NOT NULL              -- JSON
) STRICT;
INSERT INTO rules (id, version, rules) VALUES (1, 1, '{"rules":[]}');

CREATE TABLE incidents (
    id        TEXT    NOT NULL PRIMARY KEY,
    kind      TEXT    NOT NULL,
    job_id    TEXT    NOT NULL, -- empty: of the service
    subject   TEXT    NOT NULL, -- what of the service
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    times     INTEGER NOT NULL,
    note      TEXT    NOT NULL,
    run_id    TEXT    NOT NULL,
    about     TEXT    NOT NULL, -- JSON: the latest run, as messages show it
    reminders INTEGER NOT NULL,
    remind_at INTEGER,
    ack_until INTEGER,
    ack_by    TEXT    NOT NULL,
    ack_note  TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX incidents_open ON incidents (job_id, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX incidents_remind ON incidents (remind_at) WHERE closed_at IS NULL AND remind_at IS NOT NULL;
CREATE INDEX incidents_of_job ON incidents (job_id, id);

-- The outbox: one row for a transition of an incident and a channel. The id is made of these, so there is no second one.
CREATE TABLE notifications (
    id          TEXT    NOT NULL PRIMARY KEY,
    incident_id TEXT    NOT NULL,
    job_id      TEXT    NOT NULL,
    transition  TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    state       TEXT    NOT NULL, -- pending, queued, sent, failed
    notice      TEXT    NOT NULL, -- JSON: what is told
    created_at  INTEGER NOT NULL,
    hold_until  INTEGER NOT NULL,
    message_id  TEXT,
    serial      INTEGER NOT NULL DEFAULT 0 -- how often it was asked for again
) STRICT;
CREATE INDEX notifications_pending ON notifications (channel, created_at, id) WHERE state = 'pending';
CREATE INDEX notifications_of_message ON notifications (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX notifications_of_incident ON notifications (incident_id);
CREATE INDEX notifications_made ON notifications (created_at, id);

-- What was sent, or is about to be: one call or mail each, of one or many notifications.
CREATE TABLE messages (
    id          TEXT    NOT NULL PRIMARY KEY,
    channel     TEXT    NOT NULL,
    state       TEXT    NOT NULL, -- queued, sent, failed
    body        TEXT    NOT NULL, -- JSON
    created_at  INTEGER NOT NULL,
    expected_by INTEGER NOT NULL, -- without news until then it is delivered anew
    finished_at INTEGER,
    attempts    TEXT    NOT NULL, -- JSON
    response    TEXT
) STRICT;
CREATE INDEX messages_queued ON messages (channel, expected_by) WHERE state = 'queued';
CREATE INDEX messages_made ON messages (created_at);

-- The next moment at which something would be wrong with a job that is watched.
ALTER TABLE jobs ADD COLUMN watch_at INTEGER;
ALTER TABLE jobs ADD COLUMN last_success_at INTEGER;
ALTER TABLE jobs ADD COLUMN paused_at INTEGER;
CREATE INDEX jobs_watched ON jobs (watch_at) WHERE watch_at IS NOT NULL;
