-- +goose Up

-- Room in each page for the last run of its jobs: where it finds some, a row is written anew without an entry in each index.
ALTER TABLE jobs SET (fillfactor = 70);
