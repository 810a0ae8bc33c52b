-- +goose Up

-- Secrets that users keep for their jobs, sealed under a key that is not in the database.
CREATE TABLE secrets (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sealed     TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What is secret about a definition: JSON with the names of the secrets it uses,
-- one a line, and its own sealed credentials. NULL for most: a claim then looks no further.
ALTER TABLE definitions ADD COLUMN secrets TEXT COLLATE "C";
CREATE INDEX definitions_secrets ON definitions (job_id, version) WHERE secrets IS NOT NULL;

-- Before there were templates, {{ stood for itself.
UPDATE definitions SET request = CAST(jsonb_set(CAST(request AS jsonb), '{literal}', 'true') AS TEXT) WHERE request LIKE '%{{%';
