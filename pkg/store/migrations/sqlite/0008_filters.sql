-- +goose Up

-- What a list is filtered by. No claim and no result writes these.
CREATE INDEX jobs_host ON jobs (host, id);
CREATE INDEX jobs_type ON jobs (type, id);
DROP INDEX jobs_resting;
CREATE INDEX jobs_resting ON jobs (status, id) WHERE status <> 'active';
