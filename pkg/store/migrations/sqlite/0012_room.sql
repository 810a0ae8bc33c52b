-- +goose Up

-- Nothing: SQLite rewrites a row in its place.
SELECT 1;
