-- +goose Up

-- Nothing: SQLite counts a million jobs in 10 ms.
SELECT 1;
