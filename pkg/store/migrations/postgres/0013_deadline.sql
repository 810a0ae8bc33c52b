-- +goose Up

-- Of an open run: the moment by which news of it must have been recorded. Null while it
-- waits for another run, and where a process of an older version wrote the run.
ALTER TABLE runs ADD COLUMN expected_by BIGINT;
ALTER TABLE runs ADD COLUMN redelivered BIGINT NOT NULL DEFAULT 0; -- how often it was delivered anew

-- The deadlines lie in the index of the open runs that is written anyway: one of their own would cost every claim and every record.
DROP INDEX runs_open;
CREATE INDEX runs_open ON runs (job_id, touched_at, expected_by) WHERE open = 1;
