-- +goose Up

-- A run whose target goes on working after its answer, until it completes the run.
ALTER TABLE runs ADD COLUMN wait_until BIGINT; -- null: it does not wait
ALTER TABLE runs ADD COLUMN message TEXT;    -- what the target said at the end
CREATE INDEX runs_to_complete ON runs (wait_until) WHERE open = 1 AND wait_until IS NOT NULL;
