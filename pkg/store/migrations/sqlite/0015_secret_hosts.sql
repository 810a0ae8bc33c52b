-- +goose Up

-- The hosts that a secret may be sent to: a JSON array, or NULL for any.
ALTER TABLE secrets ADD COLUMN hosts TEXT;
