-- +goose Up

-- How many jobs there are: the sum of the rows. Whoever adds or removes jobs adds a row of its own, so
-- that none waits for another, and reads see the number and the jobs as of the same moment. Updates,
-- which is all that a claim does to jobs, pass the triggers by.
CREATE TABLE job_counts (
    jobs BIGINT NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n BIGINT;
BEGIN
    SELECT count(*) INTO n FROM changed;
    IF n > 0 THEN -- by the schema's name, since that of a session may be another
        EXECUTE format('INSERT INTO %I.job_counts (jobs) VALUES ($1)', TG_TABLE_SCHEMA)
            USING CASE TG_OP WHEN 'DELETE' THEN -n ELSE n END;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER jobs_added AFTER INSERT ON jobs
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER jobs_removed AFTER DELETE ON jobs
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();

-- From here on nobody else writes jobs until this is committed.
INSERT INTO job_counts (jobs) SELECT count(*) FROM jobs;
