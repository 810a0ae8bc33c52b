-- +goose Up

-- A job's moving part: what is claimed, listed, sorted and searched. It stays
-- narrow because every claim rewrites it; what the user wrote lies in definitions.
CREATE TABLE jobs (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    status       TEXT COLLATE "C" NOT NULL,
    next_run_at  BIGINT,
    due_at       BIGINT,
    last_run_at  BIGINT,          -- scheduled_at of last_run
    last_state   TEXT COLLATE "C",
    failures     BIGINT NOT NULL, -- failed runs in a row
    version      BIGINT NOT NULL,
    ran_version  BIGINT NOT NULL, -- the latest version that runs follow, 0 for none
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    pause_reason TEXT COLLATE "C",
    paused_until BIGINT,
    paused_from  BIGINT, -- the first occurrence that the pause held back
    type         TEXT COLLATE "C" NOT NULL,
    host         TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    tags         TEXT COLLATE "C" NOT NULL, -- JSON, one tag a line
    search       TEXT COLLATE "C" NOT NULL, -- id, name, URL and tags in lower case
    last_run     TEXT COLLATE "C"           -- JSON
);
CREATE INDEX jobs_due ON jobs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_next ON jobs (next_run_at, id);
CREATE INDEX jobs_name ON jobs (name, id);
CREATE INDEX jobs_updated ON jobs (updated_at, id);

-- What the user wrote, by version: the job's present one, those that runs
-- follow, and of a deleted job the last, so that its version never repeats.
CREATE TABLE definitions (
    job_id      TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    schedule    TEXT COLLATE "C" NOT NULL, -- JSON, as request and policy
    request     TEXT COLLATE "C" NOT NULL,
    policy      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, version)
);

CREATE TABLE runs (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id          TEXT COLLATE "C" NOT NULL,
    job_version     BIGINT NOT NULL,
    cause           TEXT COLLATE "C" NOT NULL, -- what the API calls trigger
    state           TEXT COLLATE "C" NOT NULL,
    reason          TEXT COLLATE "C" NOT NULL,
    open            SMALLINT NOT NULL, -- 1 until the state is final
    touched_at      BIGINT NOT NULL,   -- nothing is expected of an open run before
    scheduled_at    BIGINT NOT NULL,
    queued_at       BIGINT,
    started_at      BIGINT,
    finished_at     BIGINT,
    missed_count    BIGINT NOT NULL,
    missed_from     BIGINT,
    missed_to       BIGINT,
    queue           TEXT COLLATE "C" NOT NULL,
    retry_until     BIGINT,
    attempt_started BIGINT NOT NULL,
    cancel_reason   TEXT COLLATE "C",          -- the intent to cancel an open run
    attempts        TEXT COLLATE "C" NOT NULL, -- JSON
    response        TEXT COLLATE "C"           -- JSON
);
CREATE INDEX runs_of_job ON runs (job_id, id);
CREATE INDEX runs_open ON runs (job_id, touched_at) WHERE open = 1;
CREATE INDEX runs_to_cancel ON runs (id) WHERE open = 1 AND cancel_reason IS NOT NULL;
