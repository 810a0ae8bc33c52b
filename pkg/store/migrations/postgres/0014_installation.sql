-- +goose Up

-- What this installation is called in Redis. One row, made at the first start; whoever changes transport_users holds it.
CREATE TABLE installation (
    one SMALLINT PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
);

-- Which Redis each process uses, by the id that is kept there. A row counts until its moment, by the clock of the database.
CREATE TABLE transport_users (
    process   TEXT PRIMARY KEY,
    role      TEXT NOT NULL,
    transport TEXT NOT NULL,
    until_at  BIGINT NOT NULL
);
