// Package apscheduler owns what the original service stored: rows of APScheduler's
// job store, each a Python pickle. It turns them into definitions of jobs.
//
// A pickle is a program. Here none is run: of all names in it only a few stand for
// values (dates, lengths of time, zones), the others become inert objects.
package apscheduler
