-- +goose Up

-- The ends that are to be kept longest, found without reading the runs. What is
-- not in here and not open has succeeded: those need no index of their own.
CREATE INDEX runs_not_ok ON runs (job_id, id, state) WHERE open = 0 AND state <> 'succeeded';

-- What is done now and then, by one process at a time.
CREATE TABLE chores (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL, -- the process that does it
    held_until INTEGER NOT NULL, -- when another may take it over
    due_at     INTEGER NOT NULL, -- when it is to be done again
    place      TEXT    NOT NULL  -- how far it has come, in its own words
) STRICT, WITHOUT ROWID;
