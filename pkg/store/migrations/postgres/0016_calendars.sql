-- +goose Up

-- Calendars that somebody wrote. The definition is JSON; the version tells what an id means now from what it meant before,
-- and planned is the version up to which the jobs that use it are planned.
CREATE TABLE calendars (
    id         TEXT COLLATE "C" PRIMARY KEY,
    version    BIGINT NOT NULL,
    planned    BIGINT NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The calendar that a job's schedule goes by; NULL for none.
ALTER TABLE jobs ADD COLUMN calendar TEXT COLLATE "C";

CREATE INDEX jobs_calendar ON jobs (calendar, id) WHERE calendar IS NOT NULL;
