// Package crontab owns what other schedulers' text says: crontab files, and the
// curl and wget commands in them. It turns them into definitions of jobs, with a
// warning for what is not carried over, and names what it cannot carry over at all.
//
// It executes nothing, reads no file and opens no connection: a command is only
// taken apart.
package crontab
