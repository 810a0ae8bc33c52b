-- +goose Up

-- The runs of all jobs that people started, the latest first. No claim writes this.
CREATE INDEX runs_of_cause ON runs (cause, id) WHERE cause <> 'schedule';
