-- +goose Up

-- No indexes of host and type, as SQLite has: here every claim would write them, since it moves the row.
DROP INDEX jobs_resting;
CREATE INDEX jobs_resting ON jobs (status, id) WHERE status <> 'active';
