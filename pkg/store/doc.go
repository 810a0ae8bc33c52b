// Package store owns every SQL statement of the product: jobs, their
// definitions and the accounts of their runs, in SQLite or PostgreSQL.
//
// It never decides: what becomes of a due job, or of a run, is said by the
// functions that its callers pass in and by package job. It reads no clock,
// starts no goroutine that outlives a call, and hands no SQL error out as such:
// every error is a *job.Error, or the caller's own.
package store
