-- +goose Up

-- Occurrences that have ended, counted by when they were scheduled. It outlives
-- the runs themselves, and answers for all of them without reading any.
CREATE TABLE run_counts (
    span  INTEGER NOT NULL, -- the length of what is counted together, in milliseconds
    at    INTEGER NOT NULL, -- where that begins
    state TEXT    NOT NULL,
    runs  INTEGER NOT NULL,
    PRIMARY KEY (span, at, state)
) STRICT, WITHOUT ROWID;

INSERT INTO run_counts (span, at, state, runs)
SELECT 60000, scheduled_at - scheduled_at % 60000, state, sum(max(1, missed_count))
FROM runs WHERE open = 0 GROUP BY 2, 3;

CREATE INDEX jobs_resting ON jobs (status) WHERE status <> 'active';
CREATE INDEX jobs_failing ON jobs (id) WHERE last_state = 'failed';
