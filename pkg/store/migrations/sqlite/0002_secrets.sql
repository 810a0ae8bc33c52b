-- +goose Up

-- Secrets that users keep for their jobs, sealed under a key that is not in the database.
CREATE TABLE secrets (
    name       TEXT    NOT NULL PRIMARY KEY,
    sealed     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What is secret about a definition: JSON with the names of the secrets it uses,
-- one a line, and its own sealed credentials. NULL for most: a claim then looks no further.
ALTER TABLE definitions ADD COLUMN secrets TEXT;
CREATE INDEX definitions_secrets ON definitions (job_id, version) WHERE secrets IS NOT NULL;

-- Before there were templates, {{ stood for itself.
UPDATE definitions SET request = json_set(request, '$.literal', json('true')) WHERE request LIKE '%{{%';
