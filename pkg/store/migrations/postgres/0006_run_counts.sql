-- +goose Up

-- Occurrences that have ended, counted by when they were scheduled. It outlives
-- the runs themselves, and answers for all of them without reading any.
CREATE TABLE run_counts (
    span  BIGINT NOT NULL, -- the length of what is counted together, in milliseconds
    at    BIGINT NOT NULL, -- where that begins
    state TEXT COLLATE "C" NOT NULL,
    runs  BIGINT NOT NULL,
    PRIMARY KEY (span, at, state)
) WITH (fillfactor = 50); -- the rows of the present are rewritten all the time

INSERT INTO run_counts (span, at, state, runs)
SELECT 60000, scheduled_at - scheduled_at % 60000, state, sum(greatest(1, missed_count))
FROM runs WHERE open = 0 GROUP BY 2, 3;

CREATE INDEX jobs_resting ON jobs (status) WHERE status <> 'active';
CREATE INDEX jobs_failing ON jobs (id) WHERE last_state = 'failed';
