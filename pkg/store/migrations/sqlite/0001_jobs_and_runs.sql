-- +goose Up

-- A job's moving part: what is claimed, listed, sorted and searched. It stays
-- narrow because every claim rewrites it; what the user wrote lies in definitions.
CREATE TABLE jobs (
    id           TEXT    NOT NULL PRIMARY KEY,
    status       TEXT    NOT NULL,
    next_run_at  INTEGER,
    due_at       INTEGER,
    last_run_at  INTEGER,          -- scheduled_at of last_run
    last_state   TEXT,
    failures     INTEGER NOT NULL, -- failed runs in a row
    version      INTEGER NOT NULL,
    ran_version  INTEGER NOT NULL, -- the latest version that runs follow, 0 for none
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    pause_reason TEXT,
    paused_until INTEGER,
    paused_from  INTEGER, -- the first occurrence that the pause held back
    type         TEXT    NOT NULL,
    host         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    tags         TEXT    NOT NULL, -- JSON, one tag a line
    search       TEXT    NOT NULL, -- id, name, URL and tags in lower case
    last_run     TEXT              -- JSON
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_next ON jobs (next_run_at, id);
CREATE INDEX jobs_name ON jobs (name, id);
CREATE INDEX jobs_updated ON jobs (updated_at, id);

-- What the user wrote, by version: the job's present one, those that runs
-- follow, and of a deleted job the last, so that its version never repeats.
CREATE TABLE definitions (
    job_id      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    description TEXT    NOT NULL,
    schedule    TEXT    NOT NULL, -- JSON, as request and policy
    request     TEXT    NOT NULL,
    policy      TEXT    NOT NULL,
    PRIMARY KEY (job_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id              TEXT    NOT NULL PRIMARY KEY,
    job_id          TEXT    NOT NULL,
    job_version     INTEGER NOT NULL,
    cause           TEXT    NOT NULL, -- what the API calls trigger
    state           TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    open            INTEGER NOT NULL, -- 1 until the state is final
    touched_at      INTEGER NOT NULL, -- nothing is expected of an open run before
    scheduled_at    INTEGER NOT NULL,
    queued_at       INTEGER,
    started_at      INTEGER,
    finished_at     INTEGER,
    missed_count    INTEGER NOT NULL,
    missed_from     INTEGER,
    missed_to       INTEGER,
    queue           TEXT    NOT NULL,
    retry_until     INTEGER,
    attempt_started INTEGER NOT NULL,
    cancel_reason   TEXT,             -- the intent to cancel an open run
    attempts        TEXT    NOT NULL, -- JSON
    response        TEXT              -- JSON; last, so that lists never read its pages
) STRICT;
CREATE INDEX runs_of_job ON runs (job_id, id);
CREATE INDEX runs_open ON runs (job_id, touched_at) WHERE open = 1;
CREATE INDEX runs_to_cancel ON runs (id) WHERE open = 1 AND cancel_reason IS NOT NULL;
