-- +goose Up

-- The ends of all jobs that are looked for, the latest first. Most runs succeed, and are not in here.
CREATE INDEX runs_of_state ON runs (state, id) WHERE open = 0 AND state <> 'succeeded';
